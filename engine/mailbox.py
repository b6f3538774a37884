# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What every mailbox reader can do, whatever protocol it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Protocol

from .connection import Connection, Credential
from .errors import ConfigurationError, GatewayError


@dataclass(frozen=True, slots=True)
class Entry:
    """One message in a mailbox, named so that the name holds across sessions.

    IMAP: (folder, UIDVALIDITY, UID), RFC 3501 §2.3.1.1. POP: `uid` is the UIDL, the other two are empty.
    """

    folder: str
    uid_validity: str
    uid: str
    size: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the entry: (folder, UIDVALIDITY, UID)."""
        return self.folder, self.uid_validity, self.uid


class Take(str, Enum):
    """Which messages of an IMAP folder are taken. POP knows no difference: all."""

    UNREAD = "unread"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be read: one folder of an IMAP mailbox, or the maildrop of POP, which has no folders.

    Attributes:
        take: which messages.
        since: only messages that came into the mailbox on this day or later.
        begin: the same, but of use only while `floor` is not: its numbers were given up by the server.
        floor: (UIDVALIDITY, UID): all up to this UID has been taken, or was not to be. IMAP only.
        keeps_floor: the floor rises with what is taken; without it, what is listed is told apart by its flags.
        is_new: it was never read before; see Rules.most_at_first.
    """

    folder: str = "INBOX"
    take: Take = Take.UNREAD
    since: date | None = None
    begin: date | None = None
    floor: tuple[str, int] | None = None
    keeps_floor: bool = False
    is_new: bool = False


class AfterKind(str, Enum):
    """What is done to a message on an IMAP server once it is in the journal. POP deletes, or leaves for a while."""

    LEAVE = "leave"
    SEEN = "seen"
    KEYWORD = "keyword"
    MOVE = "move"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class After:
    """`name` is the keyword, or the folder that messages are moved to; `failed` where quarantined ones go, or ""."""

    kind: AfterKind = AfterKind.SEEN
    name: str = ""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """`content` is the header section only when not `is_whole`."""

    entry: Entry
    content: bytes = field(repr=False)
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of an IMAP mailbox; `use` is what it is for, such as "Sent" (RFC 6154), or ""."""

    name: str
    use: str = ""


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """`unread` counts what would be taken: for POP, which has no such mark, all messages."""

    folder: str
    messages: int
    unread: int


class MailboxReader(Protocol):
    """One session with one mailbox. Every method raises GatewayError or ConfigurationError and nothing else.

    Reading changes nothing on the server; only `acknowledge` and `file_failed` do, and are called for what is safely
    stored.

    Attributes:
        after: what they do on an IMAP server; to be set before a folder is entered.
    """

    after: After = After()

    def open(self) -> None:
        """Connect, encrypt, log in, select; nothing when that has been done."""

    def status(self) -> MailboxStatus:
        """How much is there."""

    def enter(self, selection: Selection) -> None:
        """Turn to what is to be read next; nothing on the wire when that is where we are."""

    def count(self) -> int:
        """How many messages the selection would take."""

    def waiting(self, limit: int | None = None) -> list[Entry]:
        """What the selection takes, oldest first. IMAP: without what is marked deleted; POP: everything."""

    def marked(self) -> list[Entry]:
        """What is marked deleted and was not expunged, where taking a message ends with that; else nothing."""

    def expunge(self, entries: Iterable[Entry]) -> None:
        """Expunge what is marked deleted already."""

    def headers(self, entries: Iterable[Entry]) -> Iterator[Fetched]:
        """The header sections of messages that are too large to be fetched; those that vanished are left out."""

    def older(self, entries: Iterable[Entry], than: date) -> list[Entry]:
        """Those that came before this day, where `waiting` could not tell (POP)."""

    def last_uid(self) -> tuple[str, int] | None:
        """(UIDVALIDITY, highest UID given away so far) of the folder; None for POP."""

    def fetch(self, entries: Iterable[Entry]) -> Iterator[Fetched]:
        """The messages byte for byte, as they arrive. Those that vanished meanwhile are left out.

        One that the server refuses is left out too, and the refusal raised once all others have been handed out.
        """

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Tell the server that these have been taken: IMAP does what its `after` says, POP deletes when closing."""

    def file_failed(self, entries: Iterable[tuple[Entry, str]]) -> None:
        """Move what could not be processed to the folder for it: entries with their Message-ID. POP does nothing."""

    def close(self) -> None:
        """End the session. May be called twice. POP: raises if the deletions were not confirmed."""

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, kind, error, traceback) -> None:
        try:
            self.close()
        except GatewayError:
            # What went wrong first is what the caller must hear.
            if error is None:
                raise


def open_mailbox(
    protocol: str,
    connection: Connection,
    credential: Credential,
    *,
    folder: str | None = None,
    **options,
) -> MailboxReader:
    """An opened reader for `protocol` (imap or pop); `options` (dial, context) go to the reader.

    Args:
        folder: IMAP folder to begin with; None selects none until `enter`.
    """
    from .imap import ImapReader  # here, as the readers import the dataclasses above
    from .pop import PopReader

    if protocol == "imap":
        reader = ImapReader(connection, credential, folder=folder, **options)
    elif protocol == "pop":
        reader = PopReader(connection, credential, **options)
    else:
        raise ConfigurationError("A mailbox is read by IMAP or by POP.", field="protocol")
    reader.open()
    return reader
