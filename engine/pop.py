# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reading a mailbox by POP3 (RFC 1939)."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from datetime import date

from .arrival import arrival
from .errors import GatewayError
from .mailbox import Entry, Fetched, MailboxReader, MailboxStatus, Selection
from .pop_session import PopSession

# After so many refusals in a row the last message is tried: if it is refused too, it is the server that is ill.
REFUSALS_IN_A_ROW = 3
# Once: where the second connection breaks too, the next session goes on.
RECONNECTIONS = 1
MOST_HEADERS = 1024 * 1024
DIGEST = "sha256:"
# RFC 1939 §7 allows 70 characters; an index takes some hundreds.
LONGEST_UIDL = 500


class PopReader(PopSession, MailboxReader):
    """`dial` opens the socket, `context` replaces the TLS context that `connection` asks for.

    Messages are known by their UIDL. Where the server has none, or gives two messages the same one, the SHA-256 of the
    content takes its place: `waiting` then reads those messages once just to name them.

    `deletions_confirmed` is None until something was acknowledged, False while the server has not confirmed it, and
    True after QUIT succeeded: only then are messages deleted (RFC 1939 §6).
    """

    def status(self) -> MailboxStatus:
        self._patience()
        with self._speaking("folder"):
            count, _size = self._wire.stat()
        return MailboxStatus("", count, count)

    def enter(self, selection: Selection) -> None:
        """A maildrop has no folders."""

    def count(self) -> int:
        return self.status().messages

    def last_uid(self) -> None:
        return None

    def waiting(self, limit: int | None = None) -> list[Entry]:
        self._list()
        entries = []
        for number, size in sorted(self._sizes.items()):
            if limit is not None and len(entries) >= limit:
                break
            if number in self._deleted:
                continue
            uid = self._uidls.get(number) or self._digest(number, size)
            if uid is None:
                continue
            self._numbers.setdefault(uid, number)
            if self._numbers[uid] == number:
                entries.append(Entry("", "", uid, size))
        return entries

    def _list(self) -> None:
        """Sizes and UIDLs once a session: RFC 1939 §4, the maildrop is locked and cannot change."""
        if self._sizes is not None:
            return
        self._patience()
        with self._speaking("list"):
            sizes = dict(_pair(line, int) for line in self._wire.list()[1])
        self._patience()
        uidls: dict[int, str] = {}
        try:
            with self._speaking("list"):
                uidls = dict(_pair(line, str) for line in self._wire.uidl()[1])
        except GatewayError:
            # RFC 1939 §7: UIDL is optional.
            if self._broken:
                raise
        # RFC 1939 §7 lets identical messages have the same UIDL; whether they are identical is not for us to trust.
        often = Counter(uidls.values())
        # One that RFC 1939 §7 does not allow could not be kept in the journal, and would stop the whole mailbox.
        self._uidls = {number: uid for number, uid in uidls.items() if often[uid] == 1 and _is_name(uid)}
        self._numbers = {uid: number for number, uid in self._uidls.items()}
        self._sizes = sizes

    def _digest(self, number: int, size: int) -> str | None:
        content = self._retrieve(number, size, "list")
        return None if content is None else DIGEST + hashlib.sha256(content).hexdigest()

    def fetch(self, entries: Iterable[Entry]) -> Iterator[Fetched]:
        self._list()
        refusal, in_a_row, reconnections = None, 0, 0
        refused: list[Entry] = []
        work = deque(entries)
        while work and in_a_row <= REFUSALS_IN_A_ROW:
            entry = work.popleft()
            number = self._number(entry)
            if number is None or number in self._deleted:
                continue
            try:
                content = self._retrieve(number, entry.size, "fetch")
            except GatewayError as error:
                # A server that has fallen silent would only make us wait as long again.
                if self._broken and (isinstance(error.__cause__, TimeoutError) or reconnections == RECONNECTIONS):
                    raise
                refusal, in_a_row = refusal or error, in_a_row + 1
                if self._broken:
                    # The one that it broke off at comes last, so that it cannot end the session once more before
                    # the others are here.
                    reconnections += 1
                    self._reopen()
                    work.append(entry)
                    refusal, in_a_row = None, 0
                    continue
                refused.append(entry)
                if in_a_row == REFUSALS_IN_A_ROW:
                    work.rotate(1)
                continue
            in_a_row = 0
            yield Fetched(entry, content)
        if refusal:
            if in_a_row <= REFUSALS_IN_A_ROW:
                refusal.entries = tuple(entry.key for entry in refused)
            raise refusal

    def _reopen(self) -> None:
        """Connect anew; what was to be deleted is marked again, since the marks went with the session (RFC 1939 §6)."""
        marked = [uid for uid, number in self._numbers.items() if number in self._deleted]
        self._abandon()
        self._sizes, self._uidls, self._numbers, self._deleted = None, {}, {}, set()
        self.open()
        self._list()
        self.acknowledge(Entry("", "", uid, 0) for uid in marked)

    def headers(self, entries: Iterable[Entry]) -> Iterator[Fetched]:
        self._list()
        for entry in entries:
            number = self._number(entry)
            if number is not None and number not in self._deleted:
                yield Fetched(entry, self._top(number, "fetch"), is_whole=False)

    def marked(self) -> list[Entry]:
        """Nothing: the mark ends with the session (RFC 1939 §6)."""
        return []

    def older(self, entries: Iterable[Entry], than: date) -> list[Entry]:
        found = []
        for entry in entries:
            number = self._number(entry)
            arrived = number is not None and arrival(self._top(number, "list"))
            if arrived and arrived.date() < than:
                found.append(entry)
        return found

    def _top(self, number: int, phase: str) -> bytes:
        """The header section; empty where the server cannot give it (RFC 1939 §7: TOP is optional)."""
        self._patience(MOST_HEADERS)
        try:
            with self._speaking(phase):
                return self._wire.retrieve(number, "TOP {} 0")
        except GatewayError:
            if self._broken:
                raise
            return b""

    def file_failed(self, entries: Iterable[tuple[Entry, str]]) -> None:
        """A maildrop has no folders."""

    def _number(self, entry: Entry) -> int | None:
        if entry.uid not in self._numbers and entry.uid.startswith(DIGEST):
            # Named in an earlier session: the names have to be made again.
            self.waiting()
        return self._numbers.get(entry.uid)

    def _retrieve(self, number: int, size: int, phase: str) -> bytes:
        self._patience(size)
        with self._speaking(phase):
            return self._wire.retrieve(number)

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        self._list()
        failure = None
        for entry in entries:
            number = self._number(entry)
            if number is None or number in self._deleted:
                continue
            self._patience()
            try:
                with self._speaking("acknowledge"):
                    self._wire.dele(number)
            except GatewayError as error:
                if self._broken:
                    raise
                failure = failure or error
                continue
            self._deleted.add(number)
            self.deletions_confirmed = False
        if failure:
            raise failure


def _is_name(uid: str) -> bool:
    return len(uid) <= LONGEST_UIDL and uid.isprintable()


def _pair(line: bytes, kind: type):
    number, value = line.split(None, 2)[:2]
    return int(number), kind(value.decode("utf-8", "surrogateescape") if kind is str else value)
