# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The conversation of one reading session: the network is spoken to here, the database is asked for by yielding."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

from .errors import ConfigurationError, GatewayError
from .mailbox import AfterKind, Entry, Fetched, MailboxReader, Selection
from .reading_request import Arrived, Failed, Key, Known, Listed, PassedOver, ReadingResult, Rules

# Messages that are journaled in one transaction and acknowledged in one command, and their bytes.
BATCH_MESSAGES = 25
BATCH_BYTES = 8 * 1024 * 1024
# Where a failure in these phases comes from, the next folder would only meet it again.
_SESSION_PHASES = {"resolve", "connect", "greeting", "tls", "login"}

NO_RULES = Rules()
Request = Listed | Arrived | PassedOver | Failed
Reading = Generator[Request, Any, ReadingResult]


def read_mailbox(
    opening: Callable[[], MailboxReader],
    selections: Sequence[Selection] = (Selection(),),
    rules: Rules = NO_RULES,
    *,
    limit: int,
    clock: Callable[[], float] = time.monotonic,
) -> Reading:
    """Read one mailbox, folder after folder: list, fetch, have it journaled, and only then tell the server.

    The generator makes no other use of the database than by what it yields, so it may run in a thread. An exception
    thrown into it ends the session: what was journaled before stays journaled, and what the server was not told is
    recognised and told by the next session.

    Args:
        opening: makes the reader, which is used in a ``with`` block.
        selections: what to read; a folder that fails does not stop those after it.
        limit: messages that are taken from each folder.
        clock: seconds that only grow.

    Yields:
        requests (Listed, Arrived, PassedOver, Failed): see there for the answer that is to be sent.

    Raises:
        GatewayError, ConfigurationError: the mailbox could not be opened. Later failures are in the result.
    """
    result = ReadingResult()
    end = clock() + rules.seconds if rules.seconds else math.inf
    is_open = False
    try:
        with opening() as reader:
            is_open = True
            reader.after = rules.after
            for selection in selections:
                if clock() >= end:
                    result.more |= bool(result.new)
                    break
                try:
                    reader.enter(selection)
                    folder = _Folder(reader, selection, rules, limit, result, lambda: clock() >= end)
                    yield from folder.read()
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


