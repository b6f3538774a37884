# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The dialogue behind a red envelope: whom a message did not reach, why, and what is to be done about it."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools.mail import email_normalize

# Recipients shown at once; the next ones come when these are decided on.
MOST_LINES = 200
ASKED = ("bounce", "exception")


class SppEmailResend(models.TransientModel):
    _name = "spp.email.resend"
    _description = "Send Again"
    _rec_name = "message_id"

    message_id = fields.Many2one("mail.message", required=True, readonly=True, ondelete="cascade")
    subject = fields.Char(readonly=True)
    line_ids = fields.One2many("spp.email.resend.line", "wizard_id", string="Recipients")
    others_text = fields.Char(readonly=True)

    @api.model
    def _open(self, message, failed):
        """Make a dialogue about the ``failed`` notifications of a message; return the action that opens it.

        The caller has checked that the user may decide about the message.
        """
        lines = self.env["spp.email.resend.line"]
        deliveries = failed._gateway_deliveries()
        # sudo: users may not make up dialogues, about whatever they like.
        wizard = self.sudo().create(  # nosemgrep
            {
                "message_id": message.id,
                # sudo: of a message that the user reads.
                "subject": message.sudo().subject or message.sudo().record_name,  # nosemgrep
                "others_text": self._others_text(message, failed),
                "line_ids": [
                    fields.Command.create(lines._values(notification, deliveries[notification]))
                    for notification in failed[:MOST_LINES]
                ],
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Not Delivered"),
            "res_model": self._name,
            "res_id": wizard.id,
            "views": [(False, "form")],
            "target": "new",
            "context": {"dialog_size": "large"},
        }

    def _others_text(self, message, failed):
        # sudo: counted only.
        notifications = message.sudo().notification_ids  # nosemgrep
        rest = notifications.filtered(lambda one: one.notification_type == "email") - failed
        sent = len(rest.filtered(lambda one: one.notification_status in ("sent", "pending")))
        waiting = len(rest.filtered(lambda one: one.notification_status in ("ready", "process")))
        left = len(failed) - MOST_LINES
        return " ".join(
            words
            for count, words in (
                (sent == 1, self.env._("One other recipient was reached.")),
                (sent > 1 and sent, self.env._("%s other recipients were reached.", sent)),
                (waiting, self.env._("Still on the way: %s.", waiting)),
                (left, self.env._("%s more failures are shown after these.", left)),
            )
            if count > 0
        )

    def _check_may(self):
        """What was allowed when the dialogue was opened may not be any more.

        Raises:
            AccessError: the user may not write on the message's record, or a line is about another message.
        """
        self.ensure_one()
        if not self.message_id._gateway_may_resend():
            raise AccessError(self.env._("You may not write on this record any more, so nothing was changed."))
        # sudo: which message the notifications are about.
        if self.line_ids.sudo().notification_id.mail_message_id - self.message_id:  # nosemgrep
            raise AccessError(self.env._("This is about another message."))

    def action_send(self):
        """Send again to those who are toggled on, ignore the others, and close.

        Raises:
            AccessError: see _check_may.
            UserError: an address is missing or not valid, or somebody else has decided already.
        """
        self._check_may()
        again = self.line_ids.filtered("is_again")
        wrong = again.filtered(lambda line: not email_normalize(line.email or ""))
        if wrong:
            names = "\n".join(f"{line.name}: {line.email or self.env._('no address')}" for line in wrong)
            raise UserError(
                self.env._("Correct these addresses, or turn Try Again off for them:\n%(names)s", names=names)
            )
        decided = self._still_failed(again)
        decided._send_again()
        ignored = self._still_failed(self.line_ids - again)
        ignored._ignore()
        return self._close(decided | ignored)

    def action_ignore_all(self):
        """Ignore all failures of the message: its envelope turns white, and the Discuss menu counts them no more.

        Raises:
            AccessError: see _check_may.
        """
        self._check_may()
        failed = self.message_id._gateway_failed_notifications()
        failed.write({"notification_status": "canceled"})
        self.message_id._notify_message_notification_update()
        return {"type": "ir.actions.act_window_close"}

    def _still_failed(self, lines):
        """Return those of the ``lines`` whose failure nobody else has decided on, with it locked."""
        # sudo: see _check_may.
        locked = lines.sudo().notification_id.try_lock_for_update(allow_referencing=True)  # nosemgrep
        locked.invalidate_recordset(["notification_status"])
        waiting = locked.filtered(lambda one: one.notification_status in ASKED)
        return lines.filtered(lambda line: line.sudo().notification_id in waiting)  # nosemgrep: the same

    def _close(self, decided):
        if not decided and self.line_ids:
            raise UserError(self.env._("Nothing was changed: somebody else has just decided about these recipients."))
        self.message_id._notify_message_notification_update()
        return {"type": "ir.actions.act_window_close"}
