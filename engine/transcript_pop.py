# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is shown of a POP3 session (RFC 1939)."""

from __future__ import annotations

import re
from collections import deque

from .transcript_mask import MECHANISM, Mask
from .transcript_secret import SECRET
from .transcript_stream import Dotted

_ALONE = {b"CAPA", b"STLS", b"STAT", b"LIST", b"UIDL", b"NOOP", b"RSET", b"QUIT"}
_NUMBERED = {b"LIST", b"UIDL", b"RETR", b"DELE", b"TOP"}
_NUMBERS = re.compile(rb"\d{1,10}( \d{1,10})?\Z")
_MESSAGE = {"RETR", "TOP"}


class PopMask(Mask):
    """Commands and answers are matched in order (RFC 2449 §6.6)."""

    def restart(self) -> None:
        # The greeting is an answer that nobody asked for.
        self._asked: deque[str] = deque()
        self._logging_in = False
        self._listing = False

    def sent(self, line: bytes) -> str:
        if self._logging_in:
            self._asked.append("AUTH")
            return "*" if line == b"*" else self.secret(line)
        word, _space, rest = line.partition(b" ")
        verb = word.upper()
        name = verb.decode("ascii", "replace")[:10]
        if verb in _ALONE and not rest:
            # Several lines answer CAPA, and LIST and UIDL without a number.
            self._asked.append({"LIST": "LISTING", "UIDL": "LISTING", "CAPA": "LISTED"}.get(name, name))
            return name
        self._asked.append(name)
        if verb in _NUMBERED and _NUMBERS.match(rest):
            return f"{name} {rest.decode()}"
        if verb == b"USER":
            # It proves nothing, but is a person's or mailbox's name.
            return self.plain(line) if self._keep_addresses or b"@" in rest else "USER ***"
        if verb in (b"PASS", b"APOP"):
            self.secret(rest)
            return f"{name} {SECRET}"
        if verb == b"AUTH":
            return self._auth(rest)
        return self.count(line)

    def received(self, line: bytes) -> str:
        if self._listing:
            if line == b".":
                self._listing = False
            return self.plain(line)
        if line.startswith(b"+ ") or line == b"+":
            # RFC 5034 §4: a challenge; the answer to it is awaited, so the command is not answered yet.
            if self._asked:
                self._asked.popleft()
            return "+ [challenge]" if line[2:].strip() else "+"
        is_good = line.startswith(b"+OK")
        if not is_good and not line.startswith(b"-ERR"):
            return self.count(line)
        asked = self._asked.popleft() if self._asked else ""
        if asked == "AUTH":
            self._logging_in = False
        if is_good and (asked in _MESSAGE or asked == "LISTING"):
            self._received.content = Dotted()
        self._listing = is_good and asked == "LISTED"
        return self.plain(line)

    def _auth(self, rest: bytes) -> str:
        mechanism, _space, initial = rest.partition(b" ")
        if not mechanism:
            # RFC 5034 leaves it out, others list their mechanisms: nothing of ours asks so.
            return "AUTH"
        self._logging_in = True
        if not MECHANISM.match(mechanism.upper()):
            return f"AUTH {self.secret(rest)}"
        if not initial:
            return f"AUTH {mechanism.upper().decode()}"
        self.secret(initial)
        return f"AUTH {mechanism.upper().decode()} {SECRET}"
