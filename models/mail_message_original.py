# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""From a chatter message back to the email that it was."""

from odoo import api, fields, models

from odoo.addons.mail.tools.discuss import Store


class MailMessage(models.Model):
    _inherit = "mail.message"

    gateway_inbound_id = fields.Many2one(
        "spp.email.inbound", string="Original Email", compute="_compute_gateway_inbound_id"
    )

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_gateway_inbound_id(self):
        """Find the journal entries, for those who may see them, all at once."""
        self.gateway_inbound_id = False
        journal = self.env["spp.email.inbound"].sudo(False)
        emails = self.filtered(lambda message: message.message_type == "email" and isinstance(message.id, int))
        if not emails or not journal.has_access("read"):
            return
        entries = journal.search([("mail_message_id", "in", emails.ids), ("state", "=", "done")], order="id desc")
        # Where the original may not be read, nothing leads to it.
        readable = entries.filtered(lambda entry: entry._may_see_content())
        by_message = {entry.mail_message_id.id: entry.id for entry in readable}
        for message in emails:
            message.gateway_inbound_id = by_message.get(message.id, False)

    def _to_store_defaults(self, target):
        # A message that is pushed to others is not told who may see its original.
        if not target.is_current_user(self.env):
            return super()._to_store_defaults(target)
        original = Store.Attr(
            "gateway_inbound_id",
            value=lambda message: message.gateway_inbound_id.id,
            predicate=lambda message: message.message_type == "email",
        )
        return [*super()._to_store_defaults(target), original]
