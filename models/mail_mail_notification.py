# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A mail's notifications follow from the rows of its recipients."""

from odoo import models

from ..engine.mail_fate import failure_type as failure_type_of
from ..engine.outcome import OutboundReason, OutboundState
from .spp_email_delivery import NOT_REACHED, PENDING

# Status of the notification, and Odoo's failure type.
STATUS = {
    **dict.fromkeys(PENDING, ("ready", False)),
    OutboundState.SENT.value: ("sent", False),
    # Of which kind hangs on the answer.
    OutboundState.FAILED.value: ("exception", None),
    OutboundState.UNKNOWN.value: ("exception", None),
    OutboundState.BOUNCED.value: ("bounce", "mail_bounce"),
    OutboundState.SUPPRESSED.value: ("exception", "mail_bl"),
    OutboundState.CANCELLED.value: ("canceled", False),
}
# What an email of several addresses, of one contact, is: the first of these that any of them is in.
WORST_FIRST = (
    OutboundState.FAILED.value,
    OutboundState.BOUNCED.value,
    OutboundState.UNKNOWN.value,
    *PENDING,
    OutboundState.SENT.value,
    OutboundState.SUPPRESSED.value,
    OutboundState.CANCELLED.value,
)
FAILED_NOTIFICATION = ("exception", "bounce")


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _gateway_follow_notifications(self, rows):
        """Write the notifications of this mail that are not what the rows say; return their messages."""
        messages = self.env["mail.message"]
        # sudo: notifications of all recipients, whoever sends.
        notifications = self.env["mail.notification"].sudo().search(  # nosemgrep
            [("mail_mail_id", "=", self.id), ("notification_type", "=", "email")]
        )
        for notification in notifications:
            mine = notification._gateway_rows_among(rows) or (rows if len(notifications) == 1 else rows.browse())
            if notification._gateway_follow_rows(mine):
                messages |= notification.mail_message_id
        return messages

    def _gateway_bounced_notifications(self):
        """Return {notification: its values} of those of this mail that came back, or were never sent."""
        # sudo: as above.
        found = self.env["mail.notification"].sudo().search(  # nosemgrep
            [("mail_mail_id", "=", self.id), ("notification_status", "in", FAILED_NOTIFICATION)]
        )
        names = ("notification_status", "failure_type", "failure_reason")
        return {one: {name: one[name] for name in names} for one in found}


class MailNotification(models.Model):
    _inherit = "mail.notification"

    def _gateway_follow_rows(self, rows):
        """Write what this recipient's ``rows`` say; return whether anything changed."""
        self.ensure_one()
        # What a person has dealt with is what that person made of it.
        mine = rows.filtered(lambda row: not row.is_settled)
        if not mine:
            return False
        row = min(mine, key=lambda row: WORST_FIRST.index(row.state))
        status, failure_type = STATUS[row.state]
        if row.state == OutboundState.SUPPRESSED.value and row.mail_class == "mass":
            # Nobody wrote to this one person, and nobody is to look for another way.
            status = "canceled"
        if failure_type is None:
            reason = OutboundReason(row.reason) if row.reason else None
            failure_type = failure_type_of(reason, row.smtp_code, row.enhanced_status or "")
            if reason is OutboundReason.SENT_BACK:
                # Odoo's emails have no such type, its notifications have.
                failure_type = "mail_bounce"
        values = {
            "notification_status": status,
            "failure_type": failure_type,
            "failure_reason": row.answer_words if row.state in NOT_REACHED else False,
        }
        if all(self[name] == value for name, value in values.items()):
            return False
        # The ledger is where this comes from: nothing is settled by it.
        self.with_context(gateway_follows=True).write(values)
        return True
