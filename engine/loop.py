# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How much mail of one sender, domain or conversation is let in within a time: what goes in circles grows without end.

Only mail that made or reached records counts. What is held, imported or typed in does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from .trace import TraceStep


class LoopLimit(str, Enum):
    """What is counted together. The values are stored."""

    SENDER = "sender"
    SENDER_REPLIES = "sender_replies"
    SENDER_TARGET = "sender_target"
    TARGET = "target"
    DOMAIN = "domain"


LOOP_LIMIT_WORDS = {
    LoopLimit.SENDER: "New Records of One Sender",
    LoopLimit.SENDER_REPLIES: "Replies of One Sender",
    LoopLimit.SENDER_TARGET: "One Sender to One Target",
    LoopLimit.TARGET: "Replies to One Record",
    LoopLimit.DOMAIN: "All Senders of One Domain",
}
# Of these the sender is told: he wrote too often himself. Who shares a domain or a conversation did not.
OF_THE_SENDER = frozenset({LoopLimit.SENDER, LoopLimit.SENDER_REPLIES, LoopLimit.SENDER_TARGET})

# Stands behind an address that was shown to be forged: who writes in the name of another must not use up what that
# one may send.
FORGED = " (forged)"
# Who names no sender is one sender: otherwise who leaves From out has no limit. No address has a blank in it.
UNNAMED = "(no sender)"
MINUTES = 120
# Off by default is what would shut out people who did nothing: a ministry's domain, or one target of many. A reply is
# no danger as a new record is, and a busy case has dozens an hour; ten times Odoo's limit, of whomever, to one record
# is no conversation of people any more.
DEFAULTS = {
    LoopLimit.SENDER: 20,
    LoopLimit.SENDER_REPLIES: 100,
    LoopLimit.SENDER_TARGET: 0,
    LoopLimit.TARGET: 200,
    LoopLimit.DOMAIN: 0,
}


@dataclass(frozen=True)
class LoopSettings:
    """Attributes: minutes: length of the window; limits: how many are let in within it, 0 for no limit."""

    minutes: int = MINUTES
    limits: Mapping[LoopLimit, int] = field(default_factory=lambda: dict(DEFAULTS))

    @property
    def window(self) -> timedelta:
        return timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What of a message counts.

    Attributes:
        sender: as ``counted_sender`` has it; "" for one that is nobody's, such as what a named forwarder sends for
            somebody whom it does not name.
        is_reply: it only reaches records that exist; otherwise it makes one.
        targets: "crm.lead" for a new record, "crm.lead,7" for one that exists.
        is_conversation: its records are reached by a reply, not because a mailbox adds all of its mail to one record.
    """

    sender: str
    is_reply: bool = False
    targets: tuple[str, ...] = ()
    is_conversation: bool = True

    @property
    def domain(self) -> str:
        return domain_of(self.sender)


@dataclass(frozen=True, slots=True)
class Question:
    """How many arrivals were let in that a limit counts together.

    Attributes:
        limit: which limit asks.
        who: address, domain, or target of an existing record, as the limit wants it.
        target: for SENDER_TARGET, the other half.
        most: the limit: more than that need not be counted.
    """

    limit: LoopLimit
    who: str
    most: int
    target: str = ""

    @property
    def key(self) -> str:
        """A name for what is counted, the same whatever the limit is set to."""
        return f"{self.limit.value}:{self.who}" + (f" {self.target}" if self.target else "")

    def counts(self, arrival: Arrival) -> bool:
        """Return whether an arrival that was let in counts here."""
        match self.limit:
            case LoopLimit.SENDER:
                return self.who == arrival.sender and not arrival.is_reply
            case LoopLimit.SENDER_REPLIES:
                return self.who == arrival.sender and arrival.is_reply
            case LoopLimit.SENDER_TARGET:
                return self.who == arrival.sender and self.target in arrival.targets[:1]
            case LoopLimit.TARGET:
                return arrival.is_reply and self.who in arrival.targets[:1]
        return self.who == arrival.domain


@dataclass(frozen=True, slots=True)
class Count:
    """What was let in since the window began.

    Attributes:
        number: how many, at most the question's ``most``.
        oldest: when the oldest of these arrived, naive UTC; None for none.
    """

    number: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A limit that is passed.

    Attributes:
        question: whose it is.
        minutes: length of the window.
        until: when the oldest that counts leaves the window, so that one more is let in; naive UTC.
    """

    question: Question
    minutes: int
    until: datetime

    @property
    def words(self) -> str:
        """Return which limit it is, for an admin."""
        who, most = self.question.who, self.question.most
        within = f"within {self.minutes} minutes: no more than {most} are let in"
        match self.question.limit:
            case LoopLimit.SENDER:
                return f"{most} mails of {who} made records {within}."
            case LoopLimit.SENDER_REPLIES:
                return f"{most} mails of {who} were added to records {within}."
            case LoopLimit.SENDER_TARGET:
                return f"{most} mails of {who} reached {self.question.target} {within}."
            case LoopLimit.TARGET:
                return f"{most} replies reached the record {who} {within}."
        return f"{most} mails from the domain {who} made or reached records {within}."

    @property
    def steps(self) -> tuple[TraceStep, ...]:
        return (TraceStep("mail that goes in circles", self.words, "quarantine"),)


