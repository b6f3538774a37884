# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The registry of health checks, and the activities that they raise and clear for managers."""

from odoo import api, fields, models

from ..engine.errors import SealError
from ..engine.health import HEALTH_STATE_WORDS, HealthFinding, HealthState
from ..engine.outcome import selection
from .credential_key import MANAGER, configured_words, sealer
from .engine_text import EngineChar, EngineText
from .key_manager_ring import is_derived_from_database
from .sealed_column import count_closed, seal_columns


class SppEmailHealth(models.Model):
    """One row a kind of finding, active while it holds. Managers get an activity with it, and hear of its end."""

    _name = "spp.email.health"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Email Gateway Health"
    _order = "state, id"
    _rec_name = "title"

    code = fields.Char(required=True, readonly=True)
    active = fields.Boolean(default=True, readonly=True)
    state = fields.Selection(selection(HEALTH_STATE_WORDS), required=True, readonly=True)
    title = EngineChar(required=True, readonly=True)
    text = EngineText("What Was Seen", readonly=True)
    cure = EngineText("What To Do", readonly=True)
    since_date = fields.Datetime("Since", required=True, readonly=True, default=fields.Datetime.now)
    checked_date = fields.Datetime("Last Checked", required=True, readonly=True, default=fields.Datetime.now)

    _code_unique = models.UniqueIndex("(code)")

    @api.model
    def _health_models(self):
        """Return the names of the models whose ``_gateway_health`` is asked. Extend it to add a check.

        ``_gateway_health`` is called on an empty recordset and returns a list of engine.health.HealthFinding; it
        returns only what is not well.
        """
        return [
            "spp.email.health",
            "spp.email.inbound",
            "spp.email.capacity",
            "spp.email.unreadable",
            "spp.email.reconciliation",
            "spp.email.rule",
            "spp.email.breaker",
            "fetchmail.server",
            "spp.email.quota.use",
            "spp.email.round.trip",
            "spp.email.loop.breaker",
        ]

    @api.model
    def _gateway_health(self):
        """Findings about the credential key. With a key at hand, what still lies in clear is sealed."""
        try:
            has_key = bool(sealer(self.env).current_key_id)
            closed = count_closed(self.env)
        except SealError as error:
            return [self._key_finding(self.env._("The credential key cannot be used"), str(error))]
        if has_key:
            seal_columns(self.env)
        if closed:
            return [
                self._key_finding(
                    self.env._("Stored passwords cannot be opened"),
                    self.env._("%s stored passwords were sealed with a key that is not configured.", closed),
                )
            ]
        if has_key:
            return self._manager_findings()
        return [
            self._key_finding(
                self.env._("Passwords are stored in clear text"),
                self.env._("No credential key is configured."),
                HealthState.WARNING,
            )
        ]

    def _manager_findings(self):
        """Findings about OpenSPP's key manager, where its keys seal credentials."""
        is_alone = not set(configured_words()) - {MANAGER}
        if not is_alone or not is_derived_from_database(self.env):
            return []
        return [
            HealthFinding(
                "credential_key_derived",
                HealthState.WARNING,
                self.env._("Whoever has the database has the passwords"),
                self.env._(
                    "OpenSPP's key manager keeps the key in the database, protected by nothing but the database's id."
                ),
                self.env._(
                    "Set the key manager's SPP_MASTER_KEY (environment or spp_master_key in odoo.conf) before keys are "
                    "made, or configure SPP_EMAIL_GATEWAY_KEY and run “odoo spp_email_key rotate”. "
                    "docs/credentials.md says more."
                ),
            )
        ]

    def _key_finding(self, title, text, state=HealthState.FAILURE):
        return HealthFinding(
            "credential_key_missing",
            state,
            title,
            text,
            self.env._(
                "Put the key into the environment variable SPP_EMAIL_GATEWAY_KEY, or a file named by "
                "SPP_EMAIL_GATEWAY_KEY_FILE, or the option spp_email_gateway_key of odoo.conf, keep a copy of it "
                "outside of the database's backups, and restart. If the key is lost, enter the passwords anew. "
                "docs/credentials.md says more."
            ),
        )

    @api.model
    def _check(self):
        """Ask all checks; write, refresh and remove findings; raise and clear activities. Called by the job."""
        findings = {
            finding.code: finding
            for model in self._health_models()
            for finding in self.env[model]._gateway_health()
            if finding.state is not HealthState.OK
        }
        now = fields.Datetime.now()
        rows = {row.code: row for row in self.with_context(active_test=False).search([("code", "!=", False)])}
        for code, row in rows.items():
            if row.active and code not in findings:
                row._announce_recovery()
        for code, finding in findings.items():
            values = {
                "state": finding.state.value,
                "title": finding.title,
                "text": finding.text,
                "cure": finding.cure,
                "checked_date": now,
            }
            row = rows.get(code) or self.create({"code": code, "active": False, **values})
            if row.active:
                row.write(values)
            else:
                row.write({**values, "active": True, "since_date": now})
                row._raise_activity()

    def action_check(self):
        """Check now, and show the findings."""
        self.env["spp.email.health"].check_access("read")
        # sudo: the checks look at all servers and the whole journal; findings hold no message content.
        self.env["spp.email.health"].sudo()._check()  # nosemgrep: odoo-sudo-without-context
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _raise_activity(self):
        """Give every manager one activity about this finding; those who have one keep it."""
        self.ensure_one()
        managers = self.env.ref("spp_email_gateway.group_email_gateway_manager").all_user_ids
        have = self.activity_ids.user_id
        # OdooBot belongs to every group and reads nothing.
        for user in managers.filtered(lambda user: user.active and not user.share) - have:
            self.activity_schedule(
                "spp_email_gateway.mail_activity_type_health",
                summary=self.title,
                note=self.cure,
                user_id=user.id,
            )

    def _announce_recovery(self):
        """Clear the activities of a finding that is gone and tell those who had them. The row stays as archive."""
        self.ensure_one()
        told = self.activity_ids.user_id.partner_id
        self.activity_unlink(["spp_email_gateway.mail_activity_type_health"])
        self.message_notify(
            partner_ids=told.ids,
            subject=self.env._("Well again: %s", self.title),
            body=self.env._("This is well again: %s", self.title),
        )
        self.active = False
