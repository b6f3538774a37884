# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which settings of an outgoing server are kept when they change."""

from odoo import models


class IrMailServer(models.Model):
    _name = "ir.mail_server"
    _inherit = ["ir.mail_server", "spp.email.change.mixin"]

    # The encryption, verification and port of the form are views of Odoo's own fields.
    _gateway_kept = (
        "name",
        "active",
        "sequence",
        "from_filter",
        "smtp_host",
        "smtp_port",
        "smtp_encryption",
        "gateway_ca_certificate",
        "gateway_provider",
        "smtp_authentication",
        "smtp_user",
        "smtp_pass",
        "smtp_ssl_certificate",
        "smtp_ssl_private_key",
        "gateway_oauth_id",
        "company_id",
        "owner_user_id",
        "max_email_size",
        "smtp_debug",
        "gateway_from_policy",
        "gateway_from_address",
        "gateway_keep_sent",
        "gateway_session_limit",
        "gateway_session_messages",
        "gateway_quota_minute",
        "gateway_quota_hour",
        "gateway_quota_day",
        "gateway_quota_domain_minute",
        "gateway_quota_domain_hour",
        "gateway_quota_mass_day",
        "gateway_quota_unit",
        "gateway_mass_only",
        "gateway_transcript_until",
        "gateway_transcript_addresses",
    )
