# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The composer, where a message is marked as a legal notice: by its template, or by an officer."""

from odoo import api, fields, models

from ..models.mail_message_suppression import HELP, OVERRIDES


class MailComposeMessage(models.TransientModel):
    _inherit = "mail.compose.message"

    gateway_overrides_suppression = fields.Boolean(
        "Legal Notice",
        compute="_compute_gateway_overrides_suppression",
        store=True,
        readonly=False,
        help=HELP,
    )

    @api.depends("template_id")
    def _compute_gateway_overrides_suppression(self):
        for composer in self:
            composer.gateway_overrides_suppression = composer.template_id.gateway_overrides_suppression

    def _prepare_mail_values_static(self):
        values = super()._prepare_mail_values_static()
        if self.gateway_overrides_suppression:
            values[OVERRIDES] = True
        return values
