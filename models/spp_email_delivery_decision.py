# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people decide about deliveries: rows are locked, read under the lock, and the decision is kept."""

from odoo import SUPERUSER_ID, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine.audit_action import AuditAction
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.storable import storable
from .spp_email_delivery import FINAL, NOT_REACHED, WAITING

# Who can be written to again. What is sent is not sent twice; what is in work is not touched.
RETRYABLE = (*NOT_REACHED, OutboundState.CANCELLED.value)
# Steps kept with a row: a person who tries again and again fills no table.
MOST_STEPS = 200


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    is_settled = fields.Boolean(
        "Dealt With", readonly=True, help="A person saw the failure: it is ignored, or was sent again another way."
    )

    # ------------------------------------------------------------------
    # What the rows do. Callers have checked who asks.
    # ------------------------------------------------------------------

    def _retry(self):
        """Make rows pending again from now, and start the queue; return those that are.

        Only failed, unknown, bounced, suppressed and cancelled recipients of a mail that is still there: what was sent
        is not sent twice, and of a deleted mail nothing is left to be sent.
        """
        changed = self._decide(
            self.env._("Try again"),
            {
                "state": OutboundState.QUEUED.value,
                "reason": False,
                "next_attempt_date": False,
                "final_date": False,
                "is_settled": False,
                # The days for which it is tried begin again.
                "created_date": fields.Datetime.now(),
            },
            RETRYABLE,
            needs_mail=True,
            action=AuditAction.RETRIED,
        )
        changed._start()
        return changed

    def _hurry(self):
        """Let rows that wait be tried now; return them."""
        changed = self._decide(
            self.env._("Send now"),
            {"next_attempt_date": False},
            WAITING,
            needs_mail=True,
            action=AuditAction.SENT_NOW,
        )
        changed._start()
        return changed

    def _cancel(self):
        """Take rows that wait out of the queue; return them. The mail follows."""
        changed = self._decide(
            self.env._("Cancel"),
            {
                "state": OutboundState.CANCELLED.value,
                "reason": OutboundReason.BY_HAND.value,
                "next_attempt_date": False,
                "final_date": fields.Datetime.now(),
            },
            WAITING,
            action=AuditAction.CANCELLED,
        )
        changed.mail_id._gateway_follow()
        return changed

    def _settle(self, what, action=AuditAction.SETTLED):
        """Note that a person has seen these failures and wants nothing more of them; return them.

        What may have arrived and may not is cancelled: somebody has decided, so it is undecided no longer.
        """
        unknown = self._decide(
            what,
            {
                "state": OutboundState.CANCELLED.value,
                "reason": OutboundReason.BY_HAND.value,
                "final_date": fields.Datetime.now(),
                "is_settled": True,
            },
            (OutboundState.UNKNOWN.value,),
            action=action,
        )
        failed = (self - unknown)._decide(
            what, {"is_settled": True}, NOT_REACHED, action=action
        )
        settled = unknown | failed
        settled._ignore_notifications()
        settled.mail_id._gateway_follow()
        return settled

    def _ignore_notifications(self):
        """Turn the envelopes of these failures white, if they are red still."""
        notifications = self.mail_message_id._gateway_failed_notifications()
        rows = notifications._gateway_deliveries()
        mine = notifications.filtered(lambda one: rows[one] & self)
        mine.with_context(gateway_follows=True).write({"notification_status": "canceled"})
        messages = mine.mail_message_id.filtered(lambda message: message._is_thread_message())
        messages._notify_message_notification_update()

    def _start(self):
        if self:
            mails = self.mail_id
            mails._gateway_follow()
            mails._gateway_wake()

    def _decide(self, what, values, states, needs_mail=False, *, action=AuditAction.DECIDED):
        """Write ``values`` on the rows that are in one of ``states``, note who decided it, and return them.

        The rows are locked first and read under the lock: of two people who decide at once the second finds nothing
        left, and what a sending thread has in work is left alone.
        """
        # sudo: the ledger is readonly for everybody; callers have checked the right to decide.
        locked = self.sudo().try_lock_for_update(allow_referencing=True)  # nosemgrep
        # What the cache holds may be older than the lock.
        locked.invalidate_recordset()
        changed = locked.filtered(lambda row: row.state in states and (row.mail_id or not needs_mail))
        for row in changed:
            row.write({**values, "trace": [*(row.trace or []), row._decision_step(what)][-MOST_STEPS:]})
        # The queue's own jobs decide nothing that somebody has to answer for.
        if self.env.uid != SUPERUSER_ID:
            self.env["spp.email.audit"]._note(action, changed)
        return changed

    def _decision_step(self, what):
        words = dict(self._fields["state"]._description_selection(self.env))
        return {
            "looked_at": "decided by",
            "found": storable(f"user {self.env.uid}, {fields.Datetime.now():%Y-%m-%d %H:%M:%S} UTC"),
            "followed": storable(self.env._("%(what)s (before: %(state)s)", what=what, state=words[self.state])),
        }

    # ------------------------------------------------------------------
    # What people press
    # ------------------------------------------------------------------

    def _check_may_decide(self):
        """
        Raises:
            AccessError: the user is no officer, or may not see all of these rows.
        """
        self.check_access("read")
        if not self.env.user.has_group("spp_email_gateway.group_email_gateway_officer"):
            raise AccessError(self.env._("Only officers of the email gateway decide what becomes of a delivery."))

    def action_retry(self):
        """Try failed recipients again, and only these.

        Raises:
            UserError: none of them can be.
        """
        self._check_may_decide()
        if not self._retry():
            raise UserError(
                self.env._(
                    "Nothing was changed. Only recipients that were not reached can be tried again, and only while the "
                    "email itself is still there. Where it was deleted, open the record and click on the red envelope."
                )
            )
        return True

    def action_send_now(self):
        """Let recipients that wait be tried now.

        Raises:
            UserError: none of them waits.
        """
        self._check_may_decide()
        if not self._hurry():
            raise UserError(self.env._("Nothing was changed: none of these recipients is waiting any more."))
        return True

    def action_cancel(self):
        """Take recipients that wait out of the queue.

        Raises:
            UserError: none of them waits.
        """
        self._check_may_decide()
        if not self._cancel():
            raise UserError(
                self.env._(
                    "Nothing was changed: only what is still waiting can be cancelled, and this is sent or over."
                )
            )
        return True

    def action_settle(self):
        """Note that failures were dealt with, so that nobody is asked to look at them any more."""
        self._check_may_decide()
        self._settle(self.env._("Dealt with"))
        return True

    def action_hold(self):
        """Keep rows, their mail and its bytes from being removed, whatever the rules of retention say."""
        self._check_may_decide()
        states = (*FINAL, *WAITING, OutboundState.UNKNOWN.value)
        self._decide(self.env._("Legal hold"), {"is_held": True}, states, action=AuditAction.HELD)
        return True

    def action_release(self):
        """Let the rules of retention apply again."""
        self._check_may_decide()
        states = (*FINAL, *WAITING, OutboundState.UNKNOWN.value)
        what = self.env._("End of the legal hold")
        self._decide(what, {"is_held": False}, states, action=AuditAction.HOLD_ENDED)
        return True
