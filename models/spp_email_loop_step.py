# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The steps of the processing that stop mail which goes in circles."""

from odoo import fields, models

from ..engine.arrival import delivered
from ..engine.loop import counted_sender
from ..engine.loop_signs import find_loop
from ..engine.outcome import InboundReason, InboundState
from ..engine.pipeline import Verdict
from ..engine.sender_verdict import SenderResult
from ..engine.trace import TraceStep

COUNTED = (InboundReason.RECORD_CREATED, InboundReason.RECORD_UPDATED, InboundReason.ACTION_RUN)


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _loop_steps(self, inbound, content):
        steps = super()._loop_steps(inbound, content)
        loops = self.env["spp.email.loop"]
        since = loops._since(inbound, fields.Datetime.now(), content)
        if inbound.is_loop_released:
            return [*steps, lambda summary, facts: _released(inbound, since, facts)]
        counted = delivered(content, inbound.received_date)

        def know_sender(summary, facts):
            facts.update(loop_since=since, loop_date=counted, loop_sender=_sender(inbound, facts))
            return Verdict()

        return [
            *steps,
            know_sender,
            lambda summary, facts: find_loop(
                loops._own(
                    inbound,
                    lambda: loops._is_allowed(facts["loop_sender"]),
                    content,
                    lambda: inbound._is_for_others(self._envelope_recipients(inbound, summary)),
                ),
                most_hops=loops._most_hops(),
            )(summary, facts),
        ]

    def _finish(self, claim, attempt, state, reason, **values):
        if state is InboundState.DONE and reason in COUNTED or attempt.facts.get("loop_passed"):
            values = {**self.env["spp.email.loop"]._note(attempt), **values}
        if attempt.facts.get("loop_passed") and state is InboundState.QUARANTINED:
            values.setdefault("detail", attempt.facts["loop_passed"].words)
        return super()._finish(claim, attempt, state, reason, **values)


def _sender(inbound, facts):
    """Return the sender that limits count. Forwarders send the mail of many: it is who wrote it.

    Only a forwarder that is named is believed about that. Whatever else says so is the sender's own word, who would
    choose whose limit he uses up, who is told, and whose permission he has.
    """
    verdict = facts.get("sender_verdict")
    address = inbound.sender or ""
    if getattr(facts.get("forwarding"), "is_named", False):
        address = facts.get("original_sender")
        if not address:
            # It does not say for whom it sends: that is nobody's limit.
            return ""
    return counted_sender(address, is_forged=getattr(verdict, "result", None) is SenderResult.FAIL)


def _released(inbound, since, facts):
    """The step of a message that a person let through."""
    facts.update(loop_since=since, loop_sender=_sender(inbound, facts), loop_released=True)
    return Verdict((TraceStep("limits and signs of a loop", "a person let it through", "not looked at"),))
