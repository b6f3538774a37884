# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a mailbox allows whoever is logged in there: rights on folders, size limit, offered extensions."""

from __future__ import annotations

import re

from .errors import GatewayError
from .imap import ImapReader
from .mailbox import After, AfterKind
from .pop import PopReader

_LONGEST = 500
# RFC 4314 §2.1.1: what older servers (RFC 2086) say for several of today's rights.
_OLD_RIGHTS = {"c": "kx", "d": "tex"}
# RFC 4314 §4: what each command needs on the folder that is read, and on the one that is filed into.
_NEEDED = {
    AfterKind.LEAVE: ("r", ""),
    AfterKind.SEEN: ("rs", ""),
    AfterKind.KEYWORD: ("rw", ""),
    AfterKind.MOVE: ("rte", "i"),
    AfterKind.DELETE: ("rte", ""),
}
_RIGHT_WORDS = {
    "r": "read messages",
    "s": "mark messages as read",
    "w": "set keywords",
    "t": "mark messages as deleted",
    "e": "remove messages",
    "i": "put messages in",
}


def read_rights(text: str) -> frozenset[str]:
    """Return the rights in a MYRIGHTS answer ("lrswipcda"), those of older servers spelt out."""
    return frozenset(right for found in text.lower() for right in found + _OLD_RIGHTS.get(found, ""))


def missing_rights(after: After, folder: str, rights: dict[str, frozenset[str] | None]) -> list[str]:
    """Return a line for each folder on which a right is missing.

    Args:
        after: what is done to a message once it is in the journal.
        folder: the one that is read.
        rights: by folder; None where the server does not tell.
    """
    here, there = _NEEDED[after.kind]
    needed = {folder: set(here)}
    if after.kind is AfterKind.MOVE:
        needed.setdefault(after.name, set()).update(there)
    if after.failed:
        needed[folder] |= {"t", "e"}
        needed.setdefault(after.failed, set()).add("i")
    lines = []
    for name, wanted in needed.items():
        known = rights.get(name)
        if known is None:
            continue
        missing = [words for right, words in _RIGHT_WORDS.items() if right in wanted - known]
        if missing:
            lines.append(f"In the folder {name} the account may not: {', '.join(missing)}.")
    return lines


def folders_of(after: After, folder: str) -> list[str]:
    """Return the folders whose rights matter, the one that is read first."""
    moved = after.name if after.kind is AfterKind.MOVE else ""
    return list(dict.fromkeys(filter(None, (folder, moved, after.failed))))


def ask_rights(reader: ImapReader, folder: str) -> frozenset[str] | None:
    """Return the rights on a folder (RFC 4314 §3.5), None where the server or the folder does not tell.

    Raises:
        GatewayError: the session broke.
    """
    reader._patience()
    try:
        with reader._speaking("list"):
            client = reader._client
            _status, lines = client._imap.myrights(client._normalise_folder(folder))
    except GatewayError:
        # A folder that is not there is made when it is needed.
        if reader._broken:
            raise
        return None
    words = [_text(line).split() for line in lines or () if line]
    return read_rights(words[0][-1]) if words and len(words[0]) > 1 else None


def offered(reader: ImapReader | PopReader) -> list[str]:
    """Return what the server says that it can, after the login; sorted, without ways of logging in."""
    if isinstance(reader, PopReader):
        found = [" ".join([name, *words]) for name, words in reader._capabilities.items() if name != "SASL"]
    else:
        reader._patience()
        with reader._speaking("list"):
            found = [_text(one) for one in reader._client.capabilities()]
    return sorted(name for name in found if not name.upper().startswith("AUTH="))


def size_limit(reader: ImapReader, extensions: list[str]) -> int | None:
    """Return the octets of the largest message that fits into the mailbox (RFC 7889), None where nobody tells.

    Raises:
        GatewayError: the session broke.
    """
    named = [word[12:] for word in extensions if word.upper().startswith("APPENDLIMIT=")]
    if named:
        return int(named[0]) if named[0].isdigit() else None
    if "APPENDLIMIT" not in (word.upper() for word in extensions):
        return None
    reader._patience()
    try:
        with reader._speaking("list"):
            # RFC 7889 §3.1; by imaplib, which does not read numbers into types of its own.
            client = reader._client
            _status, lines = client._imap.status(client._normalise_folder(reader.folder), "(APPENDLIMIT)")
    except GatewayError:
        if reader._broken:
            raise
        return None
    found = re.search(r"APPENDLIMIT (\d+)", " ".join(_text(line) for line in lines or () if line))
    return int(found[1]) if found else None


def in_words(words: list[str]) -> str:
    """Return a list of bounded length."""
    text = ", ".join(words)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def size_in_words(octets: int) -> str:
    """Return "25.0 MB (26214400 bytes)"."""
    return f"{octets / 1_048_576:.1f} MB ({octets} bytes)"


def _text(value: bytes | tuple | str) -> str:
    if isinstance(value, tuple):
        value = b"".join(part for part in value if isinstance(part, bytes))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
