# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether the Default From can be sent at all, and what sends where no server is set up."""

from odoo import api, fields, models
from odoo.tools import config, email_normalize

from ..engine.connection import Connection, Security
from ..engine.health import HealthFinding, HealthState


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_default_from_warning = fields.Text(compute="_compute_gateway_default_from_warning")

    @api.depends("from_filter", "active", "company_id", "sequence", "name", "gateway_from_policy")
    def _compute_gateway_default_from_warning(self):
        # sudo: names and addresses that managers see on the alias domains; the lists are short.
        domains = self.env["mail.alias.domain"].sudo().search([])  # nosemgrep # pylint: disable=no-search-all
        for server in self:
            concerned = domains.filtered(
                lambda domain, company=server.company_id: not company
                or not domain.company_ids
                or company in domain.company_ids
            )
            lines = server.active and [warning for domain in concerned if (warning := domain._gateway_from_warning())]
            server.gateway_default_from_warning = "\n".join(lines or ()) or False

    @api.model
    def _gateway_configuration(self):
        """Return (engine Connection, user name) of the server of the configuration file."""
        # As Odoo has it: smtp_ssl means STARTTLS, unverified.
        security = Security.STARTTLS if config.get("smtp_ssl") else Security.NONE
        host, port = config.get("smtp_server") or "localhost", int(config.get("smtp_port") or 25)
        return Connection(host, port, security, verify=False), config.get("smtp_user") or ""

    @api.model
    def _gateway_configuration_name(self):
        """Return how the server of the configuration file is called on screens."""
        connection, _user = self._gateway_configuration()
        return self.env._("Server of odoo.conf (%s)", f"{connection.host}:{connection.port}")


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    gateway_from_warning = fields.Char(compute="_compute_gateway_from_warning")

    @api.depends("default_from", "name", "company_ids")
    def _compute_gateway_from_warning(self):
        for domain in self:
            domain.gateway_from_warning = domain._gateway_from_warning() or False

    def _gateway_from_warning(self):
        """Return a warning when no active server's filter has the Default From; "" when one has, or there is none."""
        self.ensure_one()
        address = email_normalize(self.default_from_email or "")
        if not address:
            return ""
        for company in self.company_ids or self.env.company:
            # sudo: as in sending, which this foretells.
            asked = self.env["ir.mail_server"].sudo()  # nosemgrep: odoo-sudo-without-context
            choice = asked.with_context(domain_notifications_email=address)._gateway_choice(address, company=company)
            if choice.is_fallback:
                server = asked.browse(choice.server_id or ())
                return self.env._(
                    "No server's FROM filter has the Default From %(address)s. “%(server)s” is used instead, and may "
                    "refuse it.",
                    address=address,
                    server=server.display_name if server else asked._gateway_configuration_name(),
                )
        return ""


class SppEmailSenderHealth(models.AbstractModel):
    _name = "spp.email.sender.health"
    _description = "Health of the Senders"

    @api.model
    def _gateway_health(self):
        servers = self.env["ir.mail_server"]
        findings = []
        for domain in self.env["mail.alias.domain"].search([]):  # pylint: disable=no-search-all
            warning = domain._gateway_from_warning()
            if warning:
                findings.append(
                    HealthFinding(
                        f"default_from_{domain.id}",
                        HealthState.WARNING,
                        self.env._("No server may send the Default From of “%s”", domain.name),
                        warning,
                        self.env._(
                            "Add the address or its domain to the FROM filter of the server that may send it, or "
                            "change the Default From of the alias domain."
                        ),
                        domain._name,
                        (domain.id,),
                        "default_from",
                    )
                )
        if not servers.search_count(servers._find_mail_server_allowed_domain(), limit=1):
            findings.append(
                HealthFinding(
                    "no_outgoing_server",
                    HealthState.WARNING,
                    self.env._("No outgoing email server is set up"),
                    self.env._("Mail leaves through: %s.", servers._gateway_configuration_name()),
                    self.env._(
                        "Add a server under Email Gateway → Outgoing → Outgoing Email Servers. There, the button "
                        "“odoo.conf” shows and tests what is used until then."
                    ),
                )
            )
        return findings


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    def _health_models(self):
        return [*super()._health_models(), "spp.email.sender.health"]
