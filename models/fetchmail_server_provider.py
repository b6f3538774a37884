# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Incoming servers of known providers: chosen by name, filled in but for the secret."""

from odoo import api, fields, models

from ..engine.connection import Security
from ..engine.provider import PROVIDERS
from .engine_text import EngineText


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_provider = fields.Selection(
        [(one.code, one.name) for one in PROVIDERS.values() if one.incoming or not one.outgoing],
        string="Provider",
        help="Fills in server, port and encryption. Never the password.",
    )
    gateway_provider_text = EngineText(compute="_compute_gateway_provider_text")

    @api.depends("gateway_provider")
    def _compute_gateway_provider_text(self):
        for server in self:
            provider = PROVIDERS.get(server.gateway_provider)
            server.gateway_provider_text = provider and provider.secret

    @api.onchange("gateway_provider")
    def _onchange_gateway_provider(self):
        provider = PROVIDERS.get(self.gateway_provider)
        if not provider or not provider.incoming:
            return
        if self.server_type == "pop" or not self.server_type:
            self.server_type = "imap"
        self.server = provider.incoming.host
        self.is_ssl = provider.incoming.security is Security.TLS
        self.gateway_use_starttls = True
        self.port = provider.incoming.port
        if not self.name:
            self.name = provider.name
