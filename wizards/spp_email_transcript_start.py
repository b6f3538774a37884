# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Record a Transcript: for how long, and whether addresses are shown."""

from datetime import timedelta

from odoo import fields, models

from ..models.spp_email_transcript import SERVERS


class SppEmailTranscriptStart(models.TransientModel):
    _name = "spp.email.transcript.start"
    _description = "Record a Transcript"

    server_model = fields.Selection([(model, model) for model in SERVERS], required=True)
    server_id = fields.Many2oneReference(model_field="server_model", required=True)
    minutes = fields.Selection(
        [("15", "15 Minutes"), ("60", "1 Hour"), ("1440", "1 Day")], "Record for", required=True, default="15"
    )
    show_addresses = fields.Boolean(
        "Show Whole Addresses",
        help="Otherwise what is before the @ of an address is masked. Tick it only if that is what you look for.",
    )

    def action_start(self):
        """Record all sessions with this server that begin from now on."""
        self.ensure_one()
        server = self.env[self.server_model].browse(self.server_id)
        server.check_access("write")
        until = fields.Datetime.now() + timedelta(minutes=int(self.minutes))
        server._gateway_record_until(until, self.show_addresses)
        return {"type": "ir.actions.client", "tag": "soft_reload"}
