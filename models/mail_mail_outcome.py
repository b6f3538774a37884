# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a mail and its notifications show, following from the ledger's rows."""

from collections import defaultdict

from odoo import fields, models
from odoo.tools import SQL, email_normalize

from ..engine.mail_fate import Recipient, failure_type, in_words, mail_fate
from ..engine.outcome import OutboundReason, OutboundState
from .mail_mail import FOLLOWING

NO_RECIPIENT = Recipient("", None, OutboundState.FAILED, OutboundReason.NO_RECIPIENT)
# Notifications that nothing more happens to.
SETTLED = ("sent", "canceled")


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _gateway_follow(self, claims=None):
        """Write state, failure and notifications from the ledger, and what Odoo does once a mail is decided.

        Mails that were decided otherwise meanwhile, cancelled by a person, keep that.

        Args:
            claims: {mail id: Claim} of the worker that sent them; their rows in the queue go, or wait on.
        """
        rows = defaultdict(list)
        for _row_id, mail_id, recipient in self.env["spp.email.delivery"]._recipients(self.env, self.ids):
            rows[mail_id].append(recipient)
        mails = self.with_context(**{FOLLOWING: True}).exists()
        fates = {mail: mail_fate(rows[mail.id] or [NO_RECIPIENT]) for mail in mails}
        undecided = mails.filtered(lambda mail: mail.state == "outgoing")
        self._gateway_free(claims, undecided.filtered(lambda mail: fates[mail].state == "outgoing"))
        sent = undecided.filtered(lambda mail: fates[mail].state == "sent")
        others = undecided - sent
        for mail in others:
            mail._gateway_show(fates[mail])
        if sent:
            # All at once: it is the same for each of them.
            sent.write({"state": "sent", "failure_type": False, "failure_reason": False})
            took = [one for mail in sent for one in fates[mail].sent]
            partners = self.env["res.partner"].browse(one.partner_id for one in took if one.partner_id)
            sent._postprocess_sent_message(
                success_pids=list(partners), success_emails=[one.address for one in took if not one.partner_id]
            )
        (mails - undecided)._gateway_withdraw()

    def _gateway_show(self, fate):
        """Write one mail's fate, unless all of its recipients were sent to."""
        self.ensure_one()
        if fate.state == "outgoing":
            values = {"scheduled_date": fate.due or False, "failure_reason": fate.failure_reason or False}
            self.write({name: value for name, value in values.items() if self[name] != value})
            self._gateway_notify_recipients(fate)
            return
        values = {
            "state": fate.state,
            "failure_type": fate.failure_type or False,
            "failure_reason": fate.failure_reason or False,
        }
        if fate.state == "exception" and self.auto_delete:
            # Odoo deletes it with some kinds of failure; whoever corrects the address needs it.
            values["auto_delete"] = False
        self.write(values)
        self._gateway_notify_recipients(fate)
        partners = self.env["res.partner"].browse(one.partner_id for one in fate.sent if one.partner_id)
        if fate.state == "exception":
            self._postprocess_sent_message(
                success_pids=list(partners),
                success_emails=[one.address for one in fate.sent if not one.partner_id],
                failure_reason=fate.failure_reason,
                failure_type=fate.failure_type or "unknown",
            )
            # Each with its own reason, which Odoo does not know of.
            self._gateway_notify_recipients(fate)

    def _gateway_notifications(self):
        # sudo: notifications of all recipients, whoever sends.
        return self.env["mail.notification"].sudo().search(  # nosemgrep
            [
                ("notification_type", "=", "email"),
                ("mail_mail_id", "in", self.ids),
                ("notification_status", "not in", SETTLED),
            ]
        )

    def _gateway_notify_recipients(self, fate):
        """Write the notification of each recipient that is decided, as far as it changes."""
        if not (self.is_notification and (fate.sent or fate.failed)):
            return
        by_partner = {one.partner_id: one for one in (*fate.failed, *fate.sent) if one.partner_id}
        by_address = {one.address: one for one in (*fate.failed, *fate.sent) if not one.partner_id}
        changed = self.env["mail.notification"]
        for notification in self._gateway_notifications():
            address = email_normalize(notification.mail_email_address or "") or ""
            one = by_partner.get(notification.res_partner_id.id) or by_address.get(address)
            if not one:
                continue
            if one.state is OutboundState.SENT:
                values = {"notification_status": "sent", "failure_type": False, "failure_reason": False}
            else:
                values = {
                    "notification_status": "bounce" if one.state is OutboundState.BOUNCED else "exception",
                    "failure_type": failure_type(one),
                    "failure_reason": in_words(one),
                }
            if any(notification[name] != value for name, value in values.items()):
                notification.write(values)
                changed += notification
        failed = changed.filtered(lambda one: one.notification_status != "sent").mail_message_id
        failed.filtered(lambda message: message._is_thread_message())._notify_message_notification_update()

    def _gateway_withdraw(self):
        """Cancel what the ledger still has to send of mails that are decided otherwise."""
        if not self:
            return
        self.env["spp.email.delivery"].flush_model()
        self.env.execute_query(
            SQL(
                "UPDATE spp_email_delivery SET state = 'cancelled', reason = 'by_hand', next_attempt_date = NULL,"
                " final_date = %s WHERE mail_id IN %s AND state IN ('queued', 'deferred') RETURNING id",
                fields.Datetime.now(),
                tuple(self.ids),
            )
        )
        self.env["spp.email.delivery"].invalidate_model()

    def _gateway_free(self, claims, waiting):
        """Delete the queue's rows of decided mails, and free those of mails that wait, where the claims still hold."""
        free = SQL("UPDATE spp_email_queue AS queue SET claim_owner = NULL, claim_until = NULL, starts = 0 FROM")
        for query, wanted in ((free, True), (SQL("DELETE FROM spp_email_queue AS queue USING"), False)):
            mine = [claim for mail_id, claim in (claims or {}).items() if (self.browse(mail_id) in waiting) is wanted]
            if mine:
                rows = SQL(", ").join(SQL("(%s, %s)", claim.id, claim.fence) for claim in mine)
                self.env.execute_query(
                    SQL(
                        "%s (VALUES %s) AS mine (id, fence)"
                        " WHERE queue.id = mine.id AND queue.claim_fence = mine.fence RETURNING queue.id",
                        query,
                        rows,
                    )
                )

    def _gateway_follow_plainly(self, claims):
        """Write the bare state of mails whose outcome other addons' code cannot be told: nothing is sent again."""
        rows = defaultdict(list)
        for _row_id, mail_id, recipient in self.env["spp.email.delivery"]._recipients(self.env, self.ids):
            rows[mail_id].append(recipient)
        for mail_id in self.ids:
            fate = mail_fate(rows[mail_id] or [NO_RECIPIENT])
            self.env.execute_query(
                SQL(
                    "UPDATE mail_mail SET state = %s, failure_reason = %s, scheduled_date = %s WHERE id = %s"
                    " RETURNING id",
                    fate.state,
                    fate.failure_reason or None,
                    fate.due,
                    mail_id,
                )
            )
            self._gateway_free({mail_id: claims[mail_id]}, self.browse([mail_id] if fate.state == "outgoing" else []))
        self.invalidate_recordset()
