# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""From an outgoing server to what it delivered, and what is kept of it."""

from odoo import fields, models

from .spp_email_sent_content import DEFAULT_KEEP

KEEP = [
    ("all", "All emails"),
    ("transactional", "All but mass mail"),
    ("none", "None"),
]


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_keep_sent = fields.Selection(
        KEEP,
        string="Keep a Copy of",
        # Not required by the database: Odoo's neutralization inserts a server of its own by SQL.
        default=DEFAULT_KEEP,
        help="The bytes as sent, for 30 days, so that they can be downloaded. Emails with links or codes to log in are "
        "never kept.",
    )

    def action_open_deliveries(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_delivery")
        return {**action, "domain": [("server_id", "=", self.id)], "context": {"create": False}}
