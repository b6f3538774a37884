# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Outgoing mail as Odoo's own queue may have it, when the gateway goes."""

from odoo import models
from odoo.tools import email_normalize
from odoo.tools.mail import email_split_and_format_normalize

from ..engine.outcome import OutboundState

# May have it already.
ARRIVED = (OutboundState.SENT.value, OutboundState.SENDING.value, OutboundState.UNKNOWN.value)


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _gateway_hand_back(self):
        """Take recipients who have a mail, or may have it, off mails that are not decided.

        Odoo's queue knows no recipients, only mails: it would send to all of them again. What is left is called
        failed, so that a person decides about it. Mails that nobody has yet stay in the queue.
        """
        rows = self.env["spp.email.delivery"].search([("state", "in", ARRIVED), ("mail_id.state", "=", "outgoing")])
        # Again for mails with many recipients: a batch at a time keeps the cache small.
        for mail in rows.mail_id:
            arrived = rows.filtered(lambda row, mail=mail: row.mail_id == mail)
            addresses = {row.recipient.lower() for row in arrived if not row.partner_id}
            mail.write(
                {
                    "recipient_ids": [(3, partner.id) for partner in arrived.partner_id],
                    "email_to": self._gateway_without(mail.email_to, addresses),
                    "email_cc": self._gateway_without(mail.email_cc, addresses),
                    "state": "exception",
                    "failure_type": "unknown",
                    "failure_reason": self.env._(
                        "The email gateway was uninstalled while this email was being sent. Whoever has it, or may "
                        "have it, was taken off."
                    ),
                }
            )

    def _gateway_without(self, text, addresses):
        """Return a list of recipients without some addresses."""
        left = [part for part in email_split_and_format_normalize(text or "") if email_normalize(part) not in addresses]
        return ", ".join(left) or False
