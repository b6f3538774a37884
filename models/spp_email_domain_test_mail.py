# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A test mail from a domain to any address that is typed, such as that of a page that judges mails."""

from odoo import api, models
from odoo.exceptions import UserError


class SppEmailDomain(models.Model):
    _inherit = "spp.email.domain"

    def action_send_test_mail(self):
        """Open the dialogue that sends a test mail From this domain.

        Raises:
            UserError: no outgoing server may send as it.
        """
        self.ensure_one()
        self.check_access("write")
        address = self._test_address()
        servers = self._sending_servers()
        chosen, _email_from = servers._gateway_candidates(address, servers or None)[0] if servers else (servers, "")
        # As the user: a server of another company is not for him to send with.
        server = self.env["ir.mail_server"].search([("id", "in", (chosen or servers).ids)], limit=1)
        if not server:
            raise UserError(
                self.env._(
                    "No outgoing server may send as %s. Set one up, or add the domain to the FROM filter of one.",
                    self.name,
                )
            )
        return {
            **server.action_send_test_mail(),
            "context": {
                "default_server_id": server.id,
                "default_email_from": address,
                # Such a page gives an address of its own to each test.
                "default_recipients": "",
            },
        }

    def _test_address(self):
        own = self.alias_domain_ids[:1]
        return own.default_from_email or f"{self.env.user.login.partition('@')[0]}@{self.name}"


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    @api.model
    def _gateway_test_sender(self):
        """Return the From of a test mail: the asked for, else that of the user's own mail."""
        asked = self.env.context.get("gateway_test_from")
        return asked or self.env.user.email_formatted or self._get_test_email_from()
