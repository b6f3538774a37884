# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The dialogue that takes addresses off the suppression list."""

from odoo import fields, models
from odoo.exceptions import UserError


class SppEmailSuppressionRemoval(models.TransientModel):
    _name = "spp.email.suppression.removal"
    _description = "Removal from the Suppression List"
    _rec_name = "note"

    suppression_ids = fields.Many2many(
        "spp.email.suppression", string="Addresses", required=True, context={"active_test": False}
    )
    address_count = fields.Integer(compute="_compute_address_count")
    complaint_count = fields.Integer(compute="_compute_address_count")
    note = fields.Char("Why", required=True, help="Kept in the history of each address, with your name.")

    def _compute_address_count(self):
        for wizard in self:
            wizard.address_count = len(wizard.suppression_ids)
            wizard.complaint_count = len(wizard.suppression_ids.filtered(lambda row: row.reason == "complaint"))

    def action_remove(self):
        """Take the addresses off the list and close.

        Raises:
            AccessError: the user is no officer, or may not change one of them.
            UserError: none was chosen, or none is on the list any more.
        """
        self.ensure_one()
        if not self.suppression_ids:
            raise UserError(self.env._("Choose the addresses first."))
        self.suppression_ids._remove_by_hand(self.note)
        return {"type": "ir.actions.act_window_close"}
