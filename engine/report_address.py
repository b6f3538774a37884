# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Addresses as reports write them."""

from __future__ import annotations

import re

from .summary import addresses

# Octets of an address: RFC 5321 §4.5.3.1 allows 64 + 1 + 255.
_LONGEST = 320
ADDRESS = re.compile(r"[^\s<>()\[\]{}:;,\"'`|\\@]{1,64}@[^\s<>()\[\]{}:;,\"'`|\\@/=!?*]{1,255}")
_TYPED = re.compile(r"^\s*[A-Za-z0-9.-]{1,40}\s*;\s*")
_SOURCE_ROUTE = re.compile(r"^@[^:@\s]{1,255}(?:,@[^:@\s]{1,255})*:")
# RFC 6533 §3: characters beyond ASCII in an address of type utf-8.
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


def typed_address(value: str) -> str:
    """Return the address in a field such as ``rfc822; ann@example.com`` (RFC 3464 §2.1.2), lower-case; "" for none.

    The type may be missing, and angle brackets, a name or a source route may be there.
    """
    return bare_address(_TYPED.sub("", value[:2000], count=1))


def bare_address(value: str) -> str:
    """Return the one address that a value consists of, lower-case; "" for a path, a program or several words."""
    text = value.strip()
    text = _EMBEDDED.sub(_character, text)
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1]
    text = _SOURCE_ROUTE.sub("", text.strip().strip("\"'"))
    # What is not printable, such as bytes that are no text, is no address, and no database keeps it.
    if text.startswith(("|", "/")) or not ADDRESS.fullmatch(text) or not text.isprintable():
        return ""
    return text.lower().rstrip(".") if len(text.encode("utf-8", "replace")) <= _LONGEST else ""


def listed_addresses(value: str, most: int = 50) -> list[str]:
    """Return up to ``most`` addresses of a To-like field, lower-case, that can be addresses at all."""
    return [one for one in map(bare_address, addresses(value, most)) if one]


def found_addresses(text: str, most: int = 50) -> list[str]:
    """Return the different addresses that stand in a text, lower-case, in order."""
    found: dict[str, None] = {}
    for match in ADDRESS.finditer(text):
        address = match[0].lower().rstrip(".").removeprefix("mailto:")
        domain = address.rpartition("@")[2]
        if "." in domain and address.isprintable() and len(address.encode("utf-8", "replace")) <= _LONGEST:
            found[address] = None
            if len(found) >= most:
                break
    return list(found)


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    # A surrogate or a number beyond Unicode is no character.
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else ""
