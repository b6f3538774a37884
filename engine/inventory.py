# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What lies in a mailbox, taken or not: for comparing it with the journal. Nothing on the server changes."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from .connection import Connection, Credential, Dial, dial
from .errors import ConfigurationError, GatewayError
from .imap import ImapReader
from .mailbox import After, AfterKind, Entry
from .pop import PopReader
from .summary import summarize

FLAGS_COUNT = 500
HEADERS_COUNT = 50
FIELDS = "FROM SUBJECT DATE MESSAGE-ID"
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # whatever the locale: RFC 3501 §9, date-month


@dataclass(frozen=True, slots=True)
class Item:
    """A message in a mailbox.

    Attributes:
        is_seen: taken by somebody: stock Odoo marks what it has read as seen. POP knows no such mark: False.
        arrived: UTC without zone; from the header where the server does not tell (POP), None when unknown.
        message_id, email_from, subject: decoded, "" until `describe` has been asked, or when there is none.
    """

    entry: Entry
    is_seen: bool
    arrived: datetime | None = None
    message_id: str = ""
    email_from: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The newest messages, newest first, and how many there are in all since the date asked for."""

    items: tuple[Item, ...]
    total: int


class ImapInventory(ImapReader):
    def __init__(self, *arguments, **options):
        # RFC 3501 §6.3.2: what nothing is done to afterwards is opened by EXAMINE, and not even \Recent changes.
        super().__init__(*arguments, after=After(AfterKind.LEAVE), **options)

    def inventory(self, since: date, most: int) -> Inventory:
        """The newest `most` messages that came in since a day, without what is in their headers."""
        uids = self._uids_since(since)
        chosen = sorted(uids, reverse=True)[:most]
        items: list[Item] = []
        for start in range(0, len(chosen), FLAGS_COUNT):
            chunk = chosen[start : start + FLAGS_COUNT]
            answer = self._ask(chunk, ["FLAGS", "INTERNALDATE", "RFC822.SIZE"])
            # One without a size has vanished meanwhile.
            items += [self._item(uid, answer[uid]) for uid in chunk if b"RFC822.SIZE" in answer.get(uid, ())]
        return Inventory(tuple(items), len(uids))

    def describe(self, items: Iterable[Item]) -> list[Item]:
        """The same with what their headers say; without those that have vanished."""
        items, described = list(items), []
        for start in range(0, len(items), HEADERS_COUNT):
            chunk = items[start : start + HEADERS_COUNT]
            # PEEK: nothing is marked as seen (RFC 3501 §6.4.5).
            answer = self._ask([int(item.entry.uid) for item in chunk], [f"BODY.PEEK[HEADER.FIELDS ({FIELDS})]"])
            for item in chunk:
                found = answer.get(int(item.entry.uid), {})
                # Servers repeat the list of names in their own way.
                header = next((value for name, value in found.items() if name.startswith(b"BODY[HEADER")), None)
                if isinstance(header, bytes):
                    described.append(_described(item, header))
        return described

    def _uids_since(self, since: date) -> list[int]:
        # SINCE disregards time and zone (RFC 3501 §6.4.4): a day more, so that no zone hides anything.
        day = since - timedelta(days=1)
        self._patience()
        with self._speaking("list"):
            _status, lines = self._client._imap.uid(
                "SEARCH", "UNDELETED", "SINCE", f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04}"
            )
            return [int(uid) for line in lines if line for uid in line.split()]

    def _ask(self, uids: list[int], items: list[str]) -> dict:
        self._patience()
        with self._speaking("list"):
            self._client.normalise_times = False
            return self._client.fetch(uids, items)

    def _item(self, uid: int, found: dict) -> Item:
        arrived = found.get(b"INTERNALDATE")
        return Item(
            Entry(self.folder, self._uid_validity, str(uid), int(found[b"RFC822.SIZE"])),
            rb"\Seen" in found.get(b"FLAGS", ()),
            _utc(arrived) if isinstance(arrived, datetime) else None,
        )


class PopInventory(PopReader):
    def inventory(self, since: date, most: int) -> Inventory:
        """The newest `most` messages. POP knows no dates, so that all are counted whatever `since` says."""
        self._list()
        # Numbers grow with time; those without a UIDL of their own would have to be read whole to be named.
        numbers = sorted(self._uidls, reverse=True)
        items = [Item(Entry("", "", self._uidls[number], self._sizes.get(number, 0)), False) for number in numbers]
        return Inventory(tuple(items[:most]), len(items))

    def describe(self, items: Iterable[Item]) -> list[Item]:
        """The same with what their headers say; as they are where the server has no TOP (RFC 1939 §7)."""
        described = []
        for item in items:
            number = self._number(item.entry)
            if number is None:
                continue
            self._patience()
            try:
                with self._speaking("list"):
                    lines = self._wire.top(number, 0)[1]
            except GatewayError:
                if self._broken:
                    raise
                described.append(item)
                continue
            described.append(_described(item, b"\r\n".join([*lines, b"", b""])))
        return described


def open_inventory(
    protocol: str,
    connection: Connection,
    credential: Credential,
    *,
    folder: str = "INBOX",
    dial: Dial = dial,
    context: ssl.SSLContext | None = None,
) -> ImapInventory | PopInventory:
    """An opened reader that can also say what lies in the mailbox."""
    if protocol == "imap":
        reader = ImapInventory(connection, credential, folder=folder, dial=dial, context=context)
    elif protocol == "pop":
        reader = PopInventory(connection, credential, dial=dial, context=context)
    else:
        raise ConfigurationError("A mailbox is read by IMAP or by POP.", field="protocol")
    reader.open()
    return reader


def _described(item: Item, header: bytes) -> Item:
    summary = summarize(header)
    return replace(
        item,
        message_id=summary.message_id,
        email_from=summary.email_from,
        subject=summary.subject,
        arrived=item.arrived or _sent(summary.header("date")),
    )


def _sent(text: str) -> datetime | None:
    try:
        return _utc(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _utc(moment: datetime) -> datetime | None:
    try:
        return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment
    except (OverflowError, ValueError):
        return None
