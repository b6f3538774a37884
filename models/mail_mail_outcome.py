# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a mail and its notifications show, following from the ledger's rows."""

from odoo import fields, models
from odoo.tools import SQL

from ..engine.mail_fate import PENDING, REACHED, mail_fate
from ..engine.outcome import OutboundState
from .mail_mail import FOLLOWING

SENT = OutboundState.SENT


class MailMail(models.Model):
    _inherit = "mail.mail"

    def _gateway_follow(self, claims=None):
        """Write state, failure and notifications from the ledger, and what Odoo does once a mail is decided.

        Args:
            claims: {mail id: Claim} of the worker that sent them; their rows in the queue go, or wait on. Mails that
                were decided otherwise meanwhile, cancelled by a person, keep that unless somebody has them already.
                None for a person's decision about rows, which decides about the mail, whatever it was.
        """
        self.env["spp.email.delivery"].flush_model()
        found = self.env["spp.email.delivery"]._recipients(self.env, self.ids)
        rows = {mail_id: list(known.values()) for mail_id, known in found.items()}
        # sudo: the state of a mail is what its rows say, whoever made them change.
        mails = self.sudo().with_context(**{FOLLOWING: True}).exists()  # nosemgrep
        if claims is None:
            mails = mails.filtered(lambda mail: rows[mail.id])
        else:
            # Who took over a mail meanwhile writes what becomes of it.
            mails &= mails.browse(self.env["spp.email.queue"]._held(claims))
            decided = mails.filtered(lambda mail: mail.state != "outgoing")
            decided._gateway_withdraw()
            # Cancelled too late for those who have it: they are told apart from whoever is spared it.
            late = decided.filtered(
                lambda mail: mail.state == "cancel" and any(one.state in REACHED for one in rows[mail.id])
            )
            for mail in late:
                rows[mail.id] = [one for one in rows[mail.id] if one.state not in PENDING]
            mails -= decided - late
        fates = {mail: mail_fate(rows[mail.id]) for mail in mails if rows[mail.id]}
        waiting = mails.filtered(lambda mail: mail not in fates or fates[mail].state == "outgoing")
        self.env["spp.email.queue"]._end_claims(claims or {}, waiting.ids)
        # Without a row nothing is known, and nothing decided.
        mails = mails.filtered(lambda mail: mail in fates)
        # Most of them, and all at once: it is the same for each.
        # What came back is told apart.
        sent = mails.filtered(lambda mail: rows[mail.id] and all(one.state is SENT for one in rows[mail.id]))
        for mail in mails - sent:
            mail._gateway_show(fates[mail])
        if sent:
            sent.write({"state": "sent", "failure_type": False, "failure_reason": False})
            sent._gateway_postprocess([one for mail in sent for one in fates[mail].sent])

    def _gateway_postprocess(self, reached, **failure):
        """Have Odoo and other addons do what follows once mails are decided; it deletes those that want it."""
        self._postprocess_sent_message(
            success_pids=list(self.env["res.partner"].browse(one.partner_id for one in reached if one.partner_id)),
            success_emails=[one.address for one in reached if not one.partner_id],
            **failure,
        )

    def _gateway_show(self, fate):
        """Write one mail's fate, whatever it is."""
        self.ensure_one()
        is_decided_now = self.state in ("outgoing", "cancel") and fate.state not in ("outgoing", "cancel")
        values = {
            "state": fate.state,
            "failure_type": fate.failure_type or False,
            "failure_reason": fate.failure_reason or False,
        }
        if fate.state == "outgoing":
            values["scheduled_date"] = fate.due or False
        if fate.state == "exception":
            # Odoo deletes it with some kinds of failure; whoever corrects the address needs it.
            values["auto_delete"] = False
        self.write({name: value for name, value in values.items() if self[name] != value})
        deliveries = self.gateway_delivery_ids
        deliveries.invalidate_recordset()
        if is_decided_now and fate.state == "exception":
            self._gateway_postprocess(
                fate.sent, failure_reason=fate.failure_reason, failure_type=fate.failure_type or "unknown"
            )
        # Each recipient with its own reason, which Odoo does not know of.
        changed = self._gateway_follow_notifications(deliveries)
        changed.filtered(lambda message: message._is_thread_message())._notify_message_notification_update()
        if is_decided_now and fate.state == "sent":
            # Odoo calls all of them delivered, and forgets what had come back already.
            bounced = self._gateway_bounced_notifications()
            self._gateway_postprocess(fate.sent)
            for notification, values in bounced.items():
                notification.write(values)

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

    def _gateway_follow_plainly(self, claims):
        """Write the bare state of mails whose outcome other addons' code cannot be told: nothing is sent again."""
        for mail_id, known in self.env["spp.email.delivery"]._recipients(self.env, self.ids).items():
            if not known:
                continue
            fate = mail_fate(list(known.values()))
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
            waiting = [mail_id] if fate.state == "outgoing" else []
            self.env["spp.email.queue"]._end_claims({mail_id: claims[mail_id]}, waiting)
        self.invalidate_recordset()
