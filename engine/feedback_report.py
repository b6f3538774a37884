# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The fields of an abuse report (RFC 5965 §3, called ARF), and who complains."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .delivery_status import MOST_RECIPIENTS
from .report_address import bare_address, found_addresses

# RFC 5965 §3.1 wants exactly one; a recipient may be named many times.
_LINE = re.compile(
    r"^(feedback-type|original-rcpt-to|removal-recipient)[ \t]*:[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE
)
_NOT_A_WORD = re.compile(r"[^a-z0-9.-]")

# About authentication (RFC 6591), or the opposite of a complaint (RFC 6430 §3): nobody wants to hear less from us.
NO_COMPLAINTS = frozenset(("auth-failure", "not-spam", "dkim", "dmarc"))


@dataclass(frozen=True, slots=True)
class FeedbackReport:
    """What a report says.

    Attributes:
        feedback_type: "abuse", "fraud", "auth-failure" …, lower-case; "" when it is not said.
        recipients: addresses that complain, lower-case; empty where the provider hides them.
    """

    feedback_type: str = ""
    recipients: tuple[str, ...] = ()


def read_feedback_report(text: str) -> FeedbackReport:
    """Return what the text of a message/feedback-report part says."""
    feedback_type = ""
    recipients: dict[str, None] = {}
    for found in _LINE.finditer(text):
        value = found[2].strip()
        if found[1].lower() == "feedback-type":
            feedback_type = feedback_type or _NOT_A_WORD.sub("", value.split(" ")[0].lower())[:60]
            continue
        address = bare_address(value) or next(iter(found_addresses(value, 1)), "")
        if address and len(recipients) < MOST_RECIPIENTS:
            recipients[address] = None
    return FeedbackReport(feedback_type, tuple(recipients))
