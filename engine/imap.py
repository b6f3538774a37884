# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reading a mailbox by IMAP4rev1 (RFC 3501)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import date, datetime

from .errors import GatewayError
from .imap_filing import ImapFiling
from .mailbox import AfterKind, Entry, Fetched, MailboxReader, MailboxStatus, Selection, Take

# One FETCH holds so many messages and bytes: enough that round trips do not count, little enough for memory.
BATCH_COUNT = 25
BATCH_BYTES = 8 * 1024 * 1024
SIZES_COUNT = 500
# After so many single refusals in a row the last message is tried: if it is refused too, it is the server that is ill,
# not the messages.
REFUSALS_IN_A_ROW = 3
RECONNECTIONS = 3
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in no locale


class ImapReader(ImapFiling, MailboxReader):
    """`dial` opens the socket, `context` replaces the TLS context that `connection` asks for."""

    selection = Selection()

    def enter(self, selection: Selection) -> None:
        self.selection = selection
        if self._broken:
            # The folder before this one ended the session; it does not stop the others.
            self.folder = selection.folder
            self._abandon()
            self.open()
        elif selection.folder != self.folder:
            self.folder = selection.folder
            self._asked = False
            self.select()

    def status(self) -> MailboxStatus:
        return MailboxStatus(self.folder, self._exists, len(self._search()))

    def waiting(self, limit: int | None = None) -> list[Entry]:
        return self._sized(self._search()[:limit])

    def marked(self) -> list[Entry]:
        expunges = self.after.kind is AfterKind.DELETE
        if not expunges and (self.after.kind is not AfterKind.MOVE or self._can("MOVE")):
            return []
        return self._sized(self._search_for("DELETED")[:SIZES_COUNT])

    def expunge(self, entries: Iterable[Entry]) -> None:
        entries = list(entries)
        self._require_same_generation(entries, "acknowledge")
        self.delete([int(entry.uid) for entry in entries])

    def _sized(self, uids: list[int]) -> list[Entry]:
        entries = []
        for start in range(0, len(uids), SIZES_COUNT):
            chunk = uids[start : start + SIZES_COUNT]
            self._patience()
            with self._speaking("list"):
                answer = self._client.fetch(chunk, ["RFC822.SIZE"])
                entries += [
                    Entry(self.folder, self._uid_validity, str(uid), int(answer[uid][b"RFC822.SIZE"]))
                    for uid in chunk
                    if b"RFC822.SIZE" in answer.get(uid, ())
                ]
        return entries

    def count(self) -> int:
        return len(self._search())

    def last_uid(self) -> tuple[str, int] | None:
        # RFC 3501 §2.3.1.1: UIDNEXT is above every UID given so far; servers that do not tell it have the last UID.
        last = self._uid_next - 1 if self._uid_next else max(self._search_for("UID", "*"), default=0)
        return self._uid_validity, last

    def older(self, entries: Iterable[Entry], than: date) -> list[Entry]:
        """None: the search has left them out."""
        return []

    def _search(self) -> list[int]:
        if self._asked:
            # What arrived since the last question is only announced when the server gets a chance to.
            self._patience()
            with self._speaking("list"):
                self._client.noop()
        self._asked = True
        wanted, floor = self.selection, 0
        # DELETED: waiting to be expunged by somebody else.
        criteria = ["UNSEEN"] if wanted.take is Take.UNREAD else []
        criteria.append("UNDELETED")
        since = wanted.since
        if wanted.floor and wanted.floor[0] == self._uid_validity:
            floor = wanted.floor[1]
            criteria += ["UID", f"{floor + 1}:*"]
        elif wanted.begin:
            since = max(since or wanted.begin, wanted.begin)
        if since:
            criteria += ["SINCE", f"{since.day}-{_MONTHS[since.month - 1]}-{since.year:04}"]
        if self.after.kind is AfterKind.KEYWORD:
            criteria += ["UNKEYWORD", self.after.name]
        # RFC 3501 §6.4.8: n:* names the last message also where n is above it.
        return [uid for uid in self._search_for(*criteria) if uid > floor]

    def headers(self, entries: Iterable[Entry]) -> Iterator[Fetched]:
        entries = list(entries)
        self._require_same_generation(entries, "fetch")
        for start in range(0, len(entries), BATCH_COUNT):
            batch = entries[start : start + BATCH_COUNT]
            contents = self._contents(batch, "HEADER")
            yield from (
                Fetched(entry, contents[int(entry.uid)], is_whole=False)
                for entry in batch
                if int(entry.uid) in contents
            )

    def fetch(self, entries: Iterable[Entry]) -> Iterator[Fetched]:
        entries = list(entries)
        self._require_same_generation(entries, "fetch")
        work = deque(_batches(entries))
        refusal, in_a_row, reconnections = None, 0, 0
        refused: list[Entry] = []
        while work and in_a_row <= REFUSALS_IN_A_ROW:
            batch = work.popleft()
            try:
                contents = self._contents(batch)
            except GatewayError as error:
                # A server that has fallen silent would only make us wait as long again.
                if self._broken and (isinstance(error.__cause__, TimeoutError) or reconnections == RECONNECTIONS):
                    raise
                if len(batch) > 1:
                    # One message that the server cannot read must not hold up its neighbours.
                    work.extendleft([entry] for entry in reversed(batch))
                else:
                    refusal, in_a_row = refusal or error, in_a_row + 1
                    refused += batch
                    if in_a_row == REFUSALS_IN_A_ROW and work:
                        *others, last = work.pop()
                        work.extend([others] if others else [])
                        work.appendleft([last])
                if self._broken and work:
                    # Dovecot ends the session over a file that it cannot read.
                    reconnections += 1
                    self._abandon()
                    self.open()
                    self._require_same_generation(entries, "fetch")
                continue
            in_a_row = 0
            for entry in batch:
                content = contents.pop(int(entry.uid), None)
                if content is not None:
                    yield Fetched(entry, content)
        if refusal:
            if in_a_row <= REFUSALS_IN_A_ROW:
                refusal.entries = tuple(entry.key for entry in refused)
            raise refusal

    def _contents(self, batch: list[Entry], section: str = "") -> dict[int, bytes]:
        """The messages by UID, or their header sections."""
        self._patience(0 if section else sum(entry.size for entry in batch))
        with self._speaking("fetch"):
            # BODY.PEEK[]: RFC822 and BODY[] would set \Seen (RFC 3501 §6.4.5).
            answer = self._client.fetch([int(entry.uid) for entry in batch], [f"BODY.PEEK[{section}]"])
            contents = {}
            for uid, items in answer.items():
                # No item: the message vanished, or only its flags were reported. NIL: RFC 2180 §4.1.3, expunged.
                content = items.get(f"BODY[{section}]".encode())
                if content is None:
                    continue
                if not isinstance(content, bytes):
                    raise ValueError("the message is no string")
                contents[uid] = content
            return contents

    def received_at(self, entry: Entry) -> datetime | None:
        """When the message came into the mailbox."""
        self._require_same_generation([entry], "list")
        self._patience()
        with self._speaking("list"):
            self._client.normalise_times = False
            return self._client.fetch([int(entry.uid)], ["INTERNALDATE"]).get(int(entry.uid), {}).get(b"INTERNALDATE")

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        entries = list(entries)
        self._require_same_generation(entries, "acknowledge")
        self._do_after([int(entry.uid) for entry in entries])

    def _require_same_generation(self, entries: list[Entry], phase: str) -> None:
        # RFC 3501 §2.3.1.1: with another UIDVALIDITY the same UID is another message.
        announced = self._client._imap.untagged_responses.get("UIDVALIDITY") if self._client else None
        current = announced[-1].decode("ascii", "replace") if announced else self._uid_validity
        if any(entry.folder != self.folder or entry.uid_validity != current for entry in entries):
            raise GatewayError(
                "The mailbox was renumbered since these messages were listed; they have to be listed again.",
                phase=phase,
                code="UIDVALIDITY",
            )


def _batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    """The entries in order, cut so that no batch is over either bound; a larger message goes alone."""
    batch, size = [], 0
    for entry in entries:
        if batch and (len(batch) == BATCH_COUNT or size + entry.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch
