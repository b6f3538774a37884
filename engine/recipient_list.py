# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""To whom a database may write: lists of addresses and domains, for test databases above all."""

from __future__ import annotations

from collections.abc import Collection

from .from_policy import is_address
from .server_choice import names

# An entry that stands for everybody.
EVERYBODY = "*"


def clean_entry(value: str) -> str:
    """Return an entry as it is compared: an address, a domain, ".domain" with its subdomains, or "*"; lower-case.

    Raises:
        ValueError: it is none of these; the text says so.
    """
    entry = value.strip().lower().removeprefix("@")
    address = entry if "@" in entry else f"anybody@{entry.removeprefix('.')}"
    if entry != EVERYBODY and not is_address(address):
        raise ValueError(
            f"“{value}” is neither an address (ann@your-domain.org) nor a domain (your-domain.org), "
            "nor a domain with its subdomains (.your-domain.org), nor * for everybody."
        )
    return entry


def refusal(recipient: str, allowed: Collection[str], denied: Collection[str]) -> str:
    """Return why a recipient may not be written to, in words; "" when it may.

    Args:
        recipient: bare lower-case address.
        allowed: entries as `clean_entry` returns them; empty admits everybody who is not denied.
        denied: entries; they win over the allowed ones, and an address that is allowed by itself over them.
    """
    # The closest entry decides: "nobody but ann" is said as deny *, allow ann.
    if recipient in denied:
        return f"The deny list of this database has {recipient}."
    if recipient in allowed:
        return ""
    entry = _entry(recipient, denied)
    if entry:
        return f"The deny list of this database has {entry}."
    if allowed and not _entry(recipient, allowed):
        return "The allow list of this database does not have this address."
    return ""


def _entry(recipient: str, entries: Collection[str]) -> str:
    """Return the entry that stands for a recipient, "" when none does."""
    if EVERYBODY in entries:
        return EVERYBODY
    return next((entry for entry in sorted(entries) if names((entry,), recipient)), "")
