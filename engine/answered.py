# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which earlier messages a message is about: an answer by its header, a bounce by what it encloses."""

from __future__ import annotations

import re
from email.message import Message
from itertools import islice

_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
_MESSAGE_ID_FIELD = re.compile(r"^message-id:\s*(<[^<>\s]+>)", re.IGNORECASE | re.MULTILINE)
# What a hostile field or part may cost.
_LONGEST = 65_536
_MOST_PARTS = 50
# As Odoo: RFC 5322 §3.6.4 appends newer ones, so the last are the nearest.
_MOST_IDS = 32


def answered_ids(references: str, in_reply_to: str) -> list[str]:
    """Return the Message-IDs that the two fields name, the last 32."""
    text = f"{references[-_LONGEST:]} {in_reply_to[:_LONGEST]}"
    return list(dict.fromkeys(_MESSAGE_ID.findall(text)))[-_MOST_IDS:]


def enclosed_ids(message: Message) -> list[str]:
    """Return the Message-IDs of messages that this one encloses, whole or as headers only (RFC 3464 §2, RFC 6522)."""
    found: dict[str, None] = {}
    for part in islice(message.walk(), 1, _MOST_PARTS):
        text = str(part.get("Message-ID") or "")[:_LONGEST]
        if part.get_content_type() == "text/rfc822-headers":
            content = part.get_payload(decode=True) or b""
            field = _MESSAGE_ID_FIELD.search(content[:_LONGEST].decode("utf-8", "replace"))
            text += f" {field[1]}" if field else ""
        found.update(dict.fromkeys(_MESSAGE_ID.findall(text)))
    return list(found)[:_MOST_IDS]
