# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Taking messages out of work, with the reason why."""

from odoo import fields, models


class SppEmailInboundDiscard(models.TransientModel):
    _name = "spp.email.inbound.discard"
    _inherit = ["spp.email.inbound.wizard"]
    _description = "Discard Incoming Emails"

    why = fields.Char("Reason", required=True, help="Kept with the message, for whoever asks later.")

    def action_confirm(self):
        self.ensure_one()
        self._chosen().action_discard(self.why)
        return {"type": "ir.actions.act_window_close"}
