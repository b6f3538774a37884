# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""When a message came in, by its own header section."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import parsedate_to_datetime

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_RECEIVED = re.compile(rb"^received:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE | re.MULTILINE)
# The last server puts its field above all others; what lies behind this much was not put there by it.
_LONGEST_HEADER = 65_536
_LONGEST_DATE = 200
_EARLIEST = datetime(1990, 1, 1)


def arrival(headers: bytes) -> datetime | None:
    """Return the time in the uppermost Received field, which the last server wrote, else in Date, in UTC.

    None where neither says anything that can be understood.
    """
    message = BytesHeaderParser(policy=compat32).parsebytes(headers)
    for text in (str(message.get("Received", "")).rpartition(";")[2], str(message.get("Date", ""))):
        try:
            found = parsedate_to_datetime(text.strip())
            return found.astimezone(timezone.utc) if found.tzinfo else found.replace(tzinfo=timezone.utc)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def delivered(content: bytes, arrived: datetime) -> datetime:
    """Return when the last server before the gateway took a message; naive UTC, never later than it arrived here.

    Only the uppermost Received field says it (RFC 5321 §4.4): the mailbox's own server puts it above whatever a sender
    wrote. Date and all further fields are the sender's, who could spread a flood over years by them.

    Args:
        content: the bytes as received.
        arrived: when the gateway took it, naive UTC; returned where nothing says anything else.
    """
    head = content[:_LONGEST_HEADER]
    end = _HEADER_END.search(head)
    field = _RECEIVED.search(head[: end.start()] if end else head)
    text = field[1].rpartition(b";")[2].strip() if field else b""
    if not 0 < len(text) <= _LONGEST_DATE:
        return arrived
    try:
        found = parsedate_to_datetime(text.decode("ascii", "replace"))
        found = found.astimezone(timezone.utc).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, TypeError, IndexError, OverflowError):
        return arrived
    return min(found, arrived) if found > _EARLIEST else arrived
