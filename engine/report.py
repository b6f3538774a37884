# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What follows from a report about mail of ours: for one recipient, and for the report as a whole."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum

from .enhanced_status import split_enhanced
from .message_kind import Classification, MessageKind, RecipientReport, ReportAction
from .outcome import InboundReason, OutboundReason, OutboundState

# What a hostile report may cost. A mail to more recipients than this is sent in several transactions.
MOST_REPORTS = 200

# Why the message is done, once something in it was about mail of ours.
REPORT_REASONS = {
    MessageKind.DELIVERY_FAILURE: InboundReason.BOUNCE_HANDLED,
    MessageKind.DELIVERY_DELAY: InboundReason.DELAY_NOTED,
    MessageKind.DELIVERY_SUCCESS: InboundReason.SUCCESS_NOTED,
    MessageKind.READ_RECEIPT: InboundReason.RECEIPT_NOTED,
    MessageKind.ABUSE_COMPLAINT: InboundReason.COMPLAINT_HANDLED,
    MessageKind.OTHER_REPORT: InboundReason.REPORT_NOTED,
}


class Consequence(str, Enum):
    """What a report does to one recipient's row. The values are stored in the journal's ``reports``."""

    HARD = "hard"
    SOFT = "soft"
    COMPLAINT = "complaint"
    DELAY = "delay"
    ARRIVED = "arrived"
    READ = "read"
    KNOWN = "known"
    NONE = "none"


CONSEQUENCE_WORDS = {
    Consequence.HARD: "Bounced",
    Consequence.SOFT: "Failed; the address is still good",
    Consequence.COMPLAINT: "Complaint",
    Consequence.DELAY: "Noted: delayed",
    Consequence.ARRIVED: "Noted: arrived",
    Consequence.READ: "Noted: read",
    Consequence.KNOWN: "Known already",
    Consequence.NONE: "Nothing",
}

_CODE = re.compile(r"^\s*[245]\d\d(?=[\s\-#])[\s\-#]*")  # RFC 5321 §4.2
# A server has the mail, or may have it: only then can it come back.
_REACHED = (OutboundState.SENT, OutboundState.SENDING, OutboundState.UNKNOWN)


def recipient_reports(found: Classification, sender: str) -> tuple[RecipientReport, ...]:
    """Return what a report says of each recipient, at most 200; one without an address where it names none.

    Args:
        sender: address in From, lower-case: who wrote a read receipt read the mail.
    """
    if found.reports:
        return found.reports[:MOST_REPORTS]
    if found.kind is MessageKind.READ_RECEIPT:
        return (RecipientReport(sender, ReportAction.DELIVERED),)
    action = {
        MessageKind.DELIVERY_FAILURE: ReportAction.FAILED,
        MessageKind.DELIVERY_DELAY: ReportAction.DELAYED,
        MessageKind.DELIVERY_SUCCESS: ReportAction.DELIVERED,
        MessageKind.ABUSE_COMPLAINT: ReportAction.COMPLAINED,
    }.get(found.kind)
    return (RecipientReport("", action),) if action else ()


def consequence(
    kind: MessageKind, report: RecipientReport, state: OutboundState, reason: OutboundReason | None
) -> Consequence:
    """Return what a report does to a row in this state.

    A row comes back once, however often it is reported: a flood of reports on one mail counts as one. Only a hard
    failure after a soft one says something new.
    """
    if report.action is ReportAction.FAILED:
        came_back_soft = state is OutboundState.FAILED and reason is OutboundReason.SENT_BACK
        if state in _REACHED or (came_back_soft and report.is_hard):
            return Consequence.HARD if report.is_hard else Consequence.SOFT
        return Consequence.KNOWN
    if report.action is ReportAction.COMPLAINED:
        is_new = state in _REACHED and reason is not OutboundReason.COMPLAINT
        return Consequence.COMPLAINT if is_new else Consequence.KNOWN
    if report.action is ReportAction.DELAYED:
        return Consequence.DELAY if state in _REACHED else Consequence.KNOWN
    return Consequence.READ if kind is MessageKind.READ_RECEIPT else Consequence.ARRIVED


def learnable(report: RecipientReport, is_proved: bool) -> RecipientReport | None:
    """Return what the list of suppressed addresses may learn from a report on mail of ours; None for nothing.

    What is not proved only counts as one more failure. A Message-ID is enough to write such a report: it may neither
    have somebody else listed at once, nor have that forgotten which counts against an address.

    Args:
        is_proved: by the signed return path.
    """
    if is_proved:
        return report
    return replace(report, is_hard=False) if report.action is ReportAction.FAILED else None


def server_words(report: RecipientReport) -> str:
    """Return what the server said without the code and status that stand before it; those are told apart."""
    text = report.text.strip()
    return split_enhanced(_CODE.sub("", text, count=1))[1] or text


def status_words(report: RecipientReport) -> str:
    """Return code, status and what the server said, as one line: "550 5.1.1 no such user"."""
    return " ".join(part for part in (str(report.code or ""), report.status, server_words(report)) if part)
