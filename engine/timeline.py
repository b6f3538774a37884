# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What happened to one message, in order, whatever tables told it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

# Of things at one moment, what comes first: a message arrives before it is posted, and is posted before it is sent on.
_ORDER = ("spp.email.inbound", "mail.message", "mail.mail", "spp.email.delivery", "spp.email.suppression")
# As decisions are remembered: "user 2 (Ann), 2026-05-04 12:00:00 UTC"
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One thing that happened, or will.

    Attributes:
        moment: naive UTC; None where nobody knows when.
        model, record_id: the row that tells it.
        words: for people.
        is_problem: a person may have to look at it.
        is_ahead: it has not happened yet.
    """

    moment: datetime | None
    model: str
    record_id: int
    words: str
    is_problem: bool = False
    is_ahead: bool = False


def timeline(entries: Iterable[TimelineEntry]) -> tuple[TimelineEntry, ...]:
    """Return the entries in the order in which they happened, each once.

    What lies ahead comes last. An entry without a moment follows the one that was given before it for the same row, or
    stands at the beginning where there is none.
    """
    known: dict[tuple[str, int], datetime] = {}
    placed = []
    for number, entry in enumerate(dict.fromkeys(entries)):
        row = entry.model, entry.record_id
        moment = entry.moment or known.get(row) or datetime.min
        known[row] = moment
        rank = _ORDER.index(entry.model) if entry.model in _ORDER else len(_ORDER)
        placed.append((entry.is_ahead, moment, rank, number, entry))
    return tuple(entry for *_place, entry in sorted(placed, key=lambda place: place[:4]))


def moment_of(text: str) -> datetime | None:
    """Return the time in a remembered decision, None where it has none."""
    found = _MOMENT.search(text or "")
    try:
        return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S") if found else None
    except ValueError:
        return None


def as_text(entries: Iterable[TimelineEntry]) -> str:
    """Return one line an entry, in UTC, with the rows' ids, by which the log can be joined."""
    lines = []
    for entry in entries:
        moment = f"{entry.moment:%Y-%m-%d %H:%M:%S}" if entry.moment else " " * 19
        mark = "!" if entry.is_problem else "…" if entry.is_ahead else " "
        lines.append(f"{moment} {mark} {entry.model} {entry.record_id}: {entry.words}")
    return "\n".join(lines)
