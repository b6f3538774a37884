# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The outgoing server's form: what lies behind its buttons, and its condition in one word."""

from odoo import api, fields, models

from .spp_email_delivery import FAILURES, PENDING


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_condition = fields.Selection(
        [("ready", "Ready"), ("paused", "Paused"), ("unsafe", "Not Safe"), ("archived", "Archived")],
        string="Status",
        compute="_compute_gateway_condition",
    )
    gateway_queue_count = fields.Integer("Queue", compute="_compute_gateway_delivery_counts")
    gateway_failure_count = fields.Integer("Failures", compute="_compute_gateway_delivery_counts")

    @api.depends("active", "gateway_breaker_state", "gateway_security_warning")
    def _compute_gateway_condition(self):
        for server in self:
            if not server.active:
                server.gateway_condition = "archived"
            elif server.gateway_breaker_state not in (False, "closed"):
                server.gateway_condition = "paused"
            else:
                server.gateway_condition = "unsafe" if server.gateway_security_warning else "ready"

    def _compute_gateway_delivery_counts(self):
        for server in self:
            deliveries = self.env["spp.email.delivery"]
            server.gateway_queue_count = deliveries.search_count(server._gateway_queue_domain())
            server.gateway_failure_count = deliveries.search_count(server._gateway_failure_domain())

    def _gateway_queue_domain(self):
        return [("server_id", "in", self._origin.ids), ("state", "in", PENDING)]

    def _gateway_failure_domain(self):
        return [("server_id", "in", self._origin.ids), ("state", "in", FAILURES), ("is_settled", "=", False)]

    def action_gateway_queue(self):
        """Open what this server is still to send, or to try again."""
        return self._gateway_deliveries(self._gateway_queue_domain())

    def action_gateway_failures(self):
        """Open what this server could not deliver."""
        return self._gateway_deliveries(self._gateway_failure_domain())

    def action_gateway_deliveries(self):
        """Open all that went through this server."""
        return self._gateway_deliveries([("server_id", "in", self.ids)])

    def _gateway_deliveries(self, domain):
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_delivery")
        return {**action, "domain": domain, "context": {}}
