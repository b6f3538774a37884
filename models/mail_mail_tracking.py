# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Emails where OCA's mail_tracking is installed: its row of each message follows what became of the message.

It makes a row for every message that is composed, and knows sent and failed only, as Odoo does. Here a message is
composed again for those who wait, while others have it already; and what may pass is no failure of the contact's
address.
"""

import psycopg2

from odoo import models

from ..engine.outcome import OutboundState
from .spp_email_delivery import WAITING

TRACKING = "mail.tracking.email"


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _gateway_tracking(self, email):
        """Return the Tracking of one message as `_prepare_outgoing_list` gives it."""
        found = ""
        if TRACKING in self.env:
            found = self.env["ir.mail_server"]._tracking_email_id_body_get(email["body"])
        return Tracking(self.env, int(found or 0))

    def _gateway_untrack(self, emails):
        """Forget the rows of messages that were composed, and not handed to a server this time."""
        if TRACKING in self.env:
            row_ids = [tracking.row_id for email in emails if (tracking := self._gateway_tracking(email)).row_id]
            # sudo: written by the addon for whoever sends.
            self.env[TRACKING].sudo().browse(row_ids).exists().unlink()  # nosemgrep


class Tracking:
    """A context in which one message is handed over; what mail_tracking writes there is undone if the message waits.

    Args:
        row_id: 0 where nothing is tracked; the context does nothing then.

    Attributes:
        results: {address: RecipientResult} that the server gave; set within the context.
    """

    def __init__(self, env, row_id):
        self.env, self.row_id, self.results, self._savepoint = env, row_id, None, None

    def __enter__(self):
        if self.row_id:
            self._savepoint = self.env.cr.savepoint()
        return self

    def __exit__(self, _kind, error, _traceback):
        # A transaction that failed has no savepoints any more.
        if not self._savepoint or isinstance(error, psycopg2.Error):
            return
        results = list((self.results or {}).values())
        waiting = [result for result in results if result.state in WAITING]
        is_sent = any(result.state is OutboundState.SENT for result in results)
        is_undone = bool(error) or not is_sent and (bool(waiting) or not results)
        self._savepoint.close(rollback=is_undone)
        if not results:
            return
        # sudo: as above.
        row = self.env[TRACKING].sudo().browse(self.row_id)  # nosemgrep
        # It takes the place of what said that this recipient waits.
        self.env[TRACKING].sudo().search(  # nosemgrep: as above
            [
                ("mail_id", "=", row.mail_id.id),
                ("recipient", "=", row.recipient),
                ("state", "=", "deferred"),
                ("id", "!=", row.id),
            ]
        ).unlink()
        if is_undone and waiting:
            row.write({"state": "deferred", "error_description": waiting[0].text})
