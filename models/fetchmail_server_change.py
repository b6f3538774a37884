# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which settings of a mailbox are kept when they change."""

from odoo import models


class FetchmailServer(models.Model):
    _name = "fetchmail.server"
    _inherit = ["fetchmail.server", "spp.email.change.mixin"]

    _gateway_kept = (
        "name",
        "active",
        "state",
        "server_type",
        "server",
        "port",
        "is_ssl",
        "gateway_use_starttls",
        "gateway_skip_verification",
        "gateway_ca_certificate",
        "gateway_provider",
        "user",
        "password",
        "gateway_oauth_id",
        "company_id",
        "gateway_team_id",
        "gateway_is_confidential",
        "priority",
        "attach",
        "original",
        "gateway_action",
        "object_id",
        "gateway_record",
        "gateway_server_action_id",
        "gateway_defaults",
        "gateway_takes_values",
        "gateway_notify_unroutable",
        "gateway_envelope_headers",
        "gateway_automatic_policy",
        "gateway_forwarders",
        "gateway_sender_policy",
        "gateway_trusted_servers",
        "gateway_trusted_sealers",
        "gateway_authenticates_users",
        "gateway_folder_ids",
        "gateway_start",
        "gateway_start_date",
        "gateway_take",
        "gateway_take_since",
        "gateway_after",
        "gateway_keyword",
        "gateway_processed_folder",
        "gateway_after_failure",
        "gateway_failed_folder",
        "gateway_pop_leave_days",
        "gateway_size_limit",
        "gateway_interval_minutes",
        "gateway_connect_timeout",
        "gateway_read_timeout",
        "gateway_session_timeout",
        "gateway_transcript_until",
        "gateway_transcript_addresses",
    )


class SppEmailFolder(models.Model):
    _name = "spp.email.folder"
    _inherit = ["spp.email.folder", "spp.email.change.mixin"]

    _gateway_kept = ("name", "active", "gateway_action", "object_id", "gateway_record")
    _gateway_kept_on = ("server_id", "gateway_folder_ids")
