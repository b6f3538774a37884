# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One folder that a server has."""

from odoo import fields, models


class SppEmailFolderChoiceLine(models.TransientModel):
    _name = "spp.email.folder.choice.line"
    _description = "Folder to Choose"

    choice_id = fields.Many2one("spp.email.folder.choice", required=True, readonly=True, ondelete="cascade")
    name = fields.Char("Folder", required=True, readonly=True)
    use = fields.Char("Used For", readonly=True)
    is_missing = fields.Boolean("Not on the Server", readonly=True)
    is_chosen = fields.Boolean("Read")
