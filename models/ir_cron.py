# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Scheduled actions that are triggered while the gateway processes a message."""

from odoo import api, fields, models

from .mail_thread import ATTEMPT
from .transaction_answers import answers


class IrCron(models.Model):
    _inherit = "ir.cron"

    def _trigger_list(self, at_list):
        """Ask for a scheduled action to be run at once only once a transaction."""
        if self.env.context.get(ATTEMPT) is None or len(at_list) != 1 or at_list[0] > fields.Datetime.now():
            return super()._trigger_list(at_list)
        known = answers(self.env).setdefault("triggers", {})
        if self.id not in known:
            known[self.id] = super()._trigger_list(at_list).ids
        return self.env["ir.cron.trigger"].browse(known[self.id])

    @api.model
    def _notifydb(self):
        """Leave waking the cron workers to the end of the gateway's run.

        Odoo opens a connection of its own for it, after each message that triggers anything. The trigger is
        committed all the same: if the run dies, the workers find it when they look, within a minute.
        """
        if self.env.context.get(ATTEMPT) is None:
            return super()._notifydb()
        return None
