# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The fields of a delivery status notification (RFC 3464 §2, RFC 6533 for addresses beyond ASCII)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .message_kind import ReportAction
from .report_address import typed_address

MOST_RECIPIENTS = 100
_MOST_LINES = 5_000
_LONGEST_VALUE = 4_000
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:[ \t]*(.*)$")
# The subject is 0 to 7 (RFC 3463 §3): addresses and version numbers of servers are none.
_STATUS = re.compile(r"(?<![\w.])([245])\.([0-7])\.(\d{1,3})(?!\.?\d)")
_RECIPIENT_FIELDS = ("final-recipient", "original-recipient", "x-actual-recipient")
# RFC 3464 §2.3.3; `deliverable` and `undeliverable` are answers to Postfix's probes (sendmail -bv).
_ACTIONS = {
    "failed": ReportAction.FAILED,
    "failure": ReportAction.FAILED,
    "undeliverable": ReportAction.FAILED,
    "delayed": ReportAction.DELAYED,
    "delivered": ReportAction.DELIVERED,
    "relayed": ReportAction.DELIVERED,
    "expanded": ReportAction.DELIVERED,
    "deliverable": ReportAction.DELIVERED,
}


@dataclass(frozen=True, slots=True)
class RecipientStatus:
    """What one group of fields says about one recipient. Texts are as the report has them, unfolded.

    Attributes:
        final: address that the reporting server tried, lower-case; "" when it is a program, a file or nothing.
        original: address that the sender gave (RFC 3464 §2.3.1); "".
        action: None when the report does not say.
        status: "5.1.1"; "".
        diagnostic: the remote server's words (RFC 3464 §2.3.6).
        remote: name of the remote server.
    """

    final: str = ""
    original: str = ""
    action: ReportAction | None = None
    status: str = ""
    diagnostic: str = ""
    remote: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """All groups of one notification.

    Attributes:
        recipients: in order.
        original_id: Message-ID of the original, which Google writes as an extension; "".
    """

    recipients: tuple[RecipientStatus, ...] = ()
    original_id: str = ""


def read_delivery_status(text: str) -> DeliveryStatus:
    """Return what the text of a message/delivery-status part says."""
    recipients, original_id = [], ""
    for group in field_groups(text):
        original_id = original_id or group.get("x-original-message-id", "")
        if any(name in group for name in _RECIPIENT_FIELDS) and len(recipients) < MOST_RECIPIENTS:
            recipients.append(_recipient(group))
    return DeliveryStatus(tuple(recipients), original_id)


def field_groups(text: str) -> list[dict[str, str]]:
    """Return groups of fields that are parted by empty lines: lower-case name to unfolded value, the first one counts.

    A repeated Final-Recipient begins a group too: some servers forget the empty line.
    """
    groups: list[dict[str, str]] = [{}]
    name = ""
    for line in text.split("\n")[:_MOST_LINES]:
        if not line.strip():
            name = ""
            if groups[-1]:
                groups.append({})
            continue
        found = _FIELD.match(line)
        if found and not line[0].isspace():
            name = found[1].lower()
            if name in groups[-1]:
                if name != "final-recipient":
                    name = ""
                    continue
                groups.append({})
            groups[-1][name] = found[2].strip()
        elif name and len(groups[-1][name]) < _LONGEST_VALUE:
            # A folded line. Some servers forget the blank that folds it.
            groups[-1][name] = f"{groups[-1][name]} {line.strip()}".strip()
    return [group for group in groups if group]


def find_status(text: str) -> str:
    """Return the first enhanced status in a text, the specific before the general (x.0.0); "" without one."""
    general = ""
    for match in _STATUS.finditer(text[:_LONGEST_VALUE]):
        status = ".".join(match.groups())
        if not is_general(status):
            return status
        general = general or status
    return general


def is_general(status: str) -> bool:
    """Return whether a status says no more than its class: "5.0.0" (RFC 3463 §3.1), or nothing at all."""
    return not status or status.endswith(".0.0")


def _recipient(group: Mapping[str, str]) -> RecipientStatus:
    final = typed_address(group.get("final-recipient", "")) or typed_address(group.get("x-actual-recipient", ""))
    words = re.match(r"\W*([a-z]+)", group.get("action", "").lower())
    action = _ACTIONS.get(words[1]) if words else None
    status = find_status(group.get("status", ""))
    if action is None and status:
        action = {"2": ReportAction.DELIVERED, "4": ReportAction.DELAYED}.get(status[0], ReportAction.FAILED)
    diagnostic = group.get("diagnostic-code", "")
    diagnostic = re.sub(r"^\s*[A-Za-z0-9._-]{1,40}\s*;\s*", "", diagnostic, count=1)
    # Sun's and Oracle's servers explain the status in a comment behind it.
    comment = re.search(r"\(([^()]{3,200})\)", group.get("status", ""))
    if comment and not diagnostic:
        diagnostic = comment[1]
    remote = re.sub(r"^\s*[A-Za-z]{2,10}\s*;\s*", "", group.get("remote-mta", ""), count=1)
    return RecipientStatus(
        final=final,
        original=typed_address(group.get("original-recipient", "")),
        action=action,
        status=status,
        diagnostic=diagnostic,
        remote=remote.split(" ")[0].strip("()[];").rstrip(".").lower()[:255],
    )
