# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Notifications and the deliveries behind them: which row is whose, and what *ignore* means for the row."""

from odoo import models
from odoo.tools import LazyTranslate
from odoo.tools.mail import email_normalize

from .mail_mail_notification import FAILED_NOTIFICATION

_lt = LazyTranslate(__name__)

# In plain words, with the cure where there is one. Stock's own labels are for those who know them.
FAILURE_WORDS = {
    "mail_bounce": _lt("It came back: the recipient's mail server could not deliver it."),
    "mail_spam": _lt("It was taken for spam."),
    "mail_email_invalid": _lt("The address is not valid. Correct it."),
    "mail_email_missing": _lt("There is no address. Enter one."),
    "mail_from_invalid": _lt("The sender's address is not valid."),
    "mail_from_missing": _lt("The sender has no address."),
    "mail_smtp": _lt("The outgoing mail server could not be reached or did not accept the login."),
    "mail_bl": _lt("The address is on the blacklist."),
    "mail_optout": _lt("The recipient opted out."),
    "mail_dup": _lt("The address got the same message already."),
}


class MailNotification(models.Model):
    _inherit = "mail.notification"

    def _gateway_rows_among(self, rows):
        """Return those of the delivery ``rows`` that are about this notification's recipient."""
        self.ensure_one()
        if self.res_partner_id:
            mine = rows.filtered(lambda row: row.partner_id == self.res_partner_id)
            if mine:
                return mine
        address = email_normalize(self.mail_email_address or self.res_partner_id.email or "")
        if not address:
            return rows[:0]
        return rows.filtered(lambda row: not row.partner_id and row.recipient.lower() == address)

    def _gateway_deliveries(self):
        """Return {notification: its delivery rows, newest mail's only}, read as the system: the caller has checked."""
        # sudo: rows are told to nobody here; the dialogue shows them to whoever may write on the record.
        rows = self.env["spp.email.delivery"].sudo().search(  # nosemgrep
            [("mail_message_id", "in", self.mail_message_id.ids)]
        )
        found = {}
        for notification in self:
            mine = notification._gateway_rows_among(
                rows.filtered(lambda row, of=notification: row.mail_message_id == of.mail_message_id)
            )
            newest = mine[:1].mail_id
            found[notification] = mine.filtered(lambda row, mail=newest: row.mail_id == mail)
        return found

    def _gateway_words(self):
        """Return why this notification failed, in words for whoever wrote the message."""
        self.ensure_one()
        return str(FAILURE_WORDS.get(self.failure_type) or self.env._("It could not be sent."))

    def write(self, vals):
        """A failure that is ignored, here or with the cross in the Discuss menu, is settled in the ledger too."""
        ignored = self.browse()
        if vals.get("notification_status") == "canceled" and not self.env.context.get("gateway_follows"):
            ignored = self.filtered(
                lambda one: one.notification_type == "email" and one.notification_status in FAILED_NOTIFICATION
            )
        result = super().write(vals)
        if ignored:
            # sudo: who may write on a notification settles its deliveries; none of them is shown.
            of_them = ignored.sudo()._gateway_deliveries()  # nosemgrep
            rows = self.env["spp.email.delivery"].union(*of_them.values())
            rows._settle(self.env._("Ignored"))
        return result
