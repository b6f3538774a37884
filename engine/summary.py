# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the journal keeps of a message beside its bytes: who, what, when. Reading it never fails on any bytes."""

from __future__ import annotations

import email.policy
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header
from email.parser import BytesHeaderParser
from email.utils import getaddresses

from .storable import storable

# The header section ends at the first empty line (RFC 5322 §2.1); a body of many megabytes is never parsed here.
_HEADER_END = re.compile(rb"\r?\n\r?\n")
# A header section longer than this is cut: Postfix's header_size_limit is 102,400 octets, and no field that the
# journal shows lies behind ten times that.
_LONGEST_HEADER = 1_048_576
_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
# PostgreSQL's index takes 2,704 octets; RFC 5322 §2.1.1 allows 998 characters in a line, of up to 4 octets each.
_LONGEST_MESSAGE_ID = 600
# What a list or form shows of a field; the bytes have it whole.
_LONGEST_FIELD = 2000
# Octets: RFC 5321 §4.5.3.1 allows 64 + 1 + 255. What is longer is no address, and is more than an index takes.
_LONGEST_ADDRESS = 320
# Python looks for encoded words in time that grows with the square of a line: minutes for 100 kB. RFC 5322 §2.1.1
# allows 998 characters; longer lines are taken as they are.
_LONGEST_ENCODED_LINE = 2000


@dataclass(frozen=True)
class Summary:
    """The header fields that the gateway decides on, decoded.

    Attributes:
        digest: SHA-256 of all bytes, hex.
        size: octets.
        message_id: with angle brackets, "" when there is none.
        headers: every field as (lower-case name, decoded value), in order of appearance.
    """

    digest: str
    size: int
    message_id: str
    subject: str
    email_from: str
    email_to: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """Return the first field called ``name`` (any case), "" when there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key == wanted), "")

    def has_header(self, name: str) -> bool:
        wanted = name.lower()
        return any(key == wanted for key, _value in self.headers)


def summarize(content: bytes) -> Summary:
    """Return the summary of a message given as received, whatever the bytes are."""
    headers = tuple(_headers(content))
    first: dict[str, str] = {}
    for name, value in headers:
        first.setdefault(name, value)
    message_id = _MESSAGE_ID.search(first.get("message-id", ""))
    return Summary(
        digest=hashlib.sha256(content).hexdigest(),
        size=len(content),
        message_id=message_id[0][:_LONGEST_MESSAGE_ID] if message_id else "",
        subject=storable(first.get("subject", ""), _LONGEST_FIELD),
        email_from=storable(first.get("from", ""), _LONGEST_FIELD),
        email_to=storable(first.get("to", ""), _LONGEST_FIELD),
        headers=headers,
    )


def body_digest(content: bytes) -> str:
    """Return the SHA-256 of what follows the header section: equal for copies that took different ways."""
    end = _HEADER_END.search(content, 0, _LONGEST_HEADER)
    return hashlib.sha256(content[end.end() :].rstrip() if end else b"").hexdigest()


def named_addresses(values: Iterable[str]) -> list[tuple[str, str]]:
    """Return (name, address) of all addresses in From- or To-like fields; [] when they are nested without end."""
    try:
        return getaddresses(values)
    except RecursionError:
        # The standard library's parser calls itself for each group in a group, of which a sender writes thousands.
        return []


def sole_address(value: str) -> str:
    """Return the first address in a From-like field, lower-case, without the name; "" when there is none."""
    for _name, address in named_addresses([value]):
        if "@" in address and len(address.encode("utf-8", "replace")) <= _LONGEST_ADDRESS:
            return address.lower()
    return ""


def addresses(value: str, limit: int = 50) -> list[str]:
    """Return up to ``limit`` addresses of a To-like field, lower-case, without names."""
    return [address.lower() for _name, address in named_addresses([value]) if "@" in address][:limit]


def _headers(content: bytes):
    end = _HEADER_END.search(content, 0, _LONGEST_HEADER)
    head = content[: end.end()] if end else content[:_LONGEST_HEADER]
    # compat32 keeps the raw value and raises on nothing; the modern policy parses each field when it is read and
    # raises on some malformed ones.
    message = BytesHeaderParser(policy=email.policy.compat32).parsebytes(head)
    for name, value in message.items():
        yield name.lower(), _decode(value)


def _decode(value: object) -> str:
    """Return one line of text for a raw header value, wrong or unknown charsets included."""
    text = str(value)
    try:
        is_decodable = all(len(line) <= _LONGEST_ENCODED_LINE for line in text.split("\n"))
        parts = decode_header(value) if is_decodable else [(text, None)]
    except (ValueError, LookupError, HeaderParseError):  # bad base64 in an encoded word, in one of its kinds
        parts = [(text, None)]
    decoded = "".join(_decode_part(part, charset) for part, charset in parts)
    return " ".join(storable(decoded, len(decoded) + 1).split())


def _decode_part(part: bytes | str, charset: str | None) -> str:
    if isinstance(part, str):
        # Raw 8-bit octets arrive as surrogates (RFC 5322 forbids them, mail programs send them).
        part = part.encode("ascii", "surrogateescape") if not _has_real_unicode(part) else part.encode()
        charset = None
    for candidate in (charset, "utf-8", "latin-1"):
        if not candidate or candidate == "unknown-8bit":
            continue
        try:
            return part.decode(candidate)
        except (ValueError, LookupError):  # UnicodeError is a ValueError; so is a NUL in a charset's name
            continue
    return part.decode("latin-1")


def _has_real_unicode(text: str) -> bool:
    return any(ord(char) > 127 and not 0xDC80 <= ord(char) <= 0xDCFF for char in text)
