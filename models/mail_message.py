# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Odoo's question whether a Message-ID is known, while the gateway processes messages."""

from odoo import api, models

from .mail_thread import ATTEMPT
from .transaction_answers import answers


class MailMessage(models.Model):
    _inherit = "mail.message"

    @api.model
    def search(self, domain, offset=0, limit=None, order=None):
        """Answer "no" to the check on a Message-ID where that is known already, or where the journal decided so.

        ``message_process`` makes the check before it routes, and knows nothing of envelope recipients: a copy for
        another alias is processed although its Message-ID is known.
        """
        attempt = self.env.context.get(ATTEMPT)
        # In an order: it looks for the message that is answered, not for a double.
        if attempt is not None and not attempt.routed and limit == 1 and not order:
            terms = list(domain)
            if len(terms) == 1 and tuple(terms[0])[:2] == ("message_id", "="):
                if attempt.takes_known or terms[0][2] in answers(self.env).get("new message ids", ()):
                    return self.browse()
        return super().search(domain, offset=offset, limit=limit, order=order)

    @api.model_create_multi
    def create(self, vals_list):
        messages = super().create(vals_list)
        new = answers(self.env).get("new message ids")
        if new:
            # Another message of the batch may have the same one and be in another conversation.
            new.difference_update(messages.mapped("message_id"))
        return messages
