# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The conversation of one reading session: the network is spoken to here, the database is asked for by yielding."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .errors import ConfigurationError, GatewayError
from .mailbox import Entry, Fetched, MailboxReader, Selection

# Messages that are journaled in one transaction and acknowledged in one command, and their bytes.
BATCH_MESSAGES = 25
BATCH_BYTES = 8 * 1024 * 1024
# Where a failure in these phases comes from, the next folder would only meet it again.
_SESSION_PHASES = {"resolve", "connect", "greeting", "tls", "login"}

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal knows of an entry.

    Attributes:
        size: octets that the server said it has.
    """

    size: int


@dataclass(frozen=True, slots=True)
class Listed:
    """Which of these does the journal know? Answer: a mapping of Entry.key to Known."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Arrived:
    """To be journaled and COMMITTED before it is answered. Answer: how many of them were new."""

    fetched: tuple[Fetched, ...]


@dataclass
class ReadingResult:
    """How a session went.

    Attributes:
        new: rows that the journal gained.
        more: whether messages were left behind that the next session can take.
        told: keys of the entries that the server was told about, and has confirmed.
        failures: what stopped a folder, by its name; "" is the end of the session itself.
    """

    new: int = 0
    more: bool = False
    told: list[Key] = field(default_factory=list)
    failures: dict[str, GatewayError | ConfigurationError] = field(default_factory=dict)

    @property
    def failure(self) -> GatewayError | ConfigurationError | None:
        """The first failure, None when all went well."""
        return next(iter(self.failures.values()), None)


Reading = Generator[Listed | Arrived, Mapping[Key, Known] | int, ReadingResult]


def read_mailbox(
    opening: Callable[[], MailboxReader], selections: Sequence[Selection] = (Selection(),), *, limit: int
) -> Reading:
    """Read one mailbox, folder after folder: list, fetch, have it journaled, and only then tell the server.

    The generator makes no other use of the database than by what it yields, so it may run in a thread. An exception
    thrown into it ends the session: what was journaled before stays journaled, and what the server was not told is
    recognised and told by the next session.

    Args:
        opening: makes the reader, which is used in a ``with`` block.
        selections: what to read; a folder that fails does not stop those after it.
        limit: messages that are taken from each folder.

    Yields:
        Listed, Arrived: see there for the answer that is to be sent.

    Raises:
        GatewayError, ConfigurationError: the mailbox could not be opened. Later failures are in the result.
    """
    result = ReadingResult()
    is_open = False
    try:
        with opening() as reader:
            is_open = True
            for selection in selections:
                try:
                    reader.enter(selection)
                    yield from _read_folder(reader, limit, result)
                except (GatewayError, ConfigurationError) as error:
                    result.failures[selection.folder] = error
                    if getattr(error, "phase", "") in _SESSION_PHASES:
                        break
    except GatewayError as error:
        if not is_open:
            raise
        # RFC 1939 §6: POP deletes what it was told to when the session ends well, so nothing was told.
        result.failures.setdefault("", error)
        result.told.clear()
    return result


def _read_folder(reader: MailboxReader, limit: int, result: ReadingResult) -> Generator:
    # One more than wanted tells whether anything is left behind.
    waiting = reader.waiting(limit + 1)
    is_full = len(waiting) > limit
    known = yield Listed(tuple(waiting))
    if is_full and len(known) == len(waiting):
        # A server that forgets flags lists the same known ones for ever; what is new stands behind them.
        waiting = reader.waiting()
        known = yield Listed(tuple(waiting))
    # Some servers reuse the name of an entry for another message: the size tells it before it is acknowledged
    # unread. Where a server counts otherwise than we do, a known message is only fetched once more.
    repeated = [entry for entry in waiting if entry.key in known and known[entry.key].size == entry.size]
    seen = {entry.key for entry in repeated}
    unknown = [entry for entry in waiting if entry.key not in seen][:limit]
    before, failure = result.new, None
    batch: list[Fetched] = []
    try:
        for fetched in reader.fetch(unknown):
            batch.append(fetched)
            if len(batch) >= BATCH_MESSAGES or sum(len(one.content) for one in batch) >= BATCH_BYTES:
                complete, batch = batch, []
                yield from _take(reader, complete, result)
    except GatewayError as error:
        # What was read before the failure is whole: it goes into the journal all the same.
        failure = error
    try:
        yield from _take(reader, batch, result)
    except GatewayError as error:
        failure = failure or error
    try:
        # An earlier session journaled these and died before it could tell the server. Last, so that a refusal does
        # not keep new messages waiting.
        _acknowledge(reader, repeated, result)
    except GatewayError as error:
        failure = failure or error
    if failure:
        raise failure
    # Without anything new another round would only find the same.
    result.more |= is_full and result.new > before


def _take(reader: MailboxReader, batch: Sequence[Fetched], result: ReadingResult) -> Generator:
    if batch:
        result.new += yield Arrived(tuple(batch))
        # Committed: only now may the server forget or flag them.
        _acknowledge(reader, [fetched.entry for fetched in batch], result)


def _acknowledge(reader: MailboxReader, entries: Iterable[Entry], result: ReadingResult) -> None:
    entries = list(entries)
    if entries:
        reader.acknowledge(entries)
        result.told.extend(entry.key for entry in entries)
