# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is done to messages on an IMAP server: flags, keywords, moves, deletion; and the folders that there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from .errors import ConfigurationError, GatewayError
from .imap_session import ImapSession
from .imap_wire import Refused
from .mailbox import AfterKind, Entry, Folder

STORE_COUNT = 100  # keeps a command below the 1000 octets of RFC 2683 §3.2.1.5 even with ten-digit UIDs, nearly
MOST_FOLDERS = 5000
# RFC 3501 §9: an atom, and of that only what every server takes.
_KEYWORD = re.compile(r"[A-Za-z0-9$_][A-Za-z0-9$_.-]{0,63}")
_SPECIAL_USES = {"all", "archive", "drafts", "flagged", "junk", "sent", "trash"}  # RFC 6154 §2


def is_keyword(text: str) -> bool:
    """Return whether every server could keep `text` as a keyword."""
    return bool(_KEYWORD.fullmatch(text))


class ImapFiling(ImapSession):
    """Messages are named by their UIDs in the selected folder. UIDs that vanished meanwhile are no error."""

    def folders(self) -> list[Folder]:
        """Return the folders that can be selected, in the server's order. Needs no selected folder."""
        self._patience()
        with self._speaking("list"):
            listed = self._client.list_folders()
        found = []
        for flags, _delimiter, name in islice(listed, MOST_FOLDERS):
            marks = {flag.decode("ascii", "replace").lstrip("\\").lower() for flag in flags if isinstance(flag, bytes)}
            # RFC 5258 §3: \NonExistent implies \Noselect.
            if marks & {"noselect", "nonexistent"}:
                continue
            text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
            use = next((use for use in sorted(_SPECIAL_USES) if use in marks), "")
            found.append(Folder("INBOX" if text.upper() == "INBOX" else text, use.title()))
        return found

    def _do_after(self, uids: list[int]) -> None:
        """Do what `after` says to messages that are in the journal."""
        kind, name = self.after.kind, self.after.name
        if kind is AfterKind.LEAVE:
            return
        if kind is AfterKind.MOVE:
            self.move(uids, name)
        elif kind is AfterKind.DELETE:
            self.delete(uids)
        else:
            if kind is AfterKind.KEYWORD and not is_keyword(name):
                raise ConfigurationError("This keyword cannot be set on a mail server.", field="after")
            self._store(uids, name.encode() if kind is AfterKind.KEYWORD else rb"\Seen")

    def _store(self, uids: list[int], flag: bytes) -> None:
        for chunk in _chunks(uids):
            self._patience()
            with self._speaking("acknowledge"):
                self._client.add_flags(chunk, [flag], silent=True)

    def move(self, uids: list[int], folder: str) -> None:
        """Move messages to a folder, which is made if it is missing; they are in one of both at any time.

        Raises:
            ConfigurationError: the folder has no name, or is the selected one.
        """
        if not folder.strip() or any(ord(char) < 32 for char in folder):
            raise ConfigurationError("The folder to move messages to has no usable name.", field="after")
        if _is_same(folder, self.folder):
            # RFC 6851 §3.3: it would get every message again, under a new UID, and be read without end.
            raise ConfigurationError("Messages cannot be moved to the folder that they are read from.", field="after")
        for chunk in _chunks(uids):
            if self._can("MOVE"):
                self._into(folder, lambda chunk=chunk: self._client.move(chunk, folder))
            else:
                # RFC 6851 §3.1 lists these steps. The tagged OK of COPY says that all copies are there: only then is
                # the original given up.
                self._into(folder, lambda chunk=chunk: self._client.copy(chunk, folder))
                self.delete(chunk)

    def _into(self, folder: str, act) -> None:
        try:
            self._patience()
            with self._speaking("acknowledge"):
                act()
        except GatewayError as error:
            # RFC 3501 §6.4.7: TRYCREATE; some servers say nothing but NO.
            if not isinstance(error.__cause__, Refused) or error.code not in ("TRYCREATE", "NONEXISTENT", "NO"):
                raise
            self._patience()
            try:
                with self._speaking("acknowledge"):
                    self._client.create_folder(folder)
                    self._client.subscribe_folder(folder)
            except GatewayError:
                if self._broken:
                    raise
                # It was there already, so that is not why.
                raise error from None
            self._patience()
            with self._speaking("acknowledge"):
                act()

    def delete(self, uids: list[int]) -> None:
        """Delete messages for good, and none that others have marked deleted.

        Where the server cannot expunge some only (no UIDPLUS) and others wait for it too, ours stay marked.
        """
        for chunk in _chunks(uids):
            can_single = self._can("UIDPLUS")
            others = set() if can_single else set(self._search_for("DELETED")) - set(chunk)
            self._store(chunk, rb"\Deleted")
            self._patience()
            with self._speaking("acknowledge"):
                if can_single:
                    self._client.uid_expunge(chunk)
                elif not others:
                    self._client.expunge()

    def file_failed(self, entries: Iterable[tuple[Entry, str]]) -> None:
        """Move what could not be processed to the folder for it. `entries` come with their Message-ID.

        Where messages are moved once they are taken, they are looked for in that folder, by Message-ID and size; it
        is the selected one then. What is not there any more, or was renumbered, is left alone.
        """
        entries = list(entries)
        if not entries or not self.after.failed:
            return
        if self.after.kind is AfterKind.MOVE:
            self.folder = self.after.name
            self.select()
            uids = [uid for entry, message_id in entries if (uid := self._find(message_id, entry.size))]
        else:
            here = self.folder, self._uid_validity
            uids = [int(entry.uid) for entry, _message_id in entries if (entry.folder, entry.uid_validity) == here]
        if uids:
            self.move(uids, self.after.failed)

    def _find(self, message_id: str, size: int) -> int | None:
        """Return the UID of the one message with this Message-ID and size in the selected folder."""
        if not re.fullmatch(r"[!#-\[\]-~]+", message_id or ""):  # what a quoted string holds without escapes
            return None
        uids = self._search_for("HEADER", "Message-ID", f'"{message_id}"')[:STORE_COUNT]
        if not uids:
            return None
        self._patience()
        with self._speaking("list"):
            sizes = self._client.fetch(uids, ["RFC822.SIZE"])
        same = [uid for uid in uids if sizes.get(uid, {}).get(b"RFC822.SIZE") == size]
        return same[0] if len(same) == 1 else None

    def _search_for(self, *criteria: str) -> list[int]:
        self._patience()
        with self._speaking("list"):
            # No CHARSET: Exchange answers BADCHARSET to it. Not IMAPClient's search(), which asks for CAPABILITY
            # first: a round trip for each mailbox polled.
            _status, lines = self._client._imap.uid("SEARCH", *criteria)
            return sorted({int(uid) for line in lines if line for uid in line.split()})

    def _can(self, capability: str) -> bool:
        self._patience()
        with self._speaking("list"):
            return self._client.has_capability(capability)


def _is_same(folder: str, other: str | None) -> bool:
    # RFC 3501 §5.1: INBOX alone is written in any case.
    return folder == other or (folder.upper() == "INBOX" and (other or "").upper() == "INBOX")


def _chunks(uids: Iterable[int]) -> Iterator[list[int]]:
    uids = list(uids)
    for start in range(0, len(uids), STORE_COUNT):
        yield uids[start : start + STORE_COUNT]
