# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Notices that a provider sends as JSON in a mail: Amazon SES by way of SNS.

Form: "Contents of Amazon SNS notifications for Amazon SES" in Amazon's documentation.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .delivery_status import MOST_RECIPIENTS, RecipientStatus, find_status
from .message_kind import ReportAction
from .report_address import bare_address
from .storable import storable

_LONGEST = 131_072
_ACTIONS = {
    "bounce": ReportAction.FAILED,
    "complaint": ReportAction.COMPLAINED,
    "delivery": ReportAction.DELIVERED,
    "deliverydelay": ReportAction.DELAYED,
}


@dataclass(frozen=True, slots=True)
class ProviderNotice:
    """What a notice says: one action for all recipients.

    Attributes:
        action: what happened.
        recipients: each one reported on.
        original_id: Message-ID of the mail, with angle brackets; "".
        feedback_type: of a complaint; "".
    """

    action: ReportAction
    recipients: tuple[RecipientStatus, ...] = ()
    original_id: str = ""
    feedback_type: str = ""


def read_provider_notice(payload: bytes) -> ProviderNotice | None:
    """Return what a text part says, None when it is no such notice."""
    text = payload[:_LONGEST].decode("utf-8", "replace").lstrip()
    if not text.startswith("{") or ("notificationType" not in text and "eventType" not in text):
        return None
    notice = _object(text)
    # SNS wraps the notice into an object of its own unless it is set to raw delivery.
    if isinstance(notice.get("Message"), str):
        notice = _object(notice["Message"])
    name = str(notice.get("notificationType") or notice.get("eventType") or "").lower()
    action = _ACTIONS.get(name)
    if action is None:
        return None
    about = _table(notice.get({"deliverydelay": "deliveryDelay"}.get(name, name)))
    mail = _table(notice.get("mail"))
    rows = next((about[key] for key in about if key.lower().endswith("recipients")), None) or mail.get("destination")
    answer = str(about.get("smtpResponse") or "")
    found = (_recipient(row, action, answer) for row in (rows if isinstance(rows, list) else [])[:MOST_RECIPIENTS])
    return ProviderNotice(
        action=action,
        recipients=tuple(row for row in found if row.final),
        original_id=str(_table(mail.get("commonHeaders")).get("messageId") or ""),
        feedback_type=storable(about.get("complaintFeedbackType") or "", 60).lower(),
    )


def _recipient(row: Any, action: ReportAction, answer: str) -> RecipientStatus:
    if not isinstance(row, dict):
        return RecipientStatus(bare_address(str(row)), action=action, status=find_status(answer), diagnostic=answer)
    words = str(row.get("diagnosticCode") or answer).removeprefix("smtp;").strip()[:4000]
    return RecipientStatus(
        final=bare_address(str(row.get("emailAddress") or "")),
        action=action,
        status=find_status(str(row.get("status") or "")) or find_status(words),
        diagnostic=words,
    )


def _object(text: str) -> dict[str, Any]:
    try:
        # Mail servers break long lines, also in the middle of a string.
        return _table(json.JSONDecoder(strict=False).raw_decode(text)[0])
    except (ValueError, RecursionError):
        return {}


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
