# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What every mailbox reader can do, whatever protocol it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be read: one folder of an IMAP mailbox; POP has no folders."""

    folder: str = "INBOX"


@dataclass(frozen=True, slots=True)
class Fetched:
    entry: Entry
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """`unread` counts what would be taken: for POP, which has no such mark, all messages."""

    folder: str
    messages: int
    unread: int


class MailboxReader(Protocol):
    """One session with one mailbox. Every method raises GatewayError or ConfigurationError and nothing else.

    Reading changes nothing on the server; only `acknowledge` does, and is called for what is safely stored.
    """

    def open(self) -> None:
        """Connect, encrypt, log in, select; nothing when that has been done."""

    def status(self) -> MailboxStatus:
        """How much is there."""

    def enter(self, selection: Selection) -> None:
        """Turn to what is to be read next; nothing on the wire when that is where we are."""

    def waiting(self, limit: int | None = None) -> list[Entry]:
        """What has not been taken yet, oldest first. IMAP: neither seen nor deleted; POP: everything."""

    def fetch(self, entries: Iterable[Entry]) -> Iterator[Fetched]:
        """The messages byte for byte, as they arrive. Those that vanished meanwhile are left out.

        One that the server refuses is left out too, and the refusal raised once all others have been handed out.
        """

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Tell the server that these have been taken: IMAP marks them seen, POP deletes them when closing."""

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
    protocol: str, connection: Connection, credential: Credential, *, folder: str = "INBOX", **options
) -> MailboxReader:
    """An opened reader for `protocol` (imap or pop); `options` (dial, context) go to the reader."""
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
