# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Outgoing mail in a rehearsal."""

from odoo import models

from .rehearsal_cursor import REHEARSING


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    @classmethod
    def _disable_send(cls):
        """In a rehearsal nothing is sent, also where a target insists on sending at once."""
        return REHEARSING.get() or super()._disable_send()
