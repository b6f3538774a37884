# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""From an outgoing server to what it delivered."""

from odoo import models


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def action_open_deliveries(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_delivery")
        return {**action, "domain": [("server_id", "=", self.id)], "context": {"create": False}}
