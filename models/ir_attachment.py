# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Attachments in a rehearsal."""

from odoo import api, models

from .rehearsal_cursor import RehearsalCursor


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    @api.model
    def _storage(self):
        """In a rehearsal, the database: a file in the filestore would stay behind."""
        if isinstance(self.env.cr, RehearsalCursor):
            return "db"
        return super()._storage()
