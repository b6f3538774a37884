# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people are told of a credential: its badge, since when and why not, and warnings before it ends."""

from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date, format_datetime

from ..engine.health import HealthFinding, HealthState
from .engine_text import EngineChar, EngineText, said

BADGES = {"google": "Gmail Token", "microsoft": "Outlook Token"}
# Time enough to find whoever may make a new secret.
SECRET_WARNING = timedelta(days=30)
REFRESH_WARNING = timedelta(days=14)
# What passes by itself, such as a provider that is away for minutes, is no reason to call somebody.
FAILING_PATIENCE = timedelta(minutes=30)


class SppEmailOauth(models.Model):
    _inherit = "spp.email.oauth"

    badge = EngineChar(compute="_compute_status")
    status_text = EngineText("Status", compute="_compute_status")
    is_connected = fields.Boolean(compute="_compute_status")
    refresh_until = fields.Datetime("Refresh Token Until", compute="_compute_refresh_until")

    @api.depends("state", "provider", "used_date", "obtained_date", "failing_date", "failure_text", "failure_cure")
    def _compute_status(self):
        for credential in self:
            name = BADGES.get(credential.provider, "Token")
            credential.badge = f"{name} Valid" if credential.state == "valid" else f"{name} Not Valid"
            credential.is_connected = credential._is_connected()
            credential.status_text = credential._status_words()

    def _status_words(self):
        if self.state == "valid":
            return self.env._("A server let us in with it on %s.", format_datetime(self.env, self.used_date))
        if self.state == "new" and not self._is_connected():
            return self.env._("Nobody has connected it yet, or it was disconnected. Press Connect.")
        if self.state == "new":
            return self.env._(
                "A token was got on %s, but no server has been tried with it yet. Choose this credential on a server "
                "and press Test there.",
                format_datetime(self.env, self.obtained_date),
            )
        return "\n".join(filter(None, (self._failure_since(), said(self.env, self.failure_cure))))

    def _failure_since(self):
        since = self.env._("Since %s:", format_datetime(self.env, self.failing_date)) if self.failing_date else ""
        return " ".join(filter(None, (since, said(self.env, self.failure_text))))

    @api.depends("refresh_date", "refresh_days", "grant")
    def _compute_refresh_until(self):
        for credential in self:
            lives = credential.grant == "code" and credential.refresh_date and credential.refresh_days > 0
            credential.refresh_until = lives and credential.refresh_date + timedelta(days=credential.refresh_days)

    # ------------------------------------------------------------------
    # Health
    # ------------------------------------------------------------------

    @api.model
    def _gateway_health(self):
        """Findings about credentials that ended, fail or are about to end. Called by the job, which sees all."""
        findings = []
        domain = [
            "|",
            "|",
            ("state", "in", ("failing", "dead")),
            ("secret_until", "!=", False),
            ("refresh_date", "!=", False),
        ]
        for credential in self.search(domain):
            findings += filter(None, (credential._failure_finding(), *credential._end_findings()))
        return findings

    def _failure_finding(self):
        is_dead = self.state == "dead"
        patience = fields.Datetime.now() - FAILING_PATIENCE
        if not is_dead and not (self.state == "failing" and self.failing_date and self.failing_date <= patience):
            return None
        title = (
            self.env._("OAuth credential “%s” has ended: connect it again", self.name)
            if is_dead
            else self.env._("OAuth credential “%s” fails", self.name)
        )
        return HealthFinding(
            f"oauth_{self.id}_{self.state}",
            HealthState.FAILURE,
            title,
            self._failure_since(),
            self.failure_cure or self.env._("Open the OAuth credential and press Reconnect."),
            self._name,
            tuple(self.ids),
        )

    def _end_findings(self):
        now = fields.Datetime.now()
        if self.secret_until and self.secret_until <= now.date() + SECRET_WARNING:
            is_over = self.secret_until < now.date()
            yield HealthFinding(
                f"oauth_{self.id}_secret",
                HealthState.FAILURE if is_over else HealthState.WARNING,
                self.env._("The client secret of OAuth credential “%s” expires", self.name)
                if not is_over
                else self.env._("The client secret of OAuth credential “%s” has expired", self.name),
                self.env._("It is valid until %s.", format_date(self.env, self.secret_until)),
                self.env._(
                    "Make a new client secret at the provider, enter its value and its date in the OAuth credential, "
                    "and save. Nobody has to connect again."
                ),
                self._name,
                tuple(self.ids),
                "secret_until",
            )
        if self.state != "dead" and self.refresh_until and self.refresh_until <= now + REFRESH_WARNING:
            yield HealthFinding(
                f"oauth_{self.id}_refresh",
                HealthState.WARNING,
                self.env._("The connection of OAuth credential “%s” is about to end", self.name),
                self.env._(
                    "Its refresh token is of %(date)s and lasts for %(days)s days.",
                    date=format_datetime(self.env, self.refresh_date),
                    days=self.refresh_days,
                ),
                self.env._("Open the OAuth credential and press Reconnect. Mail goes on meanwhile."),
                self._name,
                tuple(self.ids),
            )


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    oauth_id = fields.Many2one("spp.email.oauth", compute="_compute_oauth_id")

    @api.model
    def _health_models(self):
        return [*super()._health_models(), "spp.email.oauth"]

    @api.depends("code")
    def _compute_oauth_id(self):
        for finding in self:
            parts = (finding.code or "").split("_")
            is_about = len(parts) == 3 and parts[0] == "oauth" and parts[1].isdigit()
            finding.oauth_id = is_about and self.env["spp.email.oauth"].browse(int(parts[1])).exists()

    def _raise_activity(self):
        result = super()._raise_activity()
        if self.oauth_id:
            link = Markup('<p><a class="btn btn-primary" href="/odoo/email-health/%s">%s</a></p>')
            for activity in self.activity_ids.filtered(lambda one: "/odoo/email-health/" not in (one.note or "")):
                activity.note = (activity.note or Markup()) + link % (self.id, self.env._("Reconnect"))
        return result

    def action_reconnect(self):
        """Connect the credential that the finding is about again."""
        self.ensure_one()
        return self.oauth_id.action_connect()

    def action_open_oauth(self):
        """Open the credential that the finding is about."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.email.oauth",
            "res_id": self.oauth_id.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }
