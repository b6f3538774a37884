# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Outgoing servers that are logged in at with an access token."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.connection import XOAuth2
from .ir_mail_server import OAUTH
from .sealed_field import refuse_evaluated
from .spp_email_oauth_server import ADDONS

SPP_OAUTH = "spp_oauth"
# Modules whose logins the gateway knows how to replace.
KNOWN_LOGINS = ("base", "mail", "google_gmail", "microsoft_outlook", "spp_email_gateway")


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    smtp_authentication = fields.Selection(
        selection_add=[(SPP_OAUTH, "OAuth Credential")], ondelete={SPP_OAUTH: "set default"}
    )

    @api.depends("smtp_authentication")
    def _compute_smtp_authentication_info(self):
        # Odoo's method empties the choice where it does not know it.
        ours = self.filtered(lambda server: server.smtp_authentication == SPP_OAUTH)
        ours.smtp_authentication_info = self.env._(
            "Log in with an access token of Microsoft, Google or another provider, in place of a password."
        )
        return super(IrMailServer, self - ours)._compute_smtp_authentication_info()

    @api.constrains("smtp_authentication", "gateway_oauth_id")
    def _check_gateway_authentication(self):
        for server in self:
            if server.smtp_authentication == SPP_OAUTH and not server.gateway_oauth_id:
                raise ValidationError(self.env._("Choose an OAuth credential, or make one."))

    def _gateway_uses_oauth(self):
        return self.smtp_authentication == SPP_OAUTH and super()._gateway_uses_oauth()

    def _gateway_addon_kind(self):
        return self.smtp_authentication

    def _gateway_as_ours(self):
        # Odoo's addons insist on a connection that is not verified.
        return {"smtp_authentication": SPP_OAUTH, "smtp_encryption": "starttls_strict"}

    def _gateway_oauth_mailbox(self):
        # sudo: whoever sends a mail sends it through the system's servers.
        return self.sudo().smtp_user or ""  # nosemgrep: odoo-sudo-without-context

    def _credential(self):
        self.ensure_one()
        refuse_evaluated(self.env)
        if self._gateway_uses_oauth():
            return self._gateway_bearer()
        if self.smtp_authentication in OAUTH and self._gateway_knows_login():
            return self._gateway_addon_credential()
        return super()._credential()

    def _gateway_knows_login(self):
        """Return whether no other addon has its own way to log in."""
        known = tuple(f"odoo.addons.{name}." for name in KNOWN_LOGINS)
        return all(cls.__module__.startswith(known) for cls in type(self).__mro__ if "_smtp_login__" in vars(cls))

    def _gateway_addon_credential(self):
        """Return the engine's XOAuth2 for a server of Odoo's own addons.

        In a transaction of its own: a refresh token that was replaced at the provider must not be lost by a rollback.
        """
        refuse_evaluated(self.env)
        with self.env["spp.email.transaction"]._gateway_cursor() as env:
            # What is not written yet has the tokens of the row.
            row = (self._origin or self).with_env(env)
            # sudo: as for sending.
            server = row.sudo().exists() or self.sudo()  # nosemgrep: odoo-sudo-without-context
            user = server.smtp_user or ""
            response = server._gateway_addon_response(user) if user else ""
        self.invalidate_recordset([f"{ADDONS[self.smtp_authentication][1]}_access_token_expiration"])
        return XOAuth2(user, response)

    def _gateway_addon_response(self, user):
        refuse_evaluated(self.env)
        if self.smtp_authentication == "gmail":
            return self._generate_oauth2_string(user, self._gateway_addon_token("google_gmail_refresh_token"))
        return self._generate_outlook_oauth2_string(user)

    def _gateway_logged_in(self):
        def act():
            return super(IrMailServer, self)._gateway_logged_in()

        return self._gateway_with_token(act)

    def _gateway_diagnose(self):
        return self._gateway_diagnose_with_token(super()._gateway_diagnose)
