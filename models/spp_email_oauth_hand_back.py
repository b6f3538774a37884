# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Uninstalling: servers whose token Odoo's own addons can use get it from their credential."""

from odoo import api, models

from .spp_email_oauth_server import ADDONS


class SppEmailOauth(models.Model):
    _inherit = "spp.email.oauth"

    @api.model
    def _hand_back(self):
        """Make servers of the registered application of General Settings Odoo's own again, tokens and all.

        The others have a login that Odoo does not know: they stay as they are, and ask for a password.
        """
        # sudo: uninstalling is about all of them.
        credentials = self.sudo().with_context(active_test=False)  # nosemgrep: odoo-sudo-without-context
        for credential in credentials.search([("grant", "=", "code"), ("client_id", "in", (False, ""))]):
            token = credential._fields["refresh_token"].reveal(credential)
            kind = next((kind for kind, (provider, *_more) in ADDONS.items() if provider == credential.provider), "")
            if not token or not kind:
                continue
            prefix = ADDONS[kind][1]
            for server in credential.incoming_server_ids.filtered("is_ssl"):
                if f"{prefix}_refresh_token" in server._fields and server.server_type == "imap":
                    server.write({"server_type": kind, f"{prefix}_refresh_token": token, "gateway_oauth_id": False})
            for server in credential.outgoing_server_ids.filtered(lambda one: one._gateway_uses_oauth()):
                if f"{prefix}_refresh_token" in server._fields:
                    server.write(
                        {
                            "smtp_authentication": kind,
                            # Their rule; without the gateway it is what they connect with.
                            "smtp_encryption": "starttls",
                            "smtp_pass": False,
                            f"{prefix}_refresh_token": token,
                            "gateway_oauth_id": False,
                        }
                    )
