# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What follows from a verdict about the sender."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from .outcome import InboundReason, InboundState
from .sender_verdict import SenderPolicy, SenderResult

SENDER_POLICY_WORDS = {
    SenderPolicy.ACCEPT: "Accept",
    SenderPolicy.MARK: "Mark",
    SenderPolicy.QUARANTINE: "Quarantine",
    SenderPolicy.REFUSE: "Refuse",
}


class SenderMark(str, Enum):
    """What is shown beside the author of a chatter message. The values are stored."""

    PROVED = "proved"
    UNPROVED = "unproved"
    # Not "false": in the web client that is the same as no value at all.
    FORGED = "forged"


SENDER_MARK_WORDS = {
    SenderMark.PROVED: "Proved",
    SenderMark.UNPROVED: "Claims to Be of Ours, Not Proved",
    SenderMark.FORGED: "Not Who It Claims to Be",
}


@dataclass(frozen=True, slots=True)
class SenderDecision:
    """Attributes:
    is_false: the verdict is FAIL.
    is_proved: the verdict is PASS, or what else is taken for a proof.
    is_author: the message may have the person with that address for its author.
    is_user: it may act as their user.
    opens_restricted: aliases that are not for everybody are open to it.
    mark: shown with the chatter message; None: nothing.
    state, reason: where the message ends; None: it goes on.
    words: why, for the trace.
    """

    is_false: bool = False
    is_author: bool = True
    is_user: bool = True
    opens_restricted: bool = True
    mark: SenderMark | None = None
    state: InboundState | None = None
    reason: InboundReason | None = None
    words: str = ""
    is_proved: bool = False


def strictest(policies: Iterable[str]) -> str:
    """Return the strictest of stored policies; "" for none."""
    order = [policy.value for policy in SenderPolicy]
    return max(policies, key=order.index, default="")


def decide(
    result: SenderResult,
    policy: SenderPolicy,
    *,
    is_ours: bool,
    authenticates_users: bool = False,
    is_reply: bool = False,
    is_accepted: bool = False,
    is_noted: bool = True,
) -> SenderDecision:
    """Return what becomes of a message.

    Whatever the policy is, a message that claims one of our domains or users and is not proved acts as nobody.

    Args:
        is_ours: it claims an address of one of our domains, or of one of our users.
        authenticates_users: the server that it came by lets only those users send as our addresses whom it knows.
        is_reply: it answers a message that is here: it stays in its thread, unless it is shown to be false.
        is_accepted: a person said that the sender is who it claims to be.
        is_noted: a trusted server found the verdict. What only our own look at a signature says, without knowing SPF,
            throws nothing away: a banner that was added on the way breaks signatures too.
    """
    if result is SenderResult.PASS or is_accepted:
        words = "accepted by a person" if is_accepted else "proved"
        mark = SenderMark.PROVED if result is SenderResult.PASS and policy is not SenderPolicy.ACCEPT else None
        return SenderDecision(mark=mark, words=words, is_proved=True)
    is_false = result is SenderResult.FAIL
    if not is_false and (not is_ours or authenticates_users):
        why = "its server authenticates our users" if is_ours else "not proved, and claims nobody of ours"
        return SenderDecision(words=why, is_proved=is_ours)
    mark = None
    if policy is not SenderPolicy.ACCEPT:
        mark = SenderMark.FORGED if is_false else SenderMark.UNPROVED
    words = "it has no author, and acts as nobody" if is_ours else "shown to be false"
    state = reason = None
    if policy in (SenderPolicy.QUARANTINE, SenderPolicy.REFUSE) and (is_false or not is_reply):
        # What merely was not proved, as while the DNS is silent, is never thrown away.
        is_refused = policy is SenderPolicy.REFUSE and is_false and is_noted
        state = InboundState.DISCARDED if is_refused else InboundState.QUARANTINED
        reason, words = InboundReason.SENDER_NOT_PROVED, f"policy: {SENDER_POLICY_WORDS[policy]}"
    return SenderDecision(is_false, not is_ours, not is_ours, False, mark, state, reason, words)
