# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which server a mail would leave through, with which From, and why. Nothing is sent."""

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import email_normalize

from ..engine.from_policy import with_address
from ..models.engine_text import EngineChar, said


class SppEmailExplain(models.TransientModel):
    _name = "spp.email.explain"
    _description = "Which Server, Which From"

    email_from = fields.Char("From", default=lambda self: self.env.user.email_formatted or "")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    mail_id = fields.Many2one("mail.mail", readonly=True)

    server_id = fields.Many2one("ir.mail_server", compute="_compute_result")
    server_name = fields.Char("Outgoing Server", compute="_compute_result")
    result_from = fields.Char("Leaves as", compute="_compute_result")
    envelope_sender = fields.Char(
        compute="_compute_result", help="Return path: where the mail system sends it back to if it cannot deliver it."
    )
    other_servers = fields.Char(
        "If That Fails", compute="_compute_result", help="Servers that may send this From too, in order."
    )
    warning = EngineChar(compute="_compute_result")
    steps_html = fields.Html("Why", compute="_compute_result", sanitize=False)

    def _compute_display_name(self):
        for explain in self:
            explain.display_name = self.env._("Which Server, Which From")

    @api.model
    def default_get(self, names):
        values = super().default_get(names)
        mail = self.env["mail.mail"].browse(values.get("mail_id")).exists()
        if mail:
            values["email_from"] = mail.email_from
            if mail.record_company_id:
                values["company_id"] = mail.record_company_id.id
        return values

    @api.depends("email_from", "company_id", "mail_id")
    def _compute_result(self):
        for explain in self:
            ways = explain._ways()
            first = ways[0]
            explain.server_id = first.server
            explain.server_name = explain._name_of(first.server)
            explain.result_from = explain._header_from(first)
            explain.envelope_sender = explain._asked()._gateway_envelope_sender(first.server, first.email_from or "")
            explain.other_servers = ", ".join(
                f"{explain._name_of(way.server)} ({explain._header_from(way)})" for way in ways[1:]
            )
            explain.warning = explain._warning(first)
            explain.steps_html = explain._steps(first.steps)

    def _asked(self):
        """Return ir.mail_server as it is asked when the mail is sent."""
        # sudo: only managers come here, and the company may be another one than their current one.
        servers = self.env["ir.mail_server"].sudo().with_company(self.company_id)  # nosemgrep
        alias_domain = self.mail_id.sudo().record_alias_domain_id  # nosemgrep: the address only
        if alias_domain:
            servers = servers.with_context(
                domain_notifications_email=alias_domain.default_from_email,
                domain_bounce_address=alias_domain.bounce_email,
            )
        return servers

    def _ways(self):
        asked = self._asked()
        mail = self.mail_id.sudo()  # nosemgrep: as above
        if mail.mail_server_id:
            return [asked._gateway_way_of(mail.mail_server_id, self.email_from, self.company_id)]
        every = asked.search([])  # pylint: disable=no-search-all
        allowed = mail._filter_mail_mail_servers(every) if mail else None
        return asked._gateway_ways(self.email_from, allowed, self.company_id)

    def _name_of(self, server):
        return server.display_name if server else self.env["ir.mail_server"]._gateway_configuration_name()

    def _header_from(self, way):
        """The From field as it leaves: the name stays when the address is another one."""
        if not way.email_from or email_normalize(way.email_from) == email_normalize(self.email_from or ""):
            return way.email_from
        return with_address(self.email_from or "", way.email_from)

    def _warning(self, way):
        if not email_normalize(way.email_from or ""):
            return self.env._("There is no usable From: the mail would fail.")
        if way.is_fallback:
            return self.env._("No server's FROM filter has this From. The server may refuse it.")
        return False

    def _steps(self, steps):
        names = {f"server {server.id}": server.display_name for server in self._asked().search([], limit=1000)}
        rows = Markup().join(
            Markup("<tr><td>%s</td><td>%s</td><td>%s</td></tr>")
            % (
                said(self.env, step.looked_at),
                names.get(step.found) or said(self.env, step.found),
                said(self.env, step.followed),
            )
            for step in steps
        )
        return Markup(
            "<table class='table table-sm'><thead><tr><th>%s</th><th>%s</th><th>%s</th></tr></thead>"
            "<tbody>%s</tbody></table>"
        ) % (self.env._("Looked at"), self.env._("Found"), self.env._("What followed"), rows)
