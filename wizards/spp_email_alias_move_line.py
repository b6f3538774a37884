# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An alias whose address changes with the alias domain of its company."""

from odoo import fields, models


class SppEmailAliasMoveLine(models.TransientModel):
    _name = "spp.email.alias.move.line"
    _description = "Alias That Moves"
    _rec_name = "old_address"

    move_id = fields.Many2one("spp.email.alias.move", required=True, readonly=True, ondelete="cascade")
    alias_id = fields.Many2one("mail.alias", readonly=True, ondelete="cascade")
    old_address = fields.Char("Now", readonly=True)
    new_address = fields.Char("Then", readonly=True)
    owner = fields.Char("Of", readonly=True)
    is_taken = fields.Boolean("Taken", readonly=True, help="Another alias has this address already.")
