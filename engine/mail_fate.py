# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a mail's recipients, taken together, make of the mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .outcome import OUTBOUND_REASON_WORDS, OutboundReason, OutboundState

PENDING = (OutboundState.QUEUED, OutboundState.SENDING, OutboundState.DEFERRED)
FAILED = (OutboundState.FAILED, OutboundState.UNKNOWN)
# What came back later was sent all the same; its notification says the rest.
REACHED = (OutboundState.SENT, OutboundState.BOUNCED)

# Odoo's words for failures, as its notifications and mass mailing have them.
FAILURE_TYPES = {
    OutboundReason.NO_RECIPIENT: "mail_email_invalid",
    OutboundReason.NO_SENDER: "mail_from_invalid",
    OutboundReason.NO_CONNECTION: "mail_smtp",
    OutboundReason.NO_LOGIN: "mail_smtp",
    OutboundReason.CONNECTION_LOST: "mail_smtp",
    OutboundReason.EXPIRED: "mail_smtp",
    OutboundReason.SUPPRESSED: "mail_bl",
    OutboundReason.NOT_ALLOWED: "mail_bl",
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """One row of the ledger, as far as the mail's fate hangs on it.

    Attributes:
        next_attempt: naive UTC; None when nothing is planned.
        text: the server's words, or ours.
        code: SMTP code, 0 for none.
        is_settled: a person has dealt with the failure; it is none any more.
        is_due: its next attempt, if one is planned, may be made now.
    """

    address: str
    partner_id: int | None
    state: OutboundState
    reason: OutboundReason | None
    next_attempt: datetime | None = None
    text: str = ""
    code: int = 0
    enhanced: str = ""
    is_settled: bool = False
    is_due: bool = True


@dataclass(frozen=True, slots=True)
class MailFate:
    """What the mail shows.

    Attributes:
        state: outgoing, sent, exception or cancel, as Odoo has them.
        due: when it is tried again; None for at once, or when it is decided.
        failure_type: Odoo's kind of failure, "" for none.
        failure_reason: in words, for people; also why it waits.
        sent: recipients that a server took.
        failed: recipients that somebody has to look at.
    """

    state: str
    due: datetime | None = None
    failure_type: str = ""
    failure_reason: str = ""
    sent: tuple[Recipient, ...] = ()
    failed: tuple[Recipient, ...] = ()


def failure_type(reason: OutboundReason | None, code: int, enhanced: str) -> str:
    """Return Odoo's kind of failure of one recipient.

    Args:
        code: SMTP code, 0 for none.
        enhanced: RFC 3463 status, "" for none.
    """
    if reason is OutboundReason.REFUSED:
        # RFC 3463 §3: x.1.x is about addresses, x.0.x and x.5.x say nothing; such a code mostly is about them then.
        says_nothing = enhanced[:3] in ("", "5.0", "5.5")
        if enhanced.startswith("5.1.") or (says_nothing and code in (550, 551, 553)):
            return "mail_email_invalid"
        return "unknown"
    return FAILURE_TYPES.get(reason, "unknown")


def _kind(recipient: Recipient) -> str:
    return failure_type(recipient.reason, recipient.code, recipient.enhanced)


def in_words(recipient: Recipient) -> str:
    """Return one recipient's reason with the server's answer, without the address."""
    words = OUTBOUND_REASON_WORDS.get(recipient.reason, "")
    answer = " ".join(part for part in (str(recipient.code or ""), recipient.enhanced, recipient.text) if part)
    return f"{words}: {answer}" if words and answer else words or answer


def mail_fate(recipients: Sequence[Recipient]) -> MailFate:
    """Return the MailFate that follows from all of a mail's recipients.

    While one is pending the mail waits for the earliest next attempt. Then it failed if anybody has to look at one of
    them, was sent if a server took one, and is cancelled otherwise.
    """
    sent = tuple(one for one in recipients if one.state in REACHED)
    failed = tuple(one for one in recipients if one.state in FAILED and not one.is_settled)
    pending = [one for one in recipients if one.state in PENDING]
    if pending:
        planned = [one.next_attempt for one in pending]
        due = None if None in planned else min(planned)
        reason = _summary(pending, len(recipients)) if any(one.reason for one in pending) else ""
        return MailFate("outgoing", due, "", reason, sent, failed)
    if failed:
        kinds = {_kind(one) for one in failed}
        kind = kinds.pop() if len(kinds) == 1 else "unknown"
        return MailFate("exception", None, kind, _summary(failed, len(recipients)), sent, failed)
    if sent:
        return MailFate("sent", sent=sent)
    kind = _kind(recipients[0]) if recipients and recipients[0].state is OutboundState.SUPPRESSED else ""
    return MailFate("cancel", None, kind, _summary(recipients, len(recipients)))


def _summary(concerned: Sequence[Recipient], count: int) -> str:
    """Return a line for each reason, with how many of the mail's recipients it is about where it is not all."""
    lines: dict[str, int] = {}
    for one in concerned:
        words = in_words(one)
        lines[words] = lines.get(words, 0) + 1
    return "\n".join(
        words if number == count else f"{number} of {count}: {words}" for words, number in lines.items() if words
    )
