# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What incoming and outgoing servers do with an OAuth credential: log in, renew after a refusal, tell how it went."""

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..engine.errors import ConfigurationError, GatewayError
from .mail_mail import IN_A_HURRY
from .sealed_field import refuse_evaluated

# Odoo's own kinds of servers: (provider, column prefix, parameter with their client ID).
ADDONS = {
    "gmail": ("google", "google_gmail", "google_gmail_client_id"),
    "outlook": ("microsoft", "microsoft_outlook", "microsoft_outlook_client_id"),
}
# Steps of a diagnosis that come after the login.
AFTER_LOGIN = ("sender", "folder")


class SppEmailServerMixin(models.AbstractModel):
    _inherit = "spp.email.server.mixin"

    gateway_oauth_id = fields.Many2one(
        "spp.email.oauth",
        string="OAuth Credential",
        ondelete="restrict",
        index="btree_not_null",
        help="Logs in with an access token in place of a password. One credential may serve several servers.",
    )
    gateway_oauth_badge = fields.Char("OAuth Badge", related="gateway_oauth_id.badge")
    gateway_oauth_state = fields.Selection(string="OAuth State", related="gateway_oauth_id.state")
    gateway_oauth_provider = fields.Selection(string="OAuth Provider", related="gateway_oauth_id.provider")
    gateway_oauth_connected = fields.Boolean("OAuth Connected", related="gateway_oauth_id.is_connected")
    gateway_oauth_text = fields.Text("OAuth Status", related="gateway_oauth_id.status_text")
    gateway_addon_provider = fields.Selection(
        [("gmail", "Gmail"), ("outlook", "Outlook")], compute="_compute_gateway_addon_provider"
    )

    def _compute_gateway_addon_provider(self):
        for server in self:
            kind = server._gateway_addon_kind()
            server.gateway_addon_provider = kind if kind in ADDONS else False

    def _gateway_addon_kind(self):
        """Return the value of the field by which Odoo's addons know their servers."""
        raise NotImplementedError

    def _gateway_as_ours(self):
        """Return the values that make a server of Odoo's addons one of ours."""
        raise NotImplementedError

    def _gateway_oauth_mailbox(self):
        return self[self._gateway_settings["user"]] or ""

    @api.model_create_multi
    def create(self, vals_list):
        servers = super().create(vals_list)
        servers._check_gateway_oauth_access()
        return servers

    def write(self, vals):
        result = super().write(vals)
        if "gateway_oauth_id" in vals or "company_id" in vals:
            self._check_gateway_oauth_access()
        return result

    def _check_gateway_oauth_access(self):
        """Let nobody name a credential that he may not read.

        Record rules are asked before a write only: with it a server may go to another company, and leave the writer.
        No constraint, since Odoo checks these as the system.
        """
        self.gateway_oauth_id.check_access("read")

    @api.constrains("gateway_oauth_id", "company_id")
    def _check_gateway_oauth(self):
        for server in self:
            # sudo: which company it belongs to, also where the user may not see the credential.
            company = server.gateway_oauth_id.sudo().company_id  # nosemgrep: odoo-sudo-without-context
            if company and server.company_id != company:
                raise ValidationError(
                    self.env._(
                        "The OAuth credential belongs to %s. Choose the same company on the server, or another "
                        "credential.",
                        company.name,
                    )
                )

    # ------------------------------------------------------------------
    # Login
    # ------------------------------------------------------------------

    def _gateway_uses_oauth(self):
        return bool(self.gateway_oauth_id)

    def _gateway_bearer(self):
        """Return the engine's BearerToken for this server; raises as ``spp.email.oauth._bearer``."""
        refuse_evaluated(self.env)
        # sudo: sending and fetching use any server, whoever caused them; the token goes to the mail server only.
        credential = self.gateway_oauth_id.sudo()  # nosemgrep: odoo-sudo-without-context
        return credential._bearer(self._gateway_oauth_mailbox(), self._gateway_connection())

    def _gateway_renew_token(self, error):
        """Get a new access token after a login was refused; return whether trying again may help.

        Raises:
            GatewayError, ConfigurationError: no new one could be got.
        """
        if not self._gateway_may_renew(error):
            return False
        if self._gateway_uses_oauth():
            # sudo: as for using it.
            self.gateway_oauth_id.sudo()._access_token(is_refused=True)  # nosemgrep: odoo-sudo-without-context
            return True
        with self.env["spp.email.transaction"]._gateway_cursor() as env:
            self.with_env(env).with_context(fetchmail_cron_running=True)._gateway_forget_addon_token()
        self.invalidate_recordset()
        return True

    def _gateway_may_renew(self, error):
        """Return whether an error is the refusal of a token, and another one can be got."""
        is_refused = _is_token_refusal(error) and error.permanent
        return is_refused and (self._gateway_uses_oauth() or self._gateway_addon_kind() in ADDONS)

    def _gateway_forget_addon_token(self):
        """Have Odoo's own addon get a new token with the next use: what has no end any more is got anew."""
        # sudo: the column is the administrators'; nothing is read.
        prefix = ADDONS[self._gateway_addon_kind()][1]
        self.sudo().write({f"{prefix}_access_token_expiration": 0})  # nosemgrep: as above

    def _gateway_with_token(self, act):
        """Return the session that ``act()`` logs in; it is done once more with a new token after a refusal."""
        try:
            session = act()
        except GatewayError as error:
            if not self._gateway_renew_token(error):
                self._gateway_note_refusal(error)
                raise
            try:
                session = act()
            except GatewayError as second:
                self._gateway_note_refusal(second)
                raise
        try:
            self._gateway_note_login()
        except BaseException:
            # Somebody holds the row, say. Nobody gets the session then.
            session.close()
            raise
        return session

    def _gateway_note_login(self):
        if self._gateway_uses_oauth():
            # sudo: what becomes of a token is noted whoever caused it.
            self.gateway_oauth_id.sudo()._note_login()  # nosemgrep: odoo-sudo-without-context

    def _gateway_note_refusal(self, error):
        if _is_token_refusal(error) and self._gateway_uses_oauth():
            # sudo: as for a login.
            self.gateway_oauth_id.sudo()._note_refusal(error)  # nosemgrep: odoo-sudo-without-context

    def _gateway_diagnose_with_token(self, diagnose):
        """Return the Diagnosis of a login, of a second one after a new token where the first was refused.

        Args:
            diagnose: tries the login with the credential in force and returns the engine's Diagnosis.

        Raises:
            UserError: there is nothing to log in with; in words, with the cure.
        """
        try:
            diagnosis = diagnose()
            if _is_token_refused(diagnosis) and self._gateway_uses_oauth():
                # sudo: as for using it.
                self.gateway_oauth_id.sudo()._access_token(is_refused=True)  # nosemgrep: odoo-sudo-without-context
                diagnosis = diagnose()
        except (ConfigurationError, GatewayError) as error:
            cure = getattr(error, "cure", "")
            raise UserError(self._gateway_failure_text(str(error), cure, getattr(error, "field", ""))) from error
        if diagnosis.ok or diagnosis.failure.name in AFTER_LOGIN:
            self._gateway_note_login()
        elif _is_token_refused(diagnosis):
            self._gateway_note_refusal(
                GatewayError(diagnosis.failure.text, permanent=True, phase="login", field="token")
            )
        return diagnosis

    def _gateway_prove_oauth(self):
        """Try the login, so that it is known whether the token works; what fails stands on the credential."""
        self.ensure_one()
        try:
            # A person waits.
            self.with_context(**{IN_A_HURRY: True})._gateway_diagnose()
        except UserError:
            # The credential's own failure is noted there; the server's shows when it is tested.
            return False
        return True

    # ------------------------------------------------------------------
    # What people press
    # ------------------------------------------------------------------

    def action_gateway_connect(self):
        """Connect the credential of this server, and come back here."""
        self.ensure_one().check_access("write")
        if not self.gateway_oauth_id:
            raise UserError(self.env._("Choose an OAuth credential, or make one."))
        if not self._gateway_oauth_mailbox():
            raise UserError(self.env._("Enter the mailbox as user name first."))
        return self.gateway_oauth_id._connect_for(self)

    def action_gateway_open_oauth(self):
        """Open the credential of this server."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.email.oauth",
            "res_id": self.gateway_oauth_id.id,
            "views": [(False, "form")],
        }

    def action_gateway_take_over(self):
        """Move a server of Odoo's own addons, and its token, to a credential of the gateway.

        Raises:
            UserError: there is no token to move, or it came through Odoo's own service.
        """
        self.ensure_one().check_access("write")
        kind = self._gateway_addon_kind()
        if kind not in ADDONS:
            raise UserError(self.env._("This server is none of Odoo's Gmail or Outlook servers."))
        provider, prefix, client_key = ADDONS[kind]
        if "owner_user_id" in self._fields and self.owner_user_id:
            raise UserError(
                self.env._("This is a person's own server. Its token opens that person's mailbox, and stays with it.")
            )
        # sudo: the columns are the administrators'; the tokens go from one place that nobody reads to another one.
        server = self.sudo()  # nosemgrep: odoo-sudo-without-context
        refresh_token = server._gateway_addon_token(f"{prefix}_refresh_token")
        if not refresh_token:
            raise UserError(self.env._("This server is not connected, so there is no token to take over."))
        if not self.env["ir.config_parameter"].sudo().get_param(client_key):  # nosemgrep: a public name
            raise UserError(
                self.env._(
                    "This server was connected through Odoo's own application, whose tokens nobody else can use. "
                    "Register an application at the provider, enter it under General Settings, and connect again."
                )
            )
        credential = server.env["spp.email.oauth"].create(
            {
                "name": self.env._("%(server)s (%(provider)s)", server=self.name, provider=kind.title()),
                "provider": provider,
                "company_id": self.company_id.id,
                "login": self._gateway_oauth_mailbox(),
                **server._gateway_addon_scopes(kind),
            }
        )
        now = fields.Datetime.now()
        credential.write(
            {"refresh_token": refresh_token, "obtained_date": now, "refresh_date": now, "access_until": now}
        )
        server.write(
            {
                **self._gateway_as_ours(),
                "gateway_oauth_id": credential.id,
                f"{prefix}_refresh_token": False,
                f"{prefix}_access_token": False,
                f"{prefix}_access_token_expiration": 0,
            }
        )
        return self._gateway_notification(
            "success",
            self.env._("This server uses the gateway's own credential now. Test it once, so that the token is proved."),
        )

    def _gateway_addon_token(self, name):
        """Return a token of Odoo's own addons in clear."""
        refuse_evaluated(self.env)
        return self._fields[name].reveal(self)

    def _gateway_addon_scopes(self, kind):
        """Return the scopes that the addon asked for: with others its refresh token is refused."""
        if kind != "outlook":
            return {}
        return {"scopes": f"openid email offline_access https://outlook.office.com/User.read {self._OUTLOOK_SCOPE}"}


class SppEmailOauth(models.Model):
    _inherit = "spp.email.oauth"

    def _end_waits(self):
        """Let the servers that log in with it try at once: what they waited for was put right by a person."""
        # sudo: servers of all companies, and rows that nobody writes.
        servers = self.sudo().with_context(active_test=False)  # nosemgrep: odoo-sudo-without-context
        boxes, outgoing = servers.incoming_server_ids, servers.outgoing_server_ids
        for server in outgoing:
            self.env["spp.email.breaker"].sudo()._forget(server.id)  # nosemgrep: as above
        self.env["spp.email.delivery"].sudo()._release_of_servers(outgoing.ids)  # nosemgrep: as above
        if boxes:
            self.env["spp.email.fetching"]._write(boxes, {"gateway_failures": 0, "gateway_next_fetch_date": False})
            self.env["spp.email.watch"]._await(boxes.ids)


def _is_token_refusal(error):
    return isinstance(error, GatewayError) and error.phase == "login" and error.field == "token"


def _is_token_refused(diagnosis):
    return not diagnosis.ok and diagnosis.failure.field == "token"
