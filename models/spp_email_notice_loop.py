# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The notice to a sender who wrote too often, and what the way of a message tells about answering it."""

from odoo import fields, models

from ..engine.outcome import InboundSource

# Both hand over the envelope: where it has a recipient and no sender, the return path is null.
WITH_ENVELOPE = (InboundSource.LMTP.value, InboundSource.HTTP.value)


class SppEmailNotice(models.Model):
    _inherit = "spp.email.notice"

    notice_type = fields.Selection(selection_add=[("loop", "Too many messages")], ondelete={"loop": "cascade"})

    def _send(self, inbound, intent, facts, notice_type="refused"):
        is_null = inbound.source in WITH_ENVELOPE and bool(inbound.envelope_recipient) and not inbound.envelope_sender
        return super()._send(inbound, intent, {**facts, "null_return_path": is_null}, notice_type)
