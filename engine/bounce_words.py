# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a server's words give as the reason for a refusal."""

from __future__ import annotations

import re
from functools import lru_cache

from .bounce_phrases import FAMILIES
from .bounce_reason import BounceReason

_LONGEST = 2_000
# A reply of several lines repeats code and status in the middle of sentences.
_REPEATED = re.compile(r"\b[245]\d\d-(?:#?[245]\.\d{1,3}\.\d{1,3}\b)?|\b[245]\d\d [245]\.\d{1,3}\.\d{1,3}\b")
# Words in an address, "spam@" or "unknown-user@", say nothing.
_ADDRESSES = re.compile(r"<?[^\s<>()\[\]:;,\"']{1,64}@[^\s<>()\[\]:;,\"']{1,255}>?")
_LINKS = re.compile(r"https?://\S+")
_BLANKS = re.compile(r"\s+")

# Said of nobody by name: ": User unknown" is how filters refuse what they had accepted, "<ann@…>: User unknown" is not.
_BARE = re.compile(
    r"(?<!@: )(?<!@)(?<!@ )(?<!@\.\.\. )(?<!@\. )\b(?:(?:user|recipient) (?:is )?(?:unknown|not found)"
    r"|unknown (?:user|recipient)"
    r"(?! ?:? ?[\w@]))\b",
    re.IGNORECASE,
)
_ACCOUNT = re.compile(r"[^.]*\baccount\b[^.]*", re.IGNORECASE)

_PATTERNS = tuple((reason, re.compile("|".join(phrases), re.IGNORECASE)) for reason, *phrases in FAMILIES)


def flat_words(text: str) -> str:
    """Return one bounded line without the codes that a server repeats in each line of its answer, and without links."""
    flat = _BLANKS.sub(" ", text[: 2 * _LONGEST])
    return _BLANKS.sub(" ", _REPEATED.sub(" ", flat)).strip()[:_LONGEST]


def is_about_nobody(text: str) -> bool:
    """Return whether a text says "user unknown" and the like without a name or a sentence that says of whom."""
    flat = _ADDRESSES.sub("@", flat_words(text))
    rest = _BARE.sub(" ", flat)
    if rest == flat:
        return False
    return not any(pattern.search(rest) for reason, pattern in _PATTERNS if reason is BounceReason.ADDRESS_UNKNOWN)


def is_about_an_account(text: str) -> bool:
    """Return whether a text speaks of a missing account at a provider, and of no address, user or mailbox."""
    flat = _ADDRESSES.sub("@", flat_words(text))
    rest = _ACCOUNT.sub(" ", flat)
    return rest != flat and not any(p.search(rest) for r, p in _PATTERNS if r is BounceReason.ADDRESS_UNKNOWN)


@lru_cache(maxsize=4)  # asked twice for each recipient
def find_reasons(text: str) -> tuple[BounceReason, ...]:
    """Return the reasons whose words stand in a text, the first one is the reason."""
    flat = flat_words(text)
    # A link names what it is about, "…/p/?spf"; the words before it say more.
    flat = _ADDRESSES.sub("@", flat)
    plain = _LINKS.sub(" ", flat)
    found = [reason for reason, pattern in _PATTERNS if pattern.search(plain)]
    if not found and plain != flat:
        found = [reason for reason, pattern in _PATTERNS if pattern.search(flat)]
    return tuple(dict.fromkeys(found))
