# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""DMARC: what a domain says about mail in its name, and which other domains may speak for it.

RFC 7489, with organizational domains found by the DNS tree walk of its successor (RFC 9989 §4.10), which needs no list
of public suffixes. Where a domain publishes nothing only the very same domain speaks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Texts = Callable[[str], tuple[str, ...]]

# RFC 9989 §4.10: of a longer name the seven last labels are asked for, so that nobody is asked more than eight times.
_MOST_LABELS = 8
_POLICIES = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """Attributes:
    policy: none, quarantine or reject.
    subdomain_policy: of the domains below.
    is_strict_dkim, is_strict_spf: only the very same domain is aligned.
    is_public_suffix: psd=y gives True, psd=n False, anything else None.
    """

    policy: str = "none"
    subdomain_policy: str = "none"
    is_strict_dkim: bool = False
    is_strict_spf: bool = False
    is_public_suffix: bool | None = None


@dataclass(frozen=True, slots=True)
class DmarcWalk:
    """Attributes:
    domain: where the walk began.
    records: (domain, DmarcRecord) found on the way, from the longest name to the shortest.
    """

    domain: str
    records: tuple[tuple[str, DmarcRecord], ...] = ()

    @property
    def organizational_domain(self) -> str:
        """RFC 9989 §4.10.2."""
        for name, record in self.records:
            if record.is_public_suffix is False:
                return name
            if record.is_public_suffix and name != self.domain:
                # One label below the public suffix, on the way to where the walk began.
                labels = self.domain.split(".")
                return ".".join(labels[-(name.count(".") + 2) :])
        return self.records[-1][0] if self.records else self.domain

    @property
    def record(self) -> DmarcRecord | None:
        """The record that holds for the domain: its own, or its organizational domain's."""
        by_name = dict(self.records)
        return by_name.get(self.domain) or by_name.get(self.organizational_domain)

    @property
    def policy(self) -> str:
        """What the domain wants done with mail that fails: none, quarantine, reject; "" when it says nothing."""
        record = self.record
        if record is None:
            return ""
        return record.policy if self.domain in dict(self.records) else record.subdomain_policy


def parse_record(text: str) -> DmarcRecord | None:
    """Return a DMARC record; None for any other text. Values that are wrong count as not there (RFC 7489 §6.3)."""
    tags: dict[str, str] = {}
    for number, part in enumerate(text.split(";")[:40]):
        name, equals, value = part.partition("=")
        name, value = name.strip().lower(), value.strip()
        if number == 0 and (name != "v" or value != "DMARC1"):
            return None
        if equals:
            tags.setdefault(name, value.lower())
    policy = tags.get("p", "")
    policy = policy if policy in _POLICIES else "none"
    below = tags.get("sp", "")
    below = below if below in _POLICIES else policy
    if tags.get("t") == "y" or tags.get("pct") == "0":
        # The domain is still trying it out, and asks nobody to act.
        policy = below = "none"
    return DmarcRecord(
        policy,
        below,
        tags.get("adkim") == "s",
        tags.get("aspf") == "s",
        {"y": True, "n": False}.get(tags.get("psd", "")),
    )


def walk(domain: str, texts: Texts) -> DmarcWalk:
    """Walk from a domain (ASCII form) to the top and collect what is published.

    Args:
        texts: returns the TXT records of a name; its errors pass through.
    """
    labels = domain.split(".")
    names = [domain]
    rest = labels[1:] if len(labels) < _MOST_LABELS else labels[-(_MOST_LABELS - 1) :]
    names.extend(".".join(rest[start:]) for start in range(len(rest)))
    records = []
    for name in names:
        found = [record for text in texts(f"_dmarc.{name}") if (record := parse_record(text))]
        # RFC 9989 §4.10: of several at one name none counts.
        if len(found) == 1:
            records.append((name, found[0]))
            if found[0].is_public_suffix is not None:
                break
    return DmarcWalk(domain, tuple(records))


def is_aligned(domain: str, other: str, texts: Texts, *, for_spf: bool = False) -> bool:
    """Return whether what ``other`` proved also proves mail in the name of ``domain`` (RFC 7489 §3.1).

    The DNS is only asked where the answer is not plain. Its errors pass through.
    """
    if domain == other:
        return True
    if not may_be_aligned(domain, other):
        return False
    mine = walk(domain, texts)
    record = mine.record
    if record is None or (record.is_strict_spf if for_spf else record.is_strict_dkim):
        return False
    return walk(other, texts).organizational_domain == mine.organizational_domain


def may_be_aligned(domain: str, other: str) -> bool:
    """Return whether two domains could have one organizational domain: they share a last part of two labels."""
    return bool(domain and other) and "." in domain and domain.split(".")[-2:] == other.split(".")[-2:]
