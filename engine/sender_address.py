# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whose address a message claims to come from, and whether that can be said at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import policy
from email.errors import MessageError

import idna

from .summary import Summary, addresses

# RFC 5322 §2.1.1 allows 998 characters a line, and no sender needs two of them.
_LONGEST_FROM = 2000
_MOST_NAMED = 20
_LONGEST_HEADER = 1_048_576
_HEADER_END = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_FROM = re.compile(rb"from[ \t]*:", re.IGNORECASE)
# What no reader of addresses takes otherwise than another: no quotes, comments, groups, routes or spaces in it.
_PLAIN_LOCAL = re.compile(r"[^\s\"(),:;<>@\[\]\\\x00-\x20\x7f]{1,64}")


# The form of nearly all: a name without anything special in it, or in plain quotes, and one address. All readers read
# it alike, and it need not be read by two.
_SIMPLE = re.compile(
    r"(?:[^\"(),:;<>@\[\]\\\x00-\x1f\ufffd]*|\"[^\"\\<>\x00-\x1f\ufffd]*\" ?)"
    r"<([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+)>"
)


@dataclass(frozen=True, slots=True)
class SenderAddress:
    """Attributes:
    address: the one address that the From field names, lower-case, its domain in ASCII form; "" when there is not
        just one that every reader finds.
    named: all addresses that any reader may find there, lower-case.
    doubt: why there is not one address, in words; "".
    """

    address: str = ""
    named: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def sender_address(content: bytes, summary: Summary) -> SenderAddress:
    """Return whose address a message claims; never fails on any bytes.

    A From field that readers take differently (several fields, several addresses, groups, addresses in comments) is an
    attack more often than not: one reader checks one address, and another one believes the other. RFC 5322 §3.6 allows
    one field; §3.6.2 several addresses, which nobody can prove together.
    """
    fields = _from_fields(content)
    if len(fields) == 1 and (simple := _SIMPLE.fullmatch(fields[0])):
        address = plain_address(simple[1])
        if address and "@" not in fields[0][: simple.start(1)]:
            return SenderAddress(address, (address,))
    decoded = [value for name, value in summary.headers if name == "from"]
    named = list(dict.fromkeys(found for value in (*fields[:5], *decoded[:5]) for found in _all_addresses(value)))
    claimed = tuple(named[:_MOST_NAMED])
    if not fields:
        return SenderAddress(named=claimed, doubt="It has no From field.")
    if len(fields) > 1:
        return SenderAddress(named=claimed, doubt="It has more than one From field.")
    (value,) = fields
    if len(value) > _LONGEST_FROM:
        return SenderAddress(named=claimed, doubt="Its From field is too long.")
    readings = _readings(value)
    if any(len(reading) > 1 for reading in readings):
        return SenderAddress(named=claimed, doubt="Its From field names more than one address.")
    found = {reading[0] for reading in readings if reading}
    if len(found) != 1 or not all(readings):
        return SenderAddress(named=claimed, doubt="Its From field cannot be read with certainty.")
    address = plain_address(found.pop())
    if not address:
        return SenderAddress(named=claimed, doubt="Its From field holds no plain address.")
    return SenderAddress(address, tuple(dict.fromkeys((address, *claimed))))


def plain_address(text: str) -> str:
    """Return an address lower-case with its domain in ASCII form; "" when it is not a plain one."""
    local, at, domain = text.rpartition("@")
    domain = ascii_domain(domain)
    if not at or not domain or not _PLAIN_LOCAL.fullmatch(local):
        return ""
    return f"{local.lower()}@{domain}"


def ascii_domain(text: str) -> str:
    """Return a domain as the DNS has it, lower-case and without the last dot; "" when it is none."""
    text = text.strip().rstrip(".").lower()
    if not text or len(text) > 253:
        return ""
    try:
        if text.isascii():
            # Underscores and the like are no mail domain, but harmless; what ends a name or begins another is not.
            return text if re.fullmatch(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", text) else ""
        return idna.encode(text, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return ""


def _from_fields(content: bytes) -> list[str]:
    """Return the values of all From fields as they were sent, unfolded.

    Names in a decoded value may hold what looks like addresses; in the field as sent they are encoded. Lines end as
    Python's mail parser, and so Odoo, has it: also at a carriage return alone.
    """
    head = content[:_LONGEST_HEADER]
    end = _HEADER_END.search(head)
    values: list[str] = []
    is_open = False
    for line in _LINE_END.split(head[: end.start()] if end else head):
        if line[:1] in (b" ", b"\t"):
            if is_open:
                values[-1] += " " + line.strip().decode("utf-8", "replace")
            continue
        field = _FROM.match(line)
        is_open = bool(field) and len(values) < _MOST_NAMED
        if is_open:
            values.append(line[field.end() :].strip().decode("utf-8", "replace"))
    return values


def _readings(value: str) -> list[list[str]]:
    """Return the addresses that two independent readers find in a From value as it was sent."""
    plain = addresses(value)
    try:
        field = policy.SMTP.header_factory("From", value)
        strict = [address.addr_spec.lower() for group in field.groups for address in group.addresses]
        if any(group.display_name is not None for group in field.groups):
            # A group (RFC 6854) is no address of somebody.
            strict = []
    except (ValueError, IndexError, AttributeError, TypeError, RecursionError, MessageError):
        # The standard library's reader trips over odd fields, in one of its ways.
        strict = []
    # "Miller, Ann <ann@example.com>" without quotes names one address for everybody, and a word.
    return [plain, [address for address in strict if "@" in address]]


def _all_addresses(value: str) -> list[str]:
    value = value[:_LONGEST_FROM]
    # Whatever looks like an address, wherever it stands: a comment, a name, a group.
    loose = re.findall(r"[^\s\"(),:;<>@\[\]\\]{1,64}@[^\s\"(),:;<>@\[\]\\]{1,253}", value)
    return [plain_address(found) or found.lower() for found in [*addresses(value, _MOST_NAMED), *loose[:_MOST_NAMED]]]
