# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""From a delivery to the email as it was sent."""

from odoo import api, fields, models


def download_of(url):
    """Return the action that downloads what is there."""
    return {"type": "ir.actions.act_url", "url": url, "target": "download"}


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    sent_content_ids = fields.Many2many(
        "spp.email.sent.content",
        "spp_email_sent_content_delivery_rel",
        "delivery_id",
        "content_id",
        string="As Sent",
        readonly=True,
        groups="spp_email_gateway.group_email_gateway_officer",
    )
    has_sent_content = fields.Boolean(
        compute="_compute_has_sent_content", groups="spp_email_gateway.group_email_gateway_officer"
    )
    sent_headers = fields.Text(
        "Headers as Sent",
        compute="_compute_has_sent_content",
        groups="spp_email_gateway.group_email_gateway_officer",
    )

    @api.depends("sent_content_ids")
    def _compute_has_sent_content(self):
        for row in self:
            row.has_sent_content = any(content.stored_size for content in row.sent_content_ids)
            row.sent_headers = row.sent_content_ids[:1].headers

    def action_download_sent(self):
        self.ensure_one()
        return download_of(f"/spp_email_gateway/sent/delivery/{self.id}")
