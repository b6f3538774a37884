# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which mail a report is about: Message-IDs from the enclosed original, the surest first."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .report_part import LONGEST_HEAD, Part, read_fields, split_head
from .summary import Summary

ORIGINALS = frozenset(
    ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers", "text/rfc822")
)
_MOST = 10
_ID = re.compile(r"<[^<>\s]{1,598}>")
_INLINE = re.compile(
    r"^[ \t]*(?:x-)?(?:original-)?message-id[ \t]*:[ \t]*(<[^<>\s]{1,598}>)", re.IGNORECASE | re.MULTILINE
)
# Some servers put an original's fields behind `>` or in a table; a folded Message-ID stands on the next line.
_FOLDED = re.compile(r"^[ \t>|]*message-id[ \t]*:\s*\n[ \t>|]+(<[^<>\s]{1,598}>)", re.IGNORECASE | re.MULTILINE)


def original_fields(parts: Iterable[Part]) -> dict[str, str]:
    """Return the header fields of the first enclosed original, by lower-case name; {} without one."""
    for part in parts:
        if part.media_type in ORIGINALS:
            payload = part.payload(LONGEST_HEAD)
            # An enclosed original of headers alone has no empty line at its end.
            head, _body = split_head(payload.lstrip(b"\r\n"))
            fields = read_fields(head)
            if fields:
                return fields
    return {}


def original_ids(message: Summary, fields: dict[str, str], text: str, named: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the Message-IDs of the mail that a report is about, with angle brackets.

    Args:
        message: the report.
        fields: of the enclosed original.
        text: of the report's parts, which may have the original's header inside.
        named: what fields of the report itself name as the original.
    """
    sources = [fields.get("message-id", ""), *named]
    found = [match[0] for source in sources for match in _ID.finditer(source[:2000])]
    found += [match[1] for pattern in (_INLINE, _FOLDED) for match in pattern.finditer(text)]
    for name in ("In-Reply-To", "References"):
        # The last reference is the mail that is answered (RFC 5322 §3.6.4).
        found += [match[0] for match in _ID.finditer(message.header(name)[:20_000])][::-1]
    return tuple(one for one in dict.fromkeys(found) if one != message.message_id and one.isprintable())[:_MOST]
