# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The step that holds mail for an address that nobody knows, where its intake does not refuse it."""

from __future__ import annotations

from .outcome import InboundReason, InboundState
from .pipeline import Facts, Step, Verdict
from .recipient_policy import RecipientVerdict
from .summary import Summary
from .trace import TraceStep


def hold_unknown_recipient(verdict: RecipientVerdict) -> Step:
    """Return the step for a message whose envelope recipient was judged like this.

    One that was refused at the door is not here; if the settings changed since, it is held, never dropped.
    """

    def step(message: Summary, facts: Facts) -> Verdict:
        if verdict is RecipientVerdict.ACCEPT:
            return Verdict()
        return Verdict(
            (TraceStep("envelope recipient", "an address of ours that nobody has", "quarantine"),),
            InboundState.QUARANTINED,
            InboundReason.UNKNOWN_RECIPIENT,
        )

    return step
