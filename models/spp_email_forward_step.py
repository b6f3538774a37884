# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The step of the processing that works out who wrote what others passed on."""

from odoo import models

from ..engine.errors import ConfigurationError
from ..engine.forwarded import find_original_sender
from ..engine.forwarder import read_forwarders
from ..engine.storable import storable


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _sender_steps(self, inbound, content):
        # First: whoever is checked or counted afterwards is the one who wrote.
        step = find_original_sender(content, inbound.envelope_sender or "", self._forwarders(inbound))
        return [step, *super()._sender_steps(inbound, content)]

    def _forwarders(self, inbound):
        """Return the entries of engine.forwarder that hold for a message, those of its mailbox and its intake."""
        texts = (inbound.server_id.gateway_forwarders, inbound.intake_id.forwarders)
        try:
            return read_forwarders("\n".join(text for text in texts if text))
        except ConfigurationError:
            # Each was checked as it was written; mail does not wait for a setting that somebody spoilt by other means.
            return ()

    def _finish(self, claim, attempt, state, reason, **values):
        sender = storable(attempt.facts.get("original_sender") or "")
        if sender:
            values.setdefault("original_sender", sender)
        return super()._finish(claim, attempt, state, reason, **values)
