# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who may answer into a thread by mail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from .sender_verdict import SenderResult, SenderVerdict
from .trace import TraceStep

_LOOKED_AT = "who may write to this record"


class ReplyPolicy(str, Enum):
    """Who may. The values are stored."""

    ANYONE = "anyone"
    PARTICIPANTS = "participants"
    HOLDERS = "holders"


REPLY_POLICY_WORDS = {
    ReplyPolicy.ANYONE: "Anyone who answers a message of it",
    ReplyPolicy.PARTICIPANTS: "Who takes part in the conversation",
    ReplyPolicy.HOLDERS: "Who got a signed reply address",
}


@dataclass(frozen=True)
class ReplyRequest:
    """A message that would be posted into an existing thread.

    Attributes:
        holds_key: it came to a signed address of this very thread.
        is_participant: tells whether its sender's address takes part; asked only when that decides.
        verdict: on the sender; None when nobody looked.
        answers_unsigned: it answers a mail that left before addresses were signed.
    """

    holds_key: bool
    is_participant: Callable[[], bool]
    verdict: SenderVerdict | None = None
    answers_unsigned: bool = False


def may_reply(policy: ReplyPolicy, request: ReplyRequest) -> tuple[bool, TraceStep]:
    """Return whether the message may be posted, and the step that explains it.

    A signed address is enough under every policy. Without one, an address in From is only believed as long as it is
    not shown to be false. Of mail from before there were signed addresses nobody has one, so that participants may
    answer it under the strictest policy too.
    """
    if policy is ReplyPolicy.ANYONE:
        return True, TraceStep(_LOOKED_AT, "anyone who answers", "allowed")
    if request.holds_key:
        return True, TraceStep(_LOOKED_AT, "it came to a signed reply address of this record", "allowed")
    if policy is ReplyPolicy.HOLDERS and not request.answers_unsigned:
        return False, TraceStep(_LOOKED_AT, "it did not come to a signed reply address", "not posted")
    if request.verdict is not None and request.verdict.result is SenderResult.FAIL:
        return False, TraceStep(_LOOKED_AT, "the sender is not who the message says", "not posted")
    if request.is_participant():
        return True, TraceStep(_LOOKED_AT, "the sender takes part", "allowed")
    return False, TraceStep(_LOOKED_AT, "the sender takes no part", "not posted")