def counted_sender(address: str, *, is_forged: bool = False) -> str:
    """Return what limits count a sender by: the address, marked where the message is shown not to be from it.

    Args:
        address: "" for a message that names none: all of these are one sender.
    """
    if not address:
        return UNNAMED
    return f"{address}{FORGED}" if is_forged else address


def is_forged(sender: str) -> bool:
    """Return whether a counted sender is only whom a forger named."""
    return sender.endswith(FORGED)


def bare(sender: str) -> str:
    """Return the address of a counted sender, "" for one that names none."""
    return "" if sender == UNNAMED else sender.removesuffix(FORGED)


def domain_of(address: str) -> str:
    """Return what stands behind the last @, "" without one."""
    return address.rpartition("@")[2] if "@" in address else ""


def questions(arrival: Arrival, settings: LoopSettings) -> list[Question]:
    """Return what must be counted to judge an arrival: only limits that are on, and that its sender can pass."""
    kind = LoopLimit.SENDER_REPLIES if arrival.is_reply else LoopLimit.SENDER
    asked = [
        (kind, arrival.sender, ""),
        *((LoopLimit.SENDER_TARGET, arrival.sender, target) for target in arrival.targets[:1]),
        (LoopLimit.DOMAIN, arrival.domain, ""),
    ]
    if arrival.is_reply and arrival.is_conversation:
        asked += [(LoopLimit.TARGET, target, "") for target in arrival.targets[:1]]
    return [
        Question(limit, who, settings.limits[limit], target)
        for limit, who, target in asked
        if who and settings.limits.get(limit, 0) > 0
    ]


def passed(counts: Mapping[Question, Count], settings: LoopSettings, now: datetime) -> Passed | None:
    """Return the limit that holds a message longest, None when all leave room for it.

    Args:
        counts: the answers to ``questions()``, since the window began.
        now: naive UTC.
    """
    found = [
        Passed(question, settings.minutes, (count.oldest or now) + settings.window)
        for question, count in counts.items()
        if count.number >= question.most
    ]
    return max(found, key=lambda one: one.until, default=None)


def counted_with(
    question: Question, count: Count, arrivals: Iterable[tuple[Arrival, datetime]], since: datetime
) -> Count:
    """Return ``count`` with arrivals that were let in after it was asked for.

    Args:
        arrivals: each with when it arrived, naive UTC.
        since: beginning of the window.
    """
    times = [time for arrival, time in arrivals if time > since and question.counts(arrival)]
    if not times:
        return count
    oldest = min(times) if count.oldest is None else min(count.oldest, *times)
    return Count(count.number + len(times), oldest)
