# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Signs in the header that a message goes in circles: many servers, our own mail, the same mailbox again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .message_kind import REPORTS
from .outcome import InboundReason, InboundState
from .pipeline import Facts, Step, Verdict
from .summary import Summary, sole_address
from .trace import TraceStep

# RFC 5321 §6.3: counting Received fields detects loops; who refuses mail by it should not do so below 100. Here nothing
# is refused: the message waits, and a person lets it through. Servers in front stop at 30 (Exim) or 50 (Postfix), and
# mail that is forwarded by two organisations with several servers each has about 20.
HOPS = 30
# How often gateways answered each other before this message, as each of them writes it into what it sends because of
# an incoming one. The other side's own mark cannot be read here.
TURNS_HEADER = "X-SPP-Email-Gateway-Turns"
# The answer to a mail is one; what comes because of that answer is the beginning of a circle.
MOST_TURNS = 1
# Odoo's own word in the References of its notices: whoever answers such a notice, person or not, gets none.
NOTICE_TAG = "-loop-detection-bounce-email@"
_LONGEST_REFERENCES = 65_536
# Of Delivered-To: what is more is no trace of servers, and costs time to read.
_MOST_FIELDS, _LONGEST_FIELD = 100, 1000


@dataclass(frozen=True)
class Own:
    """What this database knows of a message.

    Attributes:
        is_in_chatter: its Message-ID is one of a chatter message, so that it is taken for a duplicate anyway.
        is_sent: its Message-ID is one of a mail that this database sent.
        was_taken: asked only when it matters: a message with this Message-ID and this text came in before and was
            processed to its end. Its writer chose the Message-ID, and mail that passes it on has it too.
        is_for_others: asked only after that: this copy is for others of our aliases than the earlier one.
        is_allowed: asked only when it matters: the sender is on the list of those who may send without limit.
    """

    is_in_chatter: bool = False
    is_sent: bool = False
    is_allowed: Callable[[], bool] = lambda: False
    was_taken: Callable[[], bool] = lambda: False
    is_for_others: Callable[[], bool] = lambda: False


def turns(message: Summary) -> int:
    """Return how many messages in a row were sent because of the one before; 0 when it is not said."""
    text = message.header(TURNS_HEADER).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0


def hops(message: Summary) -> int:
    """Return how many servers a message passed."""
    return sum(name == "received" for name, _value in message.headers)


def returned_to(message: Summary) -> str:
    """Return the address that a message was delivered to, left, and was delivered to again; "".

    Two Delivered-To fields without a Received field between them are of one and the same delivery.
    """
    seen: dict[str, int] = {}
    passes = fields = 0
    for name, value in message.headers:
        if name == "received":
            passes += 1
        elif name == "delivered-to" and fields < _MOST_FIELDS and len(value) <= _LONGEST_FIELD:
            fields += 1
            address = sole_address(value)
            if address and seen.setdefault(address, passes) != passes:
                return address
    return ""


def answers_notice(message: Summary) -> bool:
    """Return whether a message answers a notice of ours, or of another Odoo that went round."""
    return any(NOTICE_TAG in message.header(name)[-_LONGEST_REFERENCES:] for name in ("References", "In-Reply-To"))


def find_loop(own: Own, *, most_hops: int = HOPS) -> Step:
    """Return the step that ends with quarantine where the header shows a loop.

    It reads the facts ``kind``, ``own_mark`` and ``automatic_policy``, and sets ``turns`` (int): how many messages in
    a row programs sent because of each other, this one included.

    Args:
        most_hops: Received fields that a message may have; 0 for any number.
    """

    def step(message: Summary, facts: Facts) -> Verdict:
        facts["turns"] = turns(message)
        number = hops(message)
        if 0 < most_hops < number:
            words = f"It passed {number} servers; more than {most_hops} are the sign of a loop."
            return _hold(InboundReason.TOO_MANY_HOPS, "Received fields", words)
        if getattr(facts.get("kind"), "kind", None) in REPORTS:
            # A report on a mail of ours names it, as an answer does; it is never answered, and makes no record.
            return Verdict()
        if answers_notice(message):
            return _hold(InboundReason.LOOP, "References", "It answers a notice of this database.")
        again = returned_to(message)
        if again:
            words = f"It was delivered to {again} before, and was sent on and came back."
            return _hold(InboundReason.LOOP, "Delivered-To fields", words)
        is_own = bool(facts.get("own_mark"))
        if own.is_in_chatter and (is_own or own.is_sent):
            return Verdict((TraceStep("own mail that came back", "its Message-ID is known", ""),))
        if (is_own or own.is_sent) and own.was_taken():
            # Its message was deleted meanwhile, so that the chatter no more tells a second copy.
            if own.is_for_others():
                return Verdict((TraceStep("Message-ID", "a message with it was taken before, for others", ""),))
            step = TraceStep("Message-ID", "a message with it was taken before", "not processed again")
            return Verdict((step,), InboundState.DUPLICATE, InboundReason.KNOWN_MESSAGE_ID)
        for found, looked_at, words in (
            (is_own, "mark of this database", "This database sent it itself, and it came back."),
            (own.is_sent, "Message-ID", "This database sent a mail with this Message-ID, and it came back."),
            (
                facts["turns"] > MOST_TURNS and not _ends_quietly(facts),
                TURNS_HEADER,
                f"Programs answered each other: {facts['turns']} mails before it were sent without a person.",
            ),
        ):
            if not found:
                continue
            if own.is_allowed():
                return Verdict((TraceStep(looked_at, words, "let in: the sender may send without limit"),))
            return _hold(InboundReason.LOOP, looked_at, words)
        return Verdict()

    return step


def _ends_quietly(facts: Facts) -> bool:
    """Return whether a message is an automatic reply that wakes nothing, as the policy for those says."""
    policy = facts.get("automatic_policy")
    return policy is not None and getattr(policy, "value", policy) != "accept"


def _hold(reason: InboundReason, looked_at: str, words: str) -> Verdict:
    return Verdict((TraceStep(looked_at, words, "quarantine"),), InboundState.QUARANTINED, reason, words)
