# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The mail and its notifications follow from the rows of its recipients."""

from odoo import models

from ..engine.outcome import OutboundState
from .spp_email_delivery import FAILURES, PENDING

# Status of the notification, and Odoo's failure type.
STATUS = {
    **dict.fromkeys(PENDING, ("ready", False)),
    OutboundState.SENT.value: ("sent", False),
    OutboundState.FAILED.value: ("exception", "unknown"),
    OutboundState.UNKNOWN.value: ("exception", "unknown"),
    OutboundState.BOUNCED.value: ("bounce", "mail_bounce"),
    OutboundState.SUPPRESSED.value: ("canceled", "mail_bl"),
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

    def _gateway_follow(self):
        """Recompute the mail's state, and its notifications, from the rows of its recipients."""
        changed = self.env["mail.message"]
        # sudo: the state of a mail is what its rows say, whoever made them change.
        for mail in self.sudo().exists():  # nosemgrep
            rows = mail.gateway_delivery_ids
            if rows:
                mail.write(mail._gateway_following_values(rows))
                changed |= mail._gateway_follow_notifications(rows)
        changed.filtered(lambda message: message._is_thread_message())._notify_message_notification_update()

    def _gateway_following_values(self, rows):
        pending = rows.filtered(lambda row: row.state in PENDING)
        if pending:
            dates = pending.mapped("next_attempt_date")
            # One that is due now sets no date.
            wait = min(dates) if all(dates) else False
            return {"state": "outgoing", "scheduled_date": wait, "failure_reason": False, "failure_type": False}
        failed = rows.filtered(lambda row: row.state in ("failed", "unknown") and not row.is_settled)
        if failed:
            reason = "\n".join(f"{row.recipient}: {row.answer_words}" for row in failed)
            return {"state": "exception", "failure_reason": reason, "failure_type": "unknown"}
        reached = rows.filtered(lambda row: row.state in ("sent", "bounced"))
        return {"state": "sent" if reached else "cancel"}

    def _gateway_follow_notifications(self, rows):
        """Write the notifications of this mail that are not what the rows say; return their messages."""
        messages = self.env["mail.message"]
        notifications = self.env["mail.notification"].search(
            [("mail_mail_id", "=", self.id), ("notification_type", "=", "email")]
        )
        for notification in notifications:
            mine = notification._gateway_rows_among(rows) or (rows if len(notifications) == 1 else rows.browse())
            # What a person has dealt with is what that person made of it.
            mine = mine.filtered(lambda row: not row.is_settled)
            if not mine:
                continue
            row = min(mine, key=lambda row: WORST_FIRST.index(row.state))
            status, failure_type = STATUS[row.state]
            if notification.notification_status == status and status not in FAILED_NOTIFICATION:
                continue
            # The ledger is where this comes from: nothing is settled by it.
            notification.with_context(gateway_follows=True).write(
                {
                    "notification_status": status,
                    "failure_type": failure_type,
                    "failure_reason": row.answer_words if row.state in FAILURES else False,
                }
            )
            messages |= notification.mail_message_id
        return messages
