# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One recipient that a message did not reach."""

from odoo import api, fields, models
from odoo.tools.mail import email_normalize, email_normalize_all

from ..engine.audit_action import AuditAction
from ..models.engine_text import EngineChar, EngineText
from ..models.spp_email_delivery import NOT_REACHED


class SppEmailResendLine(models.TransientModel):
    _name = "spp.email.resend.line"
    _description = "Recipient to Send Again to"
    _rec_name = "name"

    wizard_id = fields.Many2one("spp.email.resend", required=True, readonly=True, ondelete="cascade")
    notification_id = fields.Many2one("mail.notification", required=True, readonly=True, ondelete="cascade")
    name = fields.Char("Recipient", readonly=True)
    email = fields.Char("Address", help="Correct it here.")
    tried_email = fields.Char("Address That Failed", readonly=True)
    is_again = fields.Boolean("Try Again")
    is_contact_writable = fields.Boolean(readonly=True)

    reason = EngineChar(readonly=True)
    cure = EngineChar(readonly=True)
    code = fields.Char(readonly=True)
    server_name = fields.Char("Server", readonly=True)
    answer = EngineText(readonly=True)
    attempt_date = fields.Datetime("Last Attempt", readonly=True)

    @api.model
    def _values(self, notification, rows):
        """Return the values of a line about a failed notification and its delivery ``rows``, both as the system's."""
        partner = notification.res_partner_id
        failed = rows.filtered(lambda row: row.state in NOT_REACHED)[:1]
        tried = failed.recipient or notification.mail_email_address or partner.email or ""
        values = {
            "notification_id": notification.id,
            "name": partner.display_name or notification.mail_email_address or tried,
            "tried_email": tried,
            # Somebody may have corrected the contact since.
            "email": (partner.email_normalized or partner.email if partner else False) or tried,
            # What may have arrived is not sent twice unless a person says so.
            "is_again": failed.state != "unknown",
            "is_contact_writable": bool(partner) and partner.with_env(self.env).sudo(False).has_access("write"),
        }
        if failed:
            values |= {
                "reason": failed.answer_words,
                "cure": failed.answer_cure,
                "code": failed.code_text,
                "server_name": failed.server_id.display_name,
                "answer": failed.smtp_text,
                "attempt_date": failed.attempt_date,
            }
        else:
            server = notification.mail_mail_id.mail_server_id
            values |= {
                "reason": notification._gateway_words(),
                "server_name": server.display_name,
                "answer": notification.failure_reason,
            }
        return values

    # ------------------------------------------------------------------
    # What is decided. The wizard has checked the right to do so.
    # ------------------------------------------------------------------

    def _ignore(self):
        # sudo: who may write on the record decides about its failed recipients.
        self.sudo().notification_id.write({"notification_status": "canceled"})  # nosemgrep

    def _send_again(self):
        for line in self:
            line._correct_contact()
            rows = line._rows_to_retry()
            if rows:
                rows._retry()
            else:
                line._send_new_mail()

    def _correct_contact(self):
        """Write a corrected address on the contact, with the user's own rights; they may be gone by now."""
        # sudo: which contact it is. It is written as the user.
        partner = self.sudo().notification_id.res_partner_id.with_env(self.env)  # nosemgrep
        if partner and partner.has_access("write"):
            email = email_normalize(self.email)
            if email not in email_normalize_all(partner.email or ""):
                partner.email = email

    def _rows_to_retry(self):
        """Return the failed rows that lead to the address as it is now and whose mail is there; none otherwise."""
        # sudo: see the wizard's check.
        notification = self.sudo().notification_id  # nosemgrep
        rows = notification._gateway_deliveries()[notification].filtered(
            lambda row: row.state in NOT_REACHED and row.mail_id
        )
        wanted = email_normalize(self.email)
        reached = set(email_normalize_all(notification.res_partner_id.email or "")) or {wanted}
        addresses = {row.recipient.lower() for row in rows}
        return rows if wanted in addresses and addresses <= reached else rows[:0]

    def _send_new_mail(self):
        """Queue a mail for this recipient alone; the notification follows it from now on."""
        # sudo: mail is made by the system, as for every message that is posted.
        notification = self.sudo().notification_id  # nosemgrep
        old = notification.mail_mail_id.exists()
        mail = self.env["mail.mail"].sudo().create(self._mail_values(notification, old))  # nosemgrep: the same
        rows = notification._gateway_deliveries()[notification]
        values = {
            "mail_mail_id": mail.id,
            "notification_status": "ready",
            "failure_type": False,
            "failure_reason": False,
        }
        if not notification.res_partner_id:
            values["mail_email_address"] = email_normalize(self.email)
        notification.write(values)
        rows._settle(self.env._("Sent again in an email of its own"), AuditAction.SENT_AGAIN)
        if not rows:
            self.env["spp.email.audit"]._note(AuditAction.SENT_AGAIN, notification.mail_message_id)
        if old.state == "exception" and not old.gateway_delivery_ids:
            # Without rows only its notifications tell whom it did not reach.
            failed = self.env["mail.notification"].sudo().search_count(  # nosemgrep: counted only
                [("mail_mail_id", "=", old.id), ("notification_status", "in", ("exception", "bounce"))], limit=1
            )
            if not failed:
                old.cancel()
        # sudo: starting the work, no data.
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()  # nosemgrep

    def _mail_values(self, notification, old):
        """Return the values of a mail to this recipient alone: the old mail's, or made from the message anew."""
        message = notification.mail_message_id
        partner = notification.res_partner_id
        address = email_normalize(self.email)
        to_partner = partner and address in email_normalize_all(partner.email or "")
        if old:
            values = {
                "mail_message_id": message.id,
                "is_notification": True,
                "body_html": old.body_html,
                "references": old.references,
                "headers": old.headers,
                "auto_delete": old.auto_delete,
            }
        else:
            values = self._rendered(message, partner, address)
        return {
            **values,
            "recipient_ids": [fields.Command.set(partner.ids if to_partner else [])],
            "email_to": False if to_partner else address,
            "email_cc": False,
        }

    def _rendered(self, message, partner, address):
        """Return the values of the mail that Odoo makes of a message for one recipient, as when it was posted."""
        # sudo: as when it was posted.
        env = self.sudo().env  # nosemgrep
        record = env["mail.thread"]
        if message._is_thread_message() and hasattr(env[message.model], "_notify_by_email_render_layout"):
            record = env[message.model].browse(message.res_id)
        recipient = {
            "active": True,
            "email_normalized": address,
            "id": False,
            "is_follower": False,
            "name": partner.name or address,
            "lang": partner.lang or False,
            "groups": [],
            "notif": "email",
            "share": True,
            "type": "customer",
            "uid": False,
            "ushare": False,
        }
        if partner:
            found = env["mail.followers"]._get_recipient_data(
                env["mail.thread"], "user_notification", False, pids=partner.ids
            )
            recipient = {**recipient, **found[0].get(partner.id, {}), "notif": "email"}
        base = record._notify_by_email_get_base_mail_values(
            message, [recipient], additional_values={"auto_delete": True}
        )
        for _lang, render_values, group in record._notify_get_classified_recipients_iterator(message, [recipient]):
            body = record._notify_by_email_render_layout(message, group, render_values=render_values)
            return record._notify_by_email_get_final_mail_values(
                group["recipients_ids"], base, additional_values={"body_html": body}
            )
        # A model may leave all kinds of recipients out.
        return {**base, "is_notification": True, "body_html": message.body}
