# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Scheduled actions that are triggered while the gateway processes a message."""

from odoo import api, models

from .mail_thread import ATTEMPT


class IrCron(models.Model):
    _inherit = "ir.cron"

    @api.model
    def _notifydb(self):
        """Leave waking the cron workers to the end of the gateway's run.

        Odoo opens a connection of its own for it, after each message that triggers anything. The trigger is
        committed all the same: if the run dies, the workers find it when they look, within a minute.
        """
        if self.env.context.get(ATTEMPT) is None:
            return super()._notifydb()
        return None
