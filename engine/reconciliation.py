# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a mail server has and neither the journal nor any record knows."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from .inventory import ImapInventory, Item, PopInventory
from .mailbox import Entry
from .reading import Arrived, Listed, Reading
from .reading_request import Known, ReadingResult

# Headers that are asked for before the clock is looked at.
PORTION = 100
_COUNTS = ("total", "looked_at", "journaled", "recorded", "waiting")


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a mailbox and the journal compare.

    Attributes:
        total: messages that the server has since the date asked for; those looked at may be fewer.
        journaled: the journal has the very entry.
        recorded: a record's chatter, or the journal by another name, has the Message-ID.
        waiting: not taken yet; the next check does it.
        missing: what nobody knows, newest first.
        is_cut: time or number of messages was not enough for all.
    """

    total: int
    looked_at: int
    journaled: int
    recorded: int
    waiting: int
    missing: tuple[Item, ...]
    is_cut: bool


def compare(
    reader: ImapInventory | PopInventory,
    *,
    since: datetime,
    most: int,
    seconds: float,
    known_entries: Callable[[list[tuple[str, str, str]]], Collection[tuple[str, str, str]]],
    known_message_ids: Callable[[list[str]], Collection[str]],
    clock: Callable[[], float] = time.monotonic,
) -> Comparison:
    """Compare the newest `most` messages of a mailbox with what is known here. Changes nothing, there or here.

    Args:
        since: UTC; older messages do not count.
        seconds: after so long no more headers are asked for.
        known_entries: which of these Entry.key the journal has.
        known_message_ids: which of these Message-IDs any record or the journal has.

    Raises:
        GatewayError: the server failed.
    """
    end = clock() + seconds
    inventory = reader.inventory(since.date(), most)
    items = [item for item in inventory.items if item.arrived is None or item.arrived >= since]
    known = set(known_entries([item.entry.key for item in items]))
    unknown = [item for item in items if item.entry.key not in known]
    # IMAP: what is unseen is what the next check takes. POP has no mark, so that all unknown ones are looked at.
    waiting = [item for item in unknown if item.entry.folder and not item.is_seen]
    asked = [item for item in unknown if not item.entry.folder or item.is_seen]
    missing: list[Item] = []
    recorded, old, is_cut = 0, 0, inventory.total > len(inventory.items)
    for start in range(0, len(asked), PORTION):
        if clock() > end:
            is_cut = True
            break
        described = reader.describe(asked[start : start + PORTION])
        there = set(known_message_ids([item.message_id for item in described if item.message_id]))
        for item in described:
            if item.message_id in there:
                recorded += 1
            elif item.arrived and item.arrived < since:
                old += 1
            else:
                missing.append(item)
    return Comparison(inventory.total, len(items) - old, len(known), recorded, len(waiting), tuple(missing), is_cut)


def add_up(comparisons: Iterable[Comparison]) -> Comparison:
    """What several folders have together."""
    comparisons = list(comparisons)
    return Comparison(
        *(sum(getattr(one, name) for one in comparisons) for name in _COUNTS),
        tuple(item for one in comparisons for item in one.missing),
        any(one.is_cut for one in comparisons),
    )


def take_in(opening: Callable[[], ImapInventory | PopInventory], entries: Iterable[Entry]) -> Reading:
    """Have these messages journaled, as a generator like engine.reading.read_mailbox. The server is told nothing.

    Seen they are already; and a mailbox that deletes or moves what it took has not taken these by itself.
    """
    result = ReadingResult()
    entries = list(entries)
    with opening() as reader:
        known: dict[tuple[str, str, str], Known] = yield Listed(tuple(entries))
        for fetched in reader.fetch([entry for entry in entries if _is_wanted(known.get(entry.key))]):
            # One by one: what was read before a failure stays.
            result.new += yield Arrived((fetched,))
    return result


def _is_wanted(known: Known | None) -> bool:
    # Passed over at the first contact: without a size.
    return known is None or (known.is_held and known.size is None)
