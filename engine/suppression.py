# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who is not written to any more: what enters the suppression list, for how long, and whom it binds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import Enum

from .bounce_reason import BounceReason
from .delivery import RecipientResult
from .message_kind import RecipientReport, ReportAction
from .outcome import OutboundReason, OutboundState


class SuppressionReason(str, Enum):
    """Why an address is listed. The values are stored."""

    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCES = "soft_bounces"
    COMPLAINT = "complaint"
    BY_HAND = "by_hand"
    IMPORTED = "import"


class SuppressionSource(str, Enum):
    """Where an entry comes from. The values are stored."""

    DELIVERY = "delivery"
    REPORT = "report"
    PERSON = "person"
    FILE = "file"


class Reach(str, Enum):
    """Which mail an entry is about. The values are stored."""

    ALL = "all"
    MASS = "mass"


class MailClass(str, Enum):
    """What kind of mail is about to leave. The values are stored with deliveries."""

    TRANSACTIONAL = "transactional"
    MASS = "mass"
    LEGAL = "legal"
    LOGIN = "login"


class Lesson(Enum):
    """What follows from a report. ENTER: listed at once. COUNT: one more soft bounce. ALIVE: it takes mail."""

    NOTHING = "nothing"
    COUNT = "count"
    ENTER = "enter"
    ALIVE = "alive"


SUPPRESSION_REASON_WORDS = {
    SuppressionReason.HARD_BOUNCE: "Hard Bounce",
    SuppressionReason.SOFT_BOUNCES: "Repeated Soft Bounces",
    SuppressionReason.COMPLAINT: "Complaint",
    SuppressionReason.BY_HAND: "By Hand",
    SuppressionReason.IMPORTED: "Imported",
}

SUPPRESSION_SOURCE_WORDS = {
    SuppressionSource.DELIVERY: "Answer of a server while sending",
    SuppressionSource.REPORT: "Report that came back",
    SuppressionSource.PERSON: "A person",
    SuppressionSource.FILE: "A file",
}

REACH_WORDS = {Reach.ALL: "All Mail", Reach.MASS: "Mass Mail Only"}

# These say that mail does not arrive; the others that it is not wanted, or that somebody decided so.
BOUNCES = frozenset({SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCES})
# Of two reasons for one address the stronger one stays: who complained and then bounces has complained all the same.
_STRENGTH = (
    SuppressionReason.SOFT_BOUNCES,
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.IMPORTED,
    SuppressionReason.BY_HAND,
    SuppressionReason.COMPLAINT,
)
# They are about our server or this one message. If they counted, a block of our server by one large provider would put
# all of its customers on the list.
ABOUT_US = frozenset(
    {
        BounceReason.TOO_LARGE,
        BounceReason.SENDER_REFUSED,
        BounceReason.AUTHENTICATION,
        BounceReason.BLOCKED,
        BounceReason.SPAM,
        BounceReason.VIRUS,
        BounceReason.POLICY,
        BounceReason.CONTENT,
        BounceReason.RELAY_DENIED,
        BounceReason.RATE_LIMITED,
    }
)
# RFC 3463 §3.2 and §3.3, RFC 7505: what a server says at RCPT about the address itself. A bare 550 is not here, since
# servers say it of senders they do not like as well.
REFUSALS = {
    "5.1.1": (BounceReason.ADDRESS_UNKNOWN, True),
    "5.1.2": (BounceReason.DOMAIN_UNKNOWN, True),
    "5.1.3": (BounceReason.ADDRESS_UNKNOWN, True),
    "5.1.6": (BounceReason.ADDRESS_MOVED, True),
    "5.1.10": (BounceReason.NOT_ACCEPTING, True),
    "5.2.1": (BounceReason.MAILBOX_DISABLED, True),
    "5.2.2": (BounceReason.MAILBOX_FULL, False),
}


@dataclass(frozen=True, slots=True)
class SuppressionPolicy:
    """What a company has set.

    Attributes:
        soft_count: so many soft bounces are enough; 0 for never.
        soft_window_days: and these are the days in which they count.
        soft_least_days: on at least so many different days: a morning with a full mailbox is not enough.
        lifetimes: {reason: days until an entry expires}; 0 or none for never.
        obeying: classes of mail that heed the list; the others are sent all the same.
    """

    soft_count: int = 5
    soft_window_days: int = 30
    soft_least_days: int = 3
    lifetimes: Mapping[SuppressionReason, int] = field(
        default_factory=lambda: {SuppressionReason.HARD_BOUNCE: 180, SuppressionReason.SOFT_BOUNCES: 30}
    )
    obeying: frozenset[MailClass] = frozenset({MailClass.TRANSACTIONAL, MailClass.MASS})


@dataclass(frozen=True, slots=True)
class Entry:
    """One address on the list, as far as decisions hang on it.

    Attributes:
        reach: which mail it was entered for.
        has_bounced: mail to it came back as well, so that it binds all mail, whatever it was entered for.
        since: naive UTC.
        until: naive UTC; None for ever.
        bounce_reason: why mail came back, where it did.
    """

    reason: SuppressionReason
    since: datetime
    until: datetime | None = None
    reach: Reach = Reach.ALL
    has_bounced: bool = False
    bounce_reason: BounceReason | None = None


