# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What servers said while a request sent mails itself, written into the ledger in the request's own transaction."""

from dataclasses import replace

from odoo import models

from .delivery_ledger import DeliveryLedger
from .mail_mail import FOLLOWING
from .spp_email_delivery import PENDING


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    def _note_in_request(self, postings, results):
        """Write what servers said while a request sent mails, and have what may pass sent by the queue.

        In the request's transaction: the mails are not committed yet, and nobody else can see them.

        Args:
            postings: {Message-ID: (Posting, {address: id of the contact})} of the mails, made before they were sent:
                Odoo deletes some of them then.
        """
        ledger = DeliveryLedger(self.env)
        there = self.env["mail.mail"].browse(posting.mail_id for posting, _partners in postings.values()).exists()
        answered = there.browse()
        for message_id, answers in results.items():
            if not answers or message_id not in postings:
                continue
            posting, partners = postings[message_id]
            if posting.mail_id in there.ids:
                answered += there.browse(posting.mail_id)
            else:
                posting = replace(posting, mail_id=None, mail_message_id=None)
            for address, result in answers.items():
                ledger.note(replace(posting, partner_id=partners.get(address.lower())), {address.lower(): result})
        ledger._write()
        self.invalidate_model()
        # Odoo calls those failed that may pass.
        waiting = answered.with_context(**{FOLLOWING: True}).filtered(lambda mail: mail.state == "exception")
        waiting.filtered(
            lambda mail: any(row.state in PENDING for row in mail.gateway_delivery_ids)
        ).state = "outgoing"
        waiting._gateway_follow()
        # And those that no server was told of: it could not be reached. What is wrong with the mail has a type.
        unreached = (there - answered).filtered(lambda mail: mail.state == "exception" and not mail.failure_type)
        unreached.state = "outgoing"
        answered._gateway_wake()

    def _note_what_is_missing(self, said):
        """Write what servers said of mails that are not in the ledger, since their transaction was undone in part.

        Args:
            said: {Message-ID: ((Posting, {address: id of the contact}), {address: RecipientResult})}.
        """
        known = set(self.search([("message_id", "in", list(said))]).mapped("message_id"))
        ledger = DeliveryLedger(self.env)
        for message_id, ((posting, _partners), answers) in said.items():
            if message_id not in known:
                gone = replace(posting, mail_id=None, mail_message_id=None, res_id=None, model=None)
                ledger.note(gone, {address.lower(): result for address, result in answers.items()})
        ledger._write()
