# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What becomes of a mail and its notifications when people decide about its recipients."""

from odoo import models

from ..engine.mail_fate import failure_type, in_words, mail_fate
from ..engine.outcome import OutboundState
from .mail_mail import FOLLOWING

PENDING = (OutboundState.QUEUED, OutboundState.SENDING, OutboundState.DEFERRED)
STATUS = {
    **dict.fromkeys(PENDING, "ready"),
    OutboundState.SENT: "sent",
    OutboundState.FAILED: "exception",
    OutboundState.UNKNOWN: "exception",
    OutboundState.BOUNCED: "bounce",
    OutboundState.SUPPRESSED: "canceled",
    OutboundState.CANCELLED: "canceled",
}
# What a contact with several addresses shows: the first of these that any of them is in.
WORST_FIRST = (
    OutboundState.FAILED,
    OutboundState.BOUNCED,
    OutboundState.UNKNOWN,
    *PENDING,
    OutboundState.SENT,
    OutboundState.SUPPRESSED,
    OutboundState.CANCELLED,
)
FAILED_NOTIFICATION = ("exception", "bounce")


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _gateway_follow(self, claims=None):
        """Failures that a person has dealt with make no mail a failed one, whenever the others are decided."""
        result = super()._gateway_follow(claims=claims)
        failed = self.exists().filtered(lambda mail: mail.state == "exception")
        # sudo: as the queue itself.
        rows = failed.sudo().gateway_delivery_ids  # nosemgrep
        rows.filtered("is_settled").mail_id._gateway_follow_decision()
        return result

    def _gateway_follow_decision(self):
        """Write the mails' state and notifications anew from their rows, whatever they said before.

        The queue's own following leaves alone what is decided; a decision of a person opens it again. Rows that a
        person has dealt with count as if they were not there.
        """
        changed = self.env["mail.message"]
        # sudo: the state of a mail is what its rows say, whoever made them change.
        for mail in self.sudo().exists().with_context(**{FOLLOWING: True}):  # nosemgrep
            rows = mail.gateway_delivery_ids
            if not rows:
                continue
            open_rows = rows.filtered(lambda row: not row.is_settled)
            rows.flush_recordset()
            found = rows._recipients(self.env, mail.ids)
            recipients = {row_id: recipient for row_id, _mail_id, recipient in found if row_id in open_rows.ids}
            fate = mail_fate(list(recipients.values()))
            was_undecided = mail.state == "outgoing"
            mail.write(
                {
                    "state": fate.state,
                    "scheduled_date": fate.due or False,
                    "failure_type": fate.failure_type or False,
                    "failure_reason": fate.failure_reason or False,
                }
            )
            changed |= mail._gateway_notify_decision(open_rows, recipients)
            if was_undecided and fate.state == "sent":
                # What Odoo does once a mail is over, deleting it perhaps.
                mail._postprocess_sent_message(
                    success_pids=list(open_rows.filtered(lambda row: row.state == "sent").partner_id),
                    success_emails=[one.address for one in fate.sent if not one.partner_id],
                )
        changed.filtered(lambda message: message._is_thread_message())._notify_message_notification_update()

    def _gateway_notify_decision(self, rows, recipients):
        """Write the notifications of this mail that are not what its rows say; return their messages.

        Args:
            recipients: {row id: engine.mail_fate.Recipient}.
        """
        messages = self.env["mail.message"]
        notifications = self.env["mail.notification"].search(
            [("mail_mail_id", "=", self.id), ("notification_type", "=", "email")]
        )
        for notification in notifications:
            mine = notification._gateway_rows_among(rows)
            if not mine and len(notifications) == 1:
                mine = rows
            if not mine:
                continue
            one = min((recipients[row.id] for row in mine), key=lambda one: WORST_FIRST.index(one.state))
            status = STATUS[one.state]
            is_failed = status in FAILED_NOTIFICATION
            values = {
                "notification_status": status,
                "failure_type": ("mail_bounce" if status == "bounce" else failure_type(one)) if is_failed else False,
                "failure_reason": in_words(one) if is_failed else False,
            }
            if any(notification[name] != value for name, value in values.items()):
                # The ledger is where this comes from: nothing is settled by it.
                notification.with_context(gateway_follows=True).write(values)
                messages |= notification.mail_message_id
        return messages
