# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The step that holds mail for an address that nobody knows, where its intake does not refuse it."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy

from .answered import answered_ids, enclosed_ids
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


def hold_former_recipient(verdict: RecipientVerdict, content: bytes, are_ours: Callable[[list[str]], bool]) -> Step:
    """Return the step for mail to an address that nobody has any more: an answer passes, other mail is held.

    Args:
        verdict: about the envelope recipient, as if former addresses were unknown.
        content: the message as received.
        are_ours: tells whether one of some Message-IDs is of a message of this database.
    """
    hold = hold_unknown_recipient(verdict)

    def step(message: Summary, facts: Facts) -> Verdict:
        if verdict is RecipientVerdict.ACCEPT:
            return Verdict()
        ids = answered_ids(message.header("References"), message.header("In-Reply-To"))
        if are_ours(ids) or are_ours(enclosed_ids(message_from_bytes(content, policy=policy.SMTP))):
            why = "taken, since the message answers one of ours"
            return Verdict((TraceStep("envelope recipient", "a former address of ours", why),))
        return hold(message, facts)

    return step
