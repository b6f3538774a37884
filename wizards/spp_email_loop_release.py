# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Letting messages through that were held as a mail loop."""

from odoo import api, fields, models

from ..engine.loop import bare


class SppEmailLoopRelease(models.TransientModel):
    _name = "spp.email.loop.release"
    _inherit = ["spp.email.inbound.wizard"]
    _description = "Release Messages Held as a Loop"

    sender_text = fields.Text("From", compute="_compute_sender_text")
    is_allowed = fields.Boolean(
        "Accept All Their Mail From Now On",
        help="Puts these addresses on Odoo's list of allowed senders: no limit holds their mail any more.",
    )

    @api.depends("inbound_ids")
    def _compute_sender_text(self):
        for wizard in self:
            chosen = wizard._chosen()
            wizard.sender_text = "\n".join(sorted({bare(one.loop_sender or one.sender or "") for one in chosen} - {""}))

    def action_confirm(self):
        """Process the messages now, and show what became of them."""
        self.ensure_one()
        return self._chosen()._release(self.is_allowed)._show_outcome()
