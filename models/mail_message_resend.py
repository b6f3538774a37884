# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The click on a red envelope."""

from odoo import models


class MailMessage(models.Model):
    _inherit = "mail.message"

    def _gateway_may_resend(self):
        """Return whether the user may decide about this message's failed recipients.

        That is whoever may write on the record, as it is whoever may post there; the author is not asked for, since
        people are on leave. Portal users see one recipient of their record, not all.
        """
        self.ensure_one()
        if not self.env.user._is_internal() or not self.has_access("read"):
            return False
        # sudo: where the message belongs; it may be read, as was just checked.
        message = self.sudo()  # nosemgrep
        if not message.model or not message.res_id:
            return self.has_access("write")
        if message.model not in self.env:
            return False
        record = self.env[message.model].browse(message.res_id).exists()
        return bool(record) and record.has_access("write")

    def _gateway_failed_notifications(self):
        """Return the email notifications of these messages that failed, read as the system."""
        # sudo: whoever may decide about the message decides about all of its recipients; callers have checked.
        return self.env["mail.notification"].sudo().search(  # nosemgrep
            [
                ("mail_message_id", "in", self.ids),
                ("notification_type", "=", "email"),
                ("notification_status", "in", ("bounce", "exception")),
            ],
            order="id",
        )

    def action_gateway_resend(self):
        """Return the action that opens the dialogue about failed recipients; False for who may only look."""
        self.ensure_one()
        if not self._gateway_may_resend():
            return False
        failed = self._gateway_failed_notifications()
        return self.env["spp.email.resend"]._open(self, failed) if failed else False
