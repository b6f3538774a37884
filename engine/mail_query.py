# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What somebody typed who looks for a message: an address, a Message-ID, or words of a subject."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .person_address import PersonAddress, person_address

_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_BARE_ID = re.compile(r"[^<>\s]+@[^<>\s]+")
_LONGEST = 600


@dataclass(frozen=True, slots=True)
class MailQuery:
    """Attributes:
    address: None where it is none.
    message_id: with angle brackets, "" where it can be none.
    subject: "" where an address or Message-ID was typed.
    """

    address: PersonAddress | None = None
    message_id: str = ""
    subject: str = ""


def mail_query(text: str) -> MailQuery:
    """Return what `text` may be; without angle brackets "a@b" may be an address and a Message-ID, and is both."""
    text = " ".join((text or "").split())[:_LONGEST]
    found = _MESSAGE_ID.fullmatch(text.removeprefix("Message-ID:").removeprefix("Message-Id:").strip())
    bare = found[0][1:-1] if found else text if _BARE_ID.fullmatch(text) else ""
    try:
        address = person_address(bare or text) if "@" in text else None
    except ValueError:
        address = None
    message_id = found[0] if found else f"<{bare}>" if bare else ""
    return MailQuery(address, message_id, "" if address or message_id else text)


def first_since(moment: datetime, last: int, look: Callable[[int], tuple[int, datetime] | None]) -> int:
    """Return the id of the first row that is not older than `moment`, in some twenty looks at the primary key.

    For tables that grow at their end: ids and times grow together, but for what was written at the same time.

    Args:
        last: the highest id that there is.
        look: returns (id, time) of the first row whose id is at least the one given; None behind the last row.

    Returns:
        int: an id, which need not be a row's; `last + 1` where all rows are older.
    """
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        found = look(middle)
        if found is None or found[1] >= moment:
            high = middle
        else:
            low = max(found[0], middle) + 1
    return low
