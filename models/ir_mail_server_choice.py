# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which outgoing server sends a mail: Odoo's question, answered by the engine."""

from odoo import api, models
from odoo.tools import email_domain_normalize, email_normalize

from ..engine.server_choice import Server, choose_server, names


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def _find_mail_server(self, email_from, mail_servers=None):
        server, found_from = self._gateway_candidates(email_from, mail_servers)[0]
        return server or None, found_from

    @api.model
    def _gateway_candidates(self, email_from, mail_servers=None, company=None):
        """Return the servers that may send a mail, best first: [(server record, From to use there)].

        The first is what `_find_mail_server` gives; an empty record stands for the server of the configuration file.

        Args:
            email_from: the wanted From, with or without a name; False when the mail has none.
            mail_servers: the servers to choose from; default all that may be used by anybody.
            company: the company that sends; default that of the context or of the user.
        """
        return [(way.server, way.email_from) for way in self._gateway_ways(email_from, mail_servers, company)]

    def _gateway_choice(self, email_from, mail_servers=None, company=None):
        """Return the engine's Choice for a From, with its steps; arguments as `_gateway_candidates` has them."""
        company = company or self._gateway_company()
        if mail_servers is None:
            # sudo: whoever writes a mail sends it through the system's servers without seeing their settings.
            mail_servers = self.sudo().search(self._find_mail_server_allowed_domain())  # nosemgrep
        mail_servers = mail_servers.filtered("active")
        shared = self._filter_mail_servers_fallback(mail_servers)
        return choose_server(
            email_from or "",
            [
                Server(
                    server.id,
                    server.sequence,
                    server.name or "",
                    self._gateway_filter(server.from_filter),
                    personal=server not in shared,
                    company_id=server.company_id.id or None,
                )
                for server in mail_servers
            ],
            normalize=lambda address: email_normalize(address) or "",
            notification_address=self._gateway_notification_address(company),
            configuration_filter=self._gateway_filter(self.env["ir.mail_server"]._get_default_from_filter()),
            company_id=company.id,
        )

    @api.model
    def _gateway_company(self):
        """Return the company that sends: the context's ``gateway_company_id``, else the user's current one."""
        return self.env["res.company"].browse(self.env.context.get("gateway_company_id")) or self.env.company

    @api.model
    def _gateway_notification_address(self, company):
        """Return the Default From of the mail's alias domain, else of the company; "" when there is none."""
        # sudo: for the company that sends, which need not be one of the user's.
        asked = self.sudo().with_company(company)  # nosemgrep
        return (
            self.env.context.get("domain_notifications_email")
            or email_normalize(asked._get_default_from_address())
            or ""
        )

    @api.model
    def _match_from_filter(self, email_from, from_filter):
        """Also for entries with subdomains, ".a.org"."""
        if super()._match_from_filter(email_from, from_filter):
            return True
        address = email_normalize(email_from)
        return bool(address) and names(self._gateway_filter(from_filter), address)

    @api.model
    def _gateway_filter(self, from_filter):
        """Return a FROM filter as the engine takes it: normalized addresses and domains."""
        # What is no address or domain stays as it is and matches nothing: dropped, it would leave a server without
        # filter, which may send as anybody.
        return tuple(
            (email_normalize(part) if "@" in part else email_domain_normalize(part)) or part.lower()
            for part in self._parse_from_filter(from_filter)
        )
