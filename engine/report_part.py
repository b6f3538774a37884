# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The parts of a message that may be a report: a walk whose work is bounded, whatever the sender nested or repeated.

The standard library's parser makes an object of every part, goes one frame deeper for every level, and compares every
line with every open boundary. Here boundaries are searched for in the bytes, a bounded number of times.
"""

from __future__ import annotations

import email.policy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser

from .plain_text import plain_text

# What says what a report is comes first in it (RFC 6522 §3); the original, of any size, comes last.
MOST_BYTES = 4_194_304
MOST_PARTS = 60
DEEPEST = 8
LONGEST_HEAD = 65_536
LONGEST_TEXT = 131_072
LONGEST_LINE = 2_000
_MOST_FIELDS = 500

_HEAD_END = re.compile(rb"\r?\n[ \t]*\r?\n")
_MEDIA_TYPE = re.compile(r"\s*([a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)", re.IGNORECASE)
# RFC 2046 §5.1.1 allows 70 characters; what follows the second hyphen must not be a quoted signature.
_GUESSED_BOUNDARY = re.compile(rb"^--([^\s\-][^\r\n]{0,150}?)[ \t]*\r?\n(?=Content-)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """One part that is not multipart itself.

    Attributes:
        media_type: lower-case, such as "text/plain".
        fields: header fields of the part, lower-case name to first value, as received.
        body: its bytes, still encoded for transport.
        depth: 0 for the message itself.
    """

    media_type: str
    fields: Mapping[str, str]
    body: bytes
    depth: int = 0

    def payload(self, most: int = LONGEST_TEXT) -> bytes:
        """Return the bytes without the transfer encoding, of at most ``most`` encoded octets."""
        message = Message()
        encoding = self.fields.get("content-transfer-encoding", "").strip().lower().split(";")[0]
        if encoding:
            message["Content-Transfer-Encoding"] = encoding
        message.set_payload(self.body[:most].decode("ascii", "surrogateescape"))
        payload = message.get_payload(decode=True)
        return payload if isinstance(payload, bytes) else b""

    def text(self) -> str:
        """Return the text for people, HTML as plain text, of bounded length and with bounded lines."""
        payload = self.payload()
        text = _decoded(payload, parameter(self.fields.get("content-type", ""), "charset"))
        if self.media_type == "text/html":
            text = plain_text(text)
        return bounded(text)


@dataclass(slots=True)
class Walk:
    """The parts of a message in order.

    Attributes:
        parts: at most MOST_PARTS.
        looked_at: how many pieces between boundaries were looked at: what the walk cost.
    """

    parts: list[Part] = field(default_factory=list)
    looked_at: int = 0


def walk_parts(content: bytes) -> Walk:
    """Return the parts of a message given as received; an enclosed message is one part and is not entered."""
    walk = Walk()
    # An explicit stack: nesting is chosen by the sender.
    stack: list[tuple[bytes, int]] = [(content[:MOST_BYTES], 0)]
    while stack and len(walk.parts) < MOST_PARTS and walk.looked_at < 2 * MOST_PARTS:
        piece, depth = stack.pop()
        walk.looked_at += 1
        head, body = split_head(piece)
        fields = read_fields(head)
        kind = media_type(fields.get("content-type", ""))
        if kind.startswith("multipart/") and depth < DEEPEST:
            inner = _pieces(body, parameter(fields.get("content-type", ""), "boundary"))
            if inner:
                stack.extend((one, depth + 1) for one in reversed(inner))
                continue
            kind = "text/plain"
        walk.parts.append(Part(kind, fields, body, depth))
    return walk


def split_head(content: bytes) -> tuple[bytes, bytes]:
    """Return the header section, cut to LONGEST_HEAD octets, and the body."""
    if content[:1] == b"\n" or content[:2] == b"\r\n":  # a part without any field (RFC 2046 §5.1)
        return b"", content.lstrip(b"\r\n")
    end = _HEAD_END.search(content)
    if not end:
        return content[:LONGEST_HEAD], b""
    return content[: min(end.start() + 2, LONGEST_HEAD)], content[end.end() :]


def read_fields(head: bytes) -> dict[str, str]:
    """Return the first value of each field in a header section, by lower-case name."""
    fields: dict[str, str] = {}
    message = BytesHeaderParser(policy=email.policy.compat32).parsebytes(head[:LONGEST_HEAD])
    for count, (name, value) in enumerate(message.items()):
        if count >= _MOST_FIELDS:
            break
        fields.setdefault(name.lower(), str(value))
    return fields


def media_type(content_type: str) -> str:
    """Return the lower-case media type in a Content-Type field; text/plain when there is none (RFC 2045 §5.2)."""
    found = _MEDIA_TYPE.match(content_type[:LONGEST_LINE])
    return found[1].lower() if found else "text/plain"


def parameter(content_type: str, name: str) -> str:
    """Return a parameter of a Content-Type field, "" when it is missing.

    Some servers write a colon or a blank where a semicolon belongs; they mean it all the same.
    """
    pattern = rf"(?:^|[;:\s]){re.escape(name)}\s*=\s*(?:\"([^\"]{{0,300}})\"|([^\s;\"]{{1,300}}))"
    found = re.search(pattern, content_type[:LONGEST_LINE], re.IGNORECASE)
    return (found[1] or found[2] or "") if found else ""


def bounded(text: str) -> str:
    """Return text whose length and lines are bounded, with plain line ends."""
    lines = text[:LONGEST_TEXT].replace("\0", "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line[:LONGEST_LINE] for line in lines)


def _decoded(payload: bytes, charset: str) -> str:
    for candidate in (charset, "utf-8"):
        try:
            return payload.decode(candidate)
        except (LookupError, ValueError):  # unknown, wrong, or no charset at all
            continue
    return payload.decode("latin-1")


def _pieces(body: bytes, boundary: str) -> list[bytes]:
    delimiter = b"--" + boundary.encode("ascii", "surrogateescape") if boundary and boundary.isascii() else b""
    if not delimiter or delimiter not in body:
        # A boundary that was mangled on the way: the first line that looks like one, before a field of a part.
        found = _GUESSED_BOUNDARY.search(body, 0, LONGEST_HEAD)
        if not found:
            return []
        delimiter = b"--" + found[1]
    pieces: list[bytes] = []
    begin = _line_with(body, delimiter, 0)
    while begin >= 0 and len(pieces) < MOST_PARTS:
        begin += len(delimiter)
        if body[begin : begin + 2] == b"--":
            break
        line_end = body.find(b"\n", begin)
        if line_end < 0:
            break
        end = _line_with(body, delimiter, line_end)
        pieces.append(body[line_end + 1 : end if end >= 0 else len(body)])
        begin = end
    return pieces


def _line_with(body: bytes, delimiter: bytes, start: int) -> int:
    """Return where the next line that begins with the delimiter begins, -1 when there is none."""
    if start == 0 and body.startswith(delimiter):
        return 0
    found = body.find(b"\n" + delimiter, start)
    return found + 1 if found >= 0 else -1
