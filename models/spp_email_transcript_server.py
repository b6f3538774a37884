# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Recording of transcripts, switched on for a server and off by itself."""

from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.transcript import Recorder

# The longest choice, and what a clock may be wrong by.
LONGEST = timedelta(days=1, minutes=5)


class SppEmailServerMixin(models.AbstractModel):
    _inherit = "spp.email.server.mixin"

    gateway_transcript_until = fields.Datetime("Recorded Until", readonly=True, copy=False)
    gateway_transcript_addresses = fields.Boolean("Record Whole Addresses", readonly=True, copy=False)
    gateway_is_recorded = fields.Boolean(compute="_compute_gateway_is_recorded")

    @api.depends("gateway_transcript_until")
    def _compute_gateway_is_recorded(self):
        now = fields.Datetime.now()
        for server in self:
            server.gateway_is_recorded = bool(server.gateway_transcript_until and server.gateway_transcript_until > now)

    @api.constrains("gateway_transcript_until")
    def _check_gateway_transcript_until(self):
        latest = fields.Datetime.now() + LONGEST
        if any(server.gateway_transcript_until and server.gateway_transcript_until > latest for server in self):
            raise ValidationError(self.env._("Transcripts are recorded for one day at most."))

    def action_record_transcript(self):
        """Open the dialog that asks for how long."""
        self.ensure_one().check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Record a Transcript"),
            "res_model": "spp.email.transcript.start",
            "view_mode": "form",
            "target": "new",
            "context": {"default_server_model": self._name, "default_server_id": self.id},
        }

    def action_stop_recording(self):
        """Record no session that begins from now on."""
        self.check_access("write")
        self._gateway_record_until(False, False)
        return True

    def _gateway_record_until(self, until, addresses):
        # Without this key Odoo would switch the job that reads mailboxes, which it refuses while that runs.
        servers = self.with_context(fetchmail_cron_running=True)
        servers.write({"gateway_transcript_until": until, "gateway_transcript_addresses": addresses})

    def _gateway_protocol(self):
        """Return smtp, imap or pop."""
        raise NotImplementedError

    def _gateway_recorder(self):
        """Return the engine's Recorder for a session that begins now, None when nothing is recorded."""
        if not self.gateway_transcript_until:
            return None
        seconds = (self.gateway_transcript_until - fields.Datetime.now()).total_seconds()
        if seconds <= 0:
            return None
        return Recorder(
            self._gateway_protocol(),
            self.env["spp.email.transcript"]._keeper(self._name, self.id),
            seconds,
            keep_addresses=self.gateway_transcript_addresses,
        )

    def _gateway_recorded(self, connection):
        """Return the Connection with a recorder, if one is wanted."""
        recorder = self._gateway_recorder()
        return replace(connection, recorder=recorder) if recorder else connection


class SilentBoolean(fields.Boolean):
    """Never true to whoever reads it; the column stays as it is, for whoever uninstalls the addon."""

    def convert_to_record(self, value, record):
        return False


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_transcript_ids = fields.One2many(
        "spp.email.transcript",
        "mail_server_id",
        "Transcripts",
        groups="spp_email_gateway.group_email_gateway_manager",
    )
    # smtplib's own output shows passwords and mail, and Odoo writes it into the log.
    smtp_debug = SilentBoolean()

    def _gateway_protocol(self):
        return "smtp"

    def _gateway_connection(self):
        return self._gateway_recorded(super()._gateway_connection())


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    gateway_transcript_ids = fields.One2many(
        "spp.email.transcript",
        "fetchmail_server_id",
        "Transcripts",
        groups="spp_email_gateway.group_email_gateway_manager",
    )

    def _gateway_protocol(self):
        return self._get_connection_type()

    def _gateway_connection(self):
        return self._gateway_recorded(super()._gateway_connection())
