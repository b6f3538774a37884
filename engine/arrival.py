# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""When a message came in, by its own header section."""

from __future__ import annotations

from datetime import datetime, timezone
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import parsedate_to_datetime


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
