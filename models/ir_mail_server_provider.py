# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Outgoing servers of known providers: chosen by name, filled in but for the secret."""

from odoo import api, fields, models

from ..engine.provider import PROVIDERS, describe_provider
from .engine_text import EngineText
from .ir_mail_server import ENCRYPTIONS, OAUTH
from .ir_mail_server_quota import LIMIT_FIELDS


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_provider = fields.Selection(
        [(one.code, one.name) for one in PROVIDERS.values() if one.outgoing or not one.incoming],
        string="Provider",
        help="Fills in server, port, encryption and the limits that the provider publishes. Never the password.",
    )
    gateway_provider_text = EngineText(compute="_compute_gateway_provider_text")

    @api.depends("gateway_provider")
    def _compute_gateway_provider_text(self):
        for server in self:
            provider = PROVIDERS.get(server.gateway_provider)
            server.gateway_provider_text = provider and describe_provider(provider)

    @api.onchange("gateway_provider")
    def _onchange_gateway_provider(self):
        provider = PROVIDERS.get(self.gateway_provider)
        if not provider or not provider.outgoing:
            return
        self.smtp_host = provider.outgoing.host
        self.smtp_encryption = next(
            name for name, value in ENCRYPTIONS.items() if value == (provider.outgoing.security, True)
        )
        self.smtp_port = provider.outgoing.port
        if provider.user or not provider.has_login:
            self.smtp_user = provider.user
        if not self.name:
            self.name = provider.name
        self.gateway_quota_unit = provider.unit.value
        # What another provider allowed says nothing about this one.
        limits = dict(provider.limits)
        for window, name in LIMIT_FIELDS.items():
            self[name] = limits.get(window, 0)

    def _follow_encryption(self):
        provider = PROVIDERS.get(self.gateway_provider)
        if provider and provider.outgoing and self.smtp_authentication not in OAUTH:
            security = ENCRYPTIONS[self.smtp_encryption or "none"][0]
            if (provider.outgoing.port, provider.outgoing.security) == (self.smtp_port, security):
                # A relay may use STARTTLS on port 25, which is not the usual one.
                return
        super()._follow_encryption()
