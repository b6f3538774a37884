# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""All the ways in which one person's address may stand in the database, and what stays of it when it is erased."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

import idna

from .summary import sole_address
from .suppression_address import suppression_address

# Before the digest of an address that is erased. No address begins like this: ":" is not allowed there.
ERASED = "erased:"
# Domain that can never be anybody's (RFC 2606 §2).
ERASED_DOMAIN = "erased.invalid"


@dataclass(frozen=True, slots=True)
class PersonAddress:
    """One address as it may be written.

    Attributes:
        address: as the suppression list compares it; lower-case, the domain as people read it.
        plain: all forms, lower-case: the domain as people read it and in ACE (RFC 5891), the local part in both normal
            forms of Unicode.
        details: patterns for SQL's LIKE of its subaddresses (ann+news@, RFC 5233), [] when they are not meant.
    """

    address: str
    plain: tuple[str, ...]
    details: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What stays of it: known again by whoever has the address, and read by nobody."""
        return erased_address(self.address)


def person_address(text: str, *, with_details: bool = True) -> PersonAddress:
    """Return the forms of an address that a person typed, with a name or without, in any case.

    Raises:
        ValueError: it is no address, or several.
    """
    found = sole_address(text) or text
    address = suppression_address(found)
    # getaddresses() makes an address of nearly everything: it has to stand there as it is.
    if not address or text.count("@") != 1 or found.lower() not in text.lower():
        raise ValueError("not one address")
    local, _at, domain = address.rpartition("@")
    locals_ = dict.fromkeys([local, unicodedata.normalize("NFD", local)])
    domains = dict.fromkeys([domain, _ace(domain)])
    plain = [f"{one}@{other}" for one in locals_ for other in domains]
    if "+" in local or not with_details:
        return PersonAddress(address, tuple(plain))
    details = [f"{as_pattern(one)}+%@{as_pattern(other)}" for one in locals_ for other in domains]
    return PersonAddress(address, tuple(plain), tuple(details))


def erased_address(address: str) -> str:
    """Return what an erased address is known by: a digest of a form of `suppression_address`."""
    # No secret is in it: with a lost one, who asked not to be written to would be written to again.
    return ERASED + hashlib.sha256(f"spp_email_gateway erased address {address}".encode()).hexdigest()


def without_address(text: str, person: PersonAddress) -> str:
    """Return a text in which the person's addresses, in any case, are replaced by one that is nobody's."""
    forms = "|".join(re.escape(one) for one in sorted(person.plain, key=len, reverse=True))
    return re.sub(forms, f"erased@{ERASED_DOMAIN}", text, flags=re.IGNORECASE)


def _ace(domain):
    try:
        return idna.encode(domain, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return domain


def as_pattern(text: str) -> str:
    """Return a text with which LIKE finds just this text."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
