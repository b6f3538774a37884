# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""From a chatter message to the email as it was sent."""

from odoo import api, fields, models

from odoo.addons.mail.tools.discuss import Store


class MailMessage(models.Model):
    _inherit = "mail.message"

    gateway_has_sent_content = fields.Boolean(compute="_compute_gateway_has_sent_content")

    @api.depends_context("uid")
    def _compute_gateway_has_sent_content(self):
        """Find for which messages the bytes are there, for staff, all at once."""
        self.gateway_has_sent_content = False
        sent = self.filtered(lambda message: message.message_type != "email" and isinstance(message.id, int))
        if not sent or not self.env.user._is_internal():
            return
        # sudo: whoever reads a message may have it as it was sent; only that it is there is told here.
        groups = self.env["spp.email.sent.content"].sudo()._read_group(  # nosemgrep
            [("mail_message_id", "in", sent.ids), ("stored_size", ">", 0)], ["mail_message_id"]
        )
        found = {message.id for (message,) in groups}
        for message in sent:
            message.gateway_has_sent_content = message.id in found

    def _to_store_defaults(self, target):
        # A message that is pushed to others is not told who may have it as sent.
        if not target.is_current_user(self.env):
            return super()._to_store_defaults(target)
        sent = Store.Attr("gateway_has_sent_content", predicate=lambda message: message.message_type != "email")
        return [*super()._to_store_defaults(target), sent]
