# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which settings of an intake are kept when they change; of its token only that it did."""

from odoo import models


class SppEmailIntake(models.Model):
    _name = "spp.email.intake"
    _inherit = ["spp.email.intake", "spp.email.change.mixin"]

    _gateway_kept = (
        "name",
        "active",
        "company_id",
        "gateway_team_id",
        "gateway_is_confidential",
        "server_id",
        "target_model",
        "size_limit",
        "rate_limit",
        "unknown_policy",
        "is_envelope_required",
        "forwarders",
        "gateway_sender_policy",
        "gateway_trusted_servers",
        "gateway_trusted_sealers",
        "gateway_authenticates_users",
        "token_digest",
    )

    def _gateway_is_kept_secret(self, name):
        return name == "token_digest"
