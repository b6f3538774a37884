# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether the DNS shows the public part of a key of ours, and how its record is written down for people."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from enum import Enum

from .dkim_key import tags_of

# RFC 1035 §3.3: a string of a TXT record has at most 255 octets; longer values are several strings.
_LONGEST_STRING = 255
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
FIRST_SELECTOR = "odoo"


class Publication(str, Enum):
    """What the DNS shows under a key's name."""

    RIGHT = "right"
    MISSING = "missing"
    OTHER = "other"
    REVOKED = "revoked"
    SEVERAL = "several"
    TRIAL = "trial"


PUBLICATION_WORDS = {
    Publication.RIGHT: "The DNS shows this key.",
    Publication.MISSING: "The DNS shows no record of this name yet. New records take minutes, sometimes hours.",
    Publication.OTHER: "The DNS shows another key, or only a part of this one. Compare it from its first to its last "
    "character.",
    Publication.REVOKED: "The DNS shows a record without a key (p= is empty), which takes the key back.",
    Publication.SEVERAL: "The DNS shows several records of this name, and receivers take any one of them. Leave one.",
    Publication.TRIAL: "The DNS shows this key with t=y: receivers take such mail as not signed. Take t=y out.",
}


def publication(texts: Sequence[str], record: str) -> Publication:
    """Return what TXT records say about a key.

    Args:
        texts: of the key's name.
        record: DkimPrivateKey.record() of it.
    """
    # Only what could be a key: some hosts answer for every name with other texts.
    found = [tags for text in texts if b"p" in (tags := tags_of(text.encode("utf-8", "replace")))]
    if not found:
        return Publication.MISSING
    if len(found) > 1:
        # RFC 6376 §3.6.2.2: which one is taken is nobody's to say.
        return Publication.SEVERAL
    (tags,) = found
    wanted = tags_of(record.encode())
    if not tags[b"p"].strip():
        return Publication.REVOKED
    if tags.get(b"k", b"rsa").strip().lower() != wanted[b"k"] or _bytes(tags[b"p"]) != _bytes(wanted[b"p"]):
        return Publication.OTHER
    flags = [flag.strip() for flag in tags.get(b"t", b"").split(b":")]
    return Publication.TRIAL if b"y" in flags else Publication.RIGHT


def strings_of(record: str) -> list[str]:
    """Return a record as the strings that a zone file has, of at most 255 octets each."""
    return [record[start : start + _LONGEST_STRING] for start in range(0, len(record), _LONGEST_STRING)]


def zone_value(record: str) -> str:
    """Return a record as it stands in a zone file: its strings in quotes, one after the other."""
    return " ".join(f'"{one}"' for one in strings_of(record))


def is_selector(text: str) -> bool:
    """Return whether a text may be a selector (RFC 6376 §3.1), lower-case."""
    return len(text) <= 63 and bool(_SELECTOR.fullmatch(text))


def next_selector(used: Sequence[str], first: str = FIRST_SELECTOR) -> str:
    """Return the first free one of odoo, odoo2, odoo3 and so on."""
    taken = {name.lower() for name in used}
    number = 1
    while (name := first if number == 1 else f"{first}{number}") in taken:
        number += 1
    return name


def _bytes(encoded: bytes) -> bytes | None:
    try:
        return base64.b64decode(b"".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
