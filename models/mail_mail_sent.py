# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""From an email in the queue to what was sent of it."""

from odoo import fields, models

from .spp_email_delivery_sent import download_of


class MailMail(models.Model):
    _inherit = "mail.mail"

    gateway_has_sent_content = fields.Boolean(compute="_compute_gateway_has_sent_content")

    def _compute_gateway_has_sent_content(self):
        # sudo: whoever reads an email may know that its bytes are there.
        found = self.env["spp.email.sent.content"].sudo().search(  # nosemgrep
            [("mail_id", "in", self.ids), ("stored_size", ">", 0)]
        )
        for mail in self:
            mail.gateway_has_sent_content = mail in found.mail_id

    def action_download_sent(self):
        self.ensure_one()
        return download_of(f"/spp_email_gateway/sent/mail/{self.id}")