def learn(report: RecipientReport) -> Lesson:
    """Return what follows from what a report says about one recipient."""
    if report.action is ReportAction.COMPLAINED:
        return Lesson.ENTER
    if report.action is ReportAction.DELIVERED:
        return Lesson.ALIVE
    if report.action is not ReportAction.FAILED:
        # RFC 3464 §2.3.3: "delayed" is tried on.
        return Lesson.NOTHING
    if report.is_hard:
        return Lesson.ENTER
    return Lesson.NOTHING if report.reason in ABOUT_US else Lesson.COUNT


def entry_of(report: RecipientReport, mail_class: str, now: datetime, policy: SuppressionPolicy) -> Entry:
    """Return the Entry that a report makes, once it is enough.

    Args:
        mail_class: of the mail that it is about.
        now: naive UTC.
    """
    if report.action is ReportAction.COMPLAINED:
        # Who is tired of a newsletter has not said that decisions about a benefit are unwanted.
        reach = Reach.MASS if mail_class == MailClass.MASS.value else Reach.ALL
        return Entry(SuppressionReason.COMPLAINT, now, expiry(SuppressionReason.COMPLAINT, now, policy), reach)
    reason = SuppressionReason.HARD_BOUNCE if report.is_hard else SuppressionReason.SOFT_BOUNCES
    return Entry(reason, now, expiry(reason, now, policy), has_bounced=True, bounce_reason=report.reason)


def refusal_report(address: str, result: RecipientResult) -> RecipientReport | None:
    """Return what a server's answer at RCPT says about an address; None when it says nothing about it."""
    found = REFUSALS.get(result.enhanced)
    if result.state is not OutboundState.FAILED or result.reason is not OutboundReason.REFUSED:
        return None
    if result.phase != "recipient" or not found:
        return None
    reason, is_hard = found
    return RecipientReport(
        address,
        ReportAction.FAILED,
        status=result.enhanced,
        code=result.code,
        reason=reason,
        is_hard=is_hard,
        text=result.text,
    )


def are_enough(counts: Mapping[date, int], today: date, policy: SuppressionPolicy) -> bool:
    """Return whether soft bounces are so many that an address is listed.

    Args:
        counts: how many came on which day (UTC).
    """
    begin = today - timedelta(days=policy.soft_window_days)
    found = {day: count for day, count in counts.items() if begin < day <= today and count > 0}
    return 0 < policy.soft_count <= sum(found.values()) and len(found) >= policy.soft_least_days


def expiry(reason: SuppressionReason, now: datetime, policy: SuppressionPolicy) -> datetime | None:
    """Return when an entry that is made now ends, naive UTC; None for never."""
    days = policy.lifetimes.get(reason, 0)
    return now + timedelta(days=days) if days > 0 else None


def is_over(entry: Entry, now: datetime) -> bool:
    return entry.until is not None and entry.until <= now


def binds(entry: Entry, mail_class: str, policy: SuppressionPolicy, now: datetime) -> bool:
    """Return whether mail of a class is not sent to an address that has this entry."""
    kind = _class(mail_class)
    if is_over(entry, now) or kind not in policy.obeying:
        return False
    return entry.reach is Reach.ALL or entry.has_bounced or kind is MailClass.MASS


def merged(old: Entry | None, new: Entry, now: datetime) -> Entry:
    """Return the entry that an address has after a further reason for it.

    Args:
        old: what it has; None, or over, is nothing.
    """
    if old is None or is_over(old, now):
        return new
    until = None if old.until is None or new.until is None else max(old.until, new.until)
    strong, weak = (new, old) if _STRENGTH.index(new.reason) > _STRENGTH.index(old.reason) else (old, new)
    is_wanted_less = strong.reason not in BOUNCES and weak.reason not in BOUNCES
    reach = Reach.ALL if is_wanted_less and Reach.ALL in (old.reach, new.reach) else strong.reach
    return replace(
        strong,
        since=old.since,
        until=until,
        reach=reach,
        has_bounced=old.has_bounced or new.has_bounced,
        bounce_reason=new.bounce_reason or old.bounce_reason,
    )


def after_hearing(entry: Entry) -> Entry | None:
    """Return the entry that is left once the person has written from the address; None for none.

    A bounce said that the mailbox is dead, and it is not. A complaint, or what a person or a file entered, says what
    somebody wants: that the address works is no news there, and who complained about our mail and then writes to
    complain again has not asked for more of it.
    """
    if entry.reason in BOUNCES:
        return None
    return replace(entry, has_bounced=False, bounce_reason=None)


def _class(value: str) -> MailClass:
    try:
        return MailClass(value)
    except ValueError:
        # Another work's class: it is somebody's mail, not a mailing.
        return MailClass.TRANSACTIONAL
