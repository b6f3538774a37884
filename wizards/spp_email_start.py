# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Where the reading of a full mailbox starts."""

from odoo import fields, models
from odoo.exceptions import UserError


class SppEmailStart(models.TransientModel):
    _name = "spp.email.start"
    _description = "Where to Start Reading"

    server_id = fields.Many2one("fetchmail.server", required=True, readonly=True, ondelete="cascade")
    waiting_count = fields.Integer(related="server_id.gateway_waiting_count")
    start = fields.Selection(
        [
            ("now", "Only what arrives from now on"),
            ("since", "What came in since a date"),
            ("everything", "Everything"),
        ],
        required=True,
        default="now",
    )
    since = fields.Date(help="Day on which a message came into the mailbox.")

    def action_apply(self):
        """Start there, and have the mailbox read."""
        self.ensure_one()
        if self.start == "since" and not self.since:
            raise UserError(self.env._("Enter the date to start from."))
        self.server_id._gateway_start_with(self.start, self.since)
        return {"type": "ir.actions.client", "tag": "soft_reload"}
