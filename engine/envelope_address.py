# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Envelope addresses as a mail server or its client hands them over."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .errors import EnvelopeError

# RFC 5321 §4.5.3.1.3: a path has 256 octets with its brackets; some servers take a little more.
_LONGEST = 320
# RFC 5321 §4.5.3.1.8: at least this many recipients a message; more are sent with a further one.
MOST_RECIPIENTS = 100
# Not even between quotation marks (RFC 5321 §4.1.2), and no text of a database: NUL, and octets that were no UTF-8.
_NOWHERE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f<>,;]")
# A comma inside a quoted local part does not end the address.
_ITEM = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+')


def read_recipients(values: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses in headers or query values, each of which may be a comma-separated list, without doubles.

    Raises:
        EnvelopeError: one is malformed, or there are more than MOST_RECIPIENTS.
    """
    found: dict[str, None] = {}
    for value in values:
        for item in _ITEM.findall(value):
            if item.strip():
                found[_address(item)] = None
    if len(found) > MOST_RECIPIENTS:
        raise EnvelopeError(f"more than {MOST_RECIPIENTS} recipients")
    return tuple(found)


def read_sender(value: str) -> str:
    """Return the return path, "" for the null one ("<>" or MAILER-DAEMON without a domain) or none.

    Raises:
        EnvelopeError: it is malformed.
    """
    text = value.strip()
    # Postfix's pipe(8) and Exim give the null return path as an empty word, sendmail as MAILER-DAEMON.
    if text in ("", "<>", "MAILER-DAEMON"):
        return ""
    return _address(text)


def _address(text: str) -> str:
    address = text.strip()
    if address.startswith("<") and address.endswith(">"):
        address = address[1:-1].strip()
    local, at, domain = address.rpartition("@")
    # Without a domain it is a local name, as in /etc/aliases.
    local, domain = (local, domain) if at else (domain, "")
    plain = "" if len(local) > 1 and local[0] == local[-1] == '"' else local
    is_wrong = _NOWHERE.search(address) or _FORBIDDEN.search(plain + domain)
    if not local or (at and not domain) or len(address) > _LONGEST or is_wrong:
        raise EnvelopeError("malformed address")
    return address
