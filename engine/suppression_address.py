# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The one form in which an address is compared with the suppression list."""

from __future__ import annotations

import unicodedata

import idna

from .from_policy import is_address

# RFC 5321 §4.5.3.1: 64 octets, "@", 255 octets.
LONGEST = 320
_ACE = "xn--"


def suppression_address(text: str) -> str:
    """Return the form of a bare address in which it is listed; "" when it is no address.

    Lower-case, the domain as people read it: a report names xn--bcher-kva.example where the contact has
    bücher.example, and both are one mailbox. Two addresses of one person (ann+news@, a.nn@) stay two: what is dead at
    one need not be at the other.
    """
    address = text.strip()
    if address.startswith("<") and address.endswith(">"):
        address = address[1:-1].strip()
    if not address or len(address.encode("utf-8", "replace")) > LONGEST:
        return ""
    # RFC 6532 §3.1: internationalised fields are in normalization form C.
    local, _at, domain = unicodedata.normalize("NFC", address).rpartition("@")
    # RFC 5321 §2.4 leaves the case of the local part to its host; none in use tells ann from Ann.
    found = f"{local.lower()}@{_readable(domain.lower().removesuffix('.'))}"
    return found if is_address(found) else ""


def _readable(domain: str) -> str:
    if domain.isascii() and _ACE not in domain:
        return domain
    try:
        return idna.decode(idna.encode(domain, uts46=True))
    except (idna.IDNAError, UnicodeError):
        # What no registry would take is compared as it is written.
        return domain
