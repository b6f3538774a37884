# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A record that a domain needs in the DNS, and what a look at it gave."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class RecordKind(str, Enum):
    """What a record is for. The values are stored."""

    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    MX = "mx"
    RETURN_PATH = "return_path"


RECORD_KIND_WORDS = {
    RecordKind.SPF: "SPF",
    RecordKind.DKIM: "DKIM",
    RecordKind.DMARC: "DMARC",
    RecordKind.MX: "MX",
    RecordKind.RETURN_PATH: "Return Path",
}


class RecordState(str, Enum):
    """How it stands with a record, or with a domain: the worst of its records. The values are stored.

    UNKNOWN is no judgement: the DNS gave no answer. It never counts as wrong.
    """

    NEW = "new"
    RIGHT = "right"
    WARNING = "warning"
    WRONG = "wrong"
    UNKNOWN = "unknown"


RECORD_STATE_WORDS = {
    RecordState.NEW: "Not Checked",
    RecordState.RIGHT: "Right",
    RecordState.WARNING: "Could Be Better",
    RecordState.WRONG: "Wrong",
    RecordState.UNKNOWN: "Unknown",
}

_WORST_FIRST = (RecordState.WRONG, RecordState.UNKNOWN, RecordState.NEW, RecordState.WARNING, RecordState.RIGHT)


@dataclass(frozen=True)
class NeededRecord:
    """A record that should be in the DNS.

    Attributes:
        name: full, lower-case, without the last dot: "odoo._domainkey.example.org". ASCII form.
        expected: the value; "" where only the provider knows it and that there is one is all that can be said.
        reason: who needs it, for people: "key of this database".
        record_type: TXT, CNAME or MX.
        is_required: without it mail is refused or lost; else it would only be better.
    """

    kind: RecordKind
    name: str
    expected: str
    reason: str = ""
    record_type: str = "TXT"
    is_required: bool = True


@dataclass(frozen=True)
class CheckedRecord:
    """A needed record as it was found.

    Attributes:
        verdict: stable code of what is said of it; the words stand in models/spp_email_domain_words.py.
        seen: what is published, a line each; "" for nothing.
        expected: what should be published, ready to copy; "" where nothing has to change or nobody can say.
        facts: what the words name, text by name.
    """

    needed: NeededRecord
    state: RecordState
    verdict: str
    seen: str = ""
    expected: str = ""
    facts: dict[str, str] = field(default_factory=dict)


def worst(states: Iterable[RecordState]) -> RecordState:
    """Return what holds for the whole; NEW for nothing at all."""
    found = set(states)
    return next((state for state in _WORST_FIRST if state in found), RecordState.NEW)


def relative_name(name: str, zone: str) -> str:
    """Return a name as most DNS hosts want it typed: without the zone, "@" for the zone itself.

    Args:
        name, zone: full, lower-case, without the last dot. A name outside of the zone comes back whole.
    """
    if name == zone:
        return "@"
    return name.removesuffix("." + zone) if zone else name
