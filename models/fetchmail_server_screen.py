# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The mailbox's form: what waits for a decision."""

from odoo import fields, models


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_quarantine_count = fields.Integer("Quarantine", compute="_compute_gateway_quarantine_count")

    def _compute_gateway_quarantine_count(self):
        domain = [("server_id", "in", self.ids), ("state", "=", "quarantined")]
        counts = dict(self.env["spp.email.inbound"]._read_group(domain, ["server_id"], ["__count"]))
        for server in self:
            server.gateway_quarantine_count = counts.get(server, 0)

    def action_gateway_quarantine(self):
        """Open what waits for a decision."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_inbound_quarantine")
        return {**action, "domain": [("server_id", "=", self.id), ("state", "=", "quarantined")]}