class _Folder:
    """The conversation about one folder, which has been entered."""

    def __init__(self, reader, selection, rules, limit, result, is_late):
        self.reader: MailboxReader = reader
        self.selection: Selection = selection
        self.rules: Rules = rules
        self.limit: int = limit
        self.result: ReadingResult = result
        self.is_late: Callable[[], bool] = is_late
        self.failure: GatewayError | ConfigurationError | None = None
        # Keys of what needs nothing any more.
        self.complete: set[Key] = set()

    def read(self) -> Generator:
        if self.selection.is_new and self.rules.most_at_first is not None:
            count = self.reader.count()
            if count > self.rules.most_at_first:
                self.result.unstarted[self.selection.folder] = count
                return
        # One more than wanted tells whether anything is left behind.
        waiting = self.reader.waiting(self.limit + 1)
        is_full = len(waiting) > self.limit
        known = yield Listed(tuple(waiting))
        if is_full and all(entry.key in known for entry in waiting):
            # A server that forgets flags lists the same known ones for ever; what is new stands behind them. So it
            # does behind those that are left on the server.
            waiting = self.reader.waiting()
            known = yield Listed(tuple(waiting))
        # Some servers reuse the name of an entry for another message: the size tells it before it is acknowledged
        # unread. Where a server counts otherwise than we do, a known message is only fetched once more.
        repeated = [
            entry for entry in waiting if entry.key in known and known[entry.key].size in (None, entry.size)
        ]
        seen = {entry.key for entry in repeated}
        unknown = [entry for entry in waiting if entry.key not in seen][: self.limit]
        passed: list[Entry] = []
        if self.selection.since and unknown:
            passed = self.reader.older(unknown, self.selection.since)
            if passed:
                yield PassedOver(tuple(passed))
                gone = {entry.key for entry in passed}
                unknown = [entry for entry in unknown if entry.key not in gone]
        before = self.result.new
        yield from self._take_all(unknown)
        # Where sessions died after the journal and before the server was told. Last, so that a refusal does not keep
        # new messages waiting.
        self._try(self._tell_again, repeated, known)
        if self.rules.tells and self.rules.after.kind in (AfterKind.DELETE, AfterKind.MOVE) and not self.failure:
            yield from self._expunge_marked()
        if self.rules.files_failed and not self.failure:
            yield from self._file_failed()
        if self.selection.keeps_floor:
            self._raise_floor(waiting)
        if self.selection.is_new:
            self.result.met.append(self.selection.folder)
        if self.failure:
            raise self.failure
        # Without any progress another round would only find the same. Messages that the server numbered anew are
        # nothing new, but those behind them may be.
        is_higher = self.result.floors.get(self.selection.folder, self.selection.floor) != self.selection.floor
        is_further = self.result.new > before or bool(passed) or is_higher
        self.result.more |= (is_full or self.is_late()) and is_further

    def _try(self, act: Callable, *arguments) -> None:
        """Note a failure, so that what comes next is done all the same."""
        try:
            act(*arguments)
        except (GatewayError, ConfigurationError) as error:
            self.failure = self.failure or error

    def _take_all(self, unknown: Sequence[Entry]) -> Generator:
        most = self.rules.size_limit
        small = [entry for entry in unknown if not most or entry.size <= most]
        large = [entry for entry in unknown if most and entry.size > most]
        yield from self._take_batches(self.reader.fetch(small))
        if large and not self.failure and not self.is_late():
            yield from self._take_batches(self.reader.headers(large))

    def _take_batches(self, arriving: Iterator[Fetched]) -> Generator:
        batch: list[Fetched] = []
        size = 0
        while not self.is_late():
            try:
                fetched = next(arriving, None)
            except GatewayError as error:
                # What was read before the failure is whole: it goes into the journal all the same.
                self.failure = self.failure or error
                break
            if fetched is None:
                break
            batch.append(fetched)
            size += len(fetched.content)
            if len(batch) >= BATCH_MESSAGES or size >= BATCH_BYTES:
                complete, batch, size = batch, [], 0
                yield from self._take(complete)
                if self.failure:
                    return
        yield from self._take(batch)

    def _take(self, batch: Sequence[Fetched]) -> Generator:
        if not batch:
            return
        self.result.new += yield Arrived(tuple(batch))
        whole = [fetched.entry for fetched in batch if fetched.is_whole]
        # What is too large stays as it is: its body is nowhere else.
        self.complete.update(fetched.entry.key for fetched in batch if not fetched.is_whole)
        if not self.rules.tells:
            self.complete.update(entry.key for entry in whole)
        elif not self.rules.told_before:
            # Committed: only now may the server forget or flag them.
            self._try(self._tell, whole)

    def _tell(self, entries: Sequence[Entry]) -> None:
        if entries:
            self.reader.acknowledge(entries)
            keys = [entry.key for entry in entries]
            self.result.told.extend(keys)
            self.complete.update(keys)

    def _tell_again(self, repeated: Sequence[Entry], known: Mapping[Key, Known]) -> None:
        untold = []
        for entry in repeated:
            journaled = known[entry.key]
            if journaled.is_resting:
                continue
            if journaled.is_held or not self.rules.tells:
                self.complete.add(entry.key)
            elif self.rules.told_before and not (journaled.since and journaled.since < self.rules.told_before):
                continue
            elif journaled.is_told and self.selection.keeps_floor:
                # Where no flag tells them apart it is listed again for other reasons.
                self.complete.add(entry.key)
            else:
                untold.append(entry)
        self._tell(untold)

    def _expunge_marked(self) -> Generator:
        """End what a session began that died after it had marked messages deleted, and before they were expunged.

        Only what the journal has, and of which nobody has heard that the server was told: what people marked is theirs.
        """
        marked = self.reader.marked()
        if not marked:
            return
        known = yield Listed(tuple(marked))
        ours = [
            entry
            for entry in marked
            if entry.key in known
            and known[entry.key].size in (None, entry.size)
            and not (known[entry.key].is_told or known[entry.key].is_held)
        ]
        if ours:
            self._try(self._expunge, ours)

    def _expunge(self, entries: Sequence[Entry]) -> None:
        self.reader.expunge(entries)
        self.result.told.extend(entry.key for entry in entries)

    def _file_failed(self) -> Generator:
        entries = yield Failed(self.selection.folder)
        if entries:
            self._try(self._file, entries)

    def _file(self, entries: Sequence[tuple[Entry, str]]) -> None:
        self.reader.file_failed(entries)
        self.result.filed.extend(entry.key for entry, _message_id in entries)

    def _raise_floor(self, waiting: Sequence[Entry]) -> None:
        # Listed in the order of their UIDs, which only grow: what comes later is above.
        last = None
        for entry in waiting:
            if entry.key not in self.complete:
                break
            last = entry
        if last and last.uid_validity:
            self.result.floors[self.selection.folder] = (last.uid_validity, int(last.uid))
