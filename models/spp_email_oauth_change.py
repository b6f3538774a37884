# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which settings of an OAuth credential are kept when they change; the tokens are renewed by a job and are none."""

from odoo import models


class SppEmailOauth(models.Model):
    _name = "spp.email.oauth"
    _inherit = ["spp.email.oauth", "spp.email.change.mixin"]

    _gateway_kept = (
        "name",
        "active",
        "company_id",
        "provider",
        "grant",
        "tenant",
        "client_id",
        "client_secret",
        "secret_until",
        "login",
        "scopes",
        "authorize_url",
        "token_url",
        "revoke_url",
        "mail_hosts",
        "client_authentication",
        "ca_certificate",
        "refresh_days",
    )
