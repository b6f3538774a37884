# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is shown of an SMTP session (RFC 5321), pipelined or not."""

from __future__ import annotations

import re
from collections import deque

from .transcript_mask import MECHANISM, Mask
from .transcript_secret import SECRET
from .transcript_stream import Counted, Dotted

_PATH = re.compile(rb"(?i)(MAIL FROM|RCPT TO):\s*<(.*?)>((?: \S+)*)\Z", re.DOTALL)
_ALONE = {b"STARTTLS", b"DATA", b"RSET", b"QUIT", b"NOOP", b"HELP"}
# Parameters whose values name nobody; the others may hold addresses (AUTH, ORCPT) or say more than is ours to tell.
_PARAMETERS = {b"SIZE", b"BODY", b"SMTPUTF8", b"RET", b"NOTIFY", b"REQUIRETLS"}
_NAME = re.compile(rb"[\w.:\[\]-]{1,255}\Z")
_REPLY = re.compile(rb"([2-5]\d\d)([ -]|\Z)")


class SmtpMask(Mask):
    """Commands and answers are matched in order, as RFC 2920 has it: what an answer means depends on its command."""

    def restart(self) -> None:
        self._asked: deque[str] = deque()
        self._logging_in = self._in_data = self._user_is_next = False

    def sent(self, line: bytes) -> str:
        if self._logging_in:
            # RFC 4954 §4: until the server's last word every line is an answer to a challenge; "*" gives up.
            self._asked.append("AUTH")
            return "*" if line == b"*" else self._answer(line)
        word, _space, rest = line.partition(b" ")
        verb = word.upper()
        self._asked.append(verb.decode("ascii", "replace")[:10])
        if verb in _ALONE and not rest:
            return verb.decode()
        if verb in (b"EHLO", b"HELO", b"LHLO") and _NAME.match(rest):
            return self.plain(line)
        if verb == b"AUTH":
            return self._auth(rest)
        if verb == b"BDAT":
            size, _space, last = rest.partition(b" ")
            if size.isdigit() and len(size) < 12:
                self._sent.content = Counted(int(size)) if int(size) else None
                return f"BDAT {int(size)}{' LAST' if last.upper() == b'LAST' else ''}"
        if path := _PATH.match(line):
            return self._path(path)
        return self.count(line)

    def received(self, line: bytes) -> str:
        reply = _REPLY.match(line)
        if not reply:
            return self.count(line)
        code = reply[1]
        if reply[2] != b"-":
            self._answered(self._asked.popleft() if self._asked else "", code)
        if code == b"334":
            return "334 [challenge]" if line[4:].strip() else "334"
        return self.plain(line)

    def sent_content(self, words: str) -> str:
        if self._in_data:
            # RFC 5321 §4.1.1.4: the end of the message is answered like a command; RFC 3030's BDAT was one.
            self._asked.append("CONTENT")
            self._in_data = False
        return words

    def _answered(self, verb: str, code: bytes) -> None:
        if verb == "AUTH" and code != b"334":
            self._logging_in = False
        if code == b"354" and self._sent.content is None:
            self._sent.content, self._in_data = Dotted(), True

    def _auth(self, rest: bytes) -> str:
        self._logging_in = True
        mechanism, _space, initial = rest.partition(b" ")
        if not MECHANISM.match(mechanism.upper()):
            return f"AUTH {self.secret(rest)}"
        shown = f"AUTH {mechanism.upper().decode()}"
        # The mechanism LOGIN asks for the user first, which is no secret to be hidden wherever else it stands.
        self._user_is_next = mechanism.upper() == b"LOGIN"
        return f"{shown} {self._answer(initial)}" if initial else shown

    def _answer(self, line: bytes) -> str:
        if self._user_is_next:
            self._user_is_next = False
            return SECRET
        return self.secret(line)

    def _path(self, path: re.Match) -> str:
        shown = [f"{path[1].upper().decode()}:<{self.plain(path[2])}>"]
        if not self._keep_addresses and path[2] and b"@" not in path[2]:
            shown = [f"{path[1].upper().decode()}:<***>"]
        for parameter in path[3].split():
            name = parameter.partition(b"=")[0].upper()
            known = name in _PARAMETERS
            shown.append(self.plain(parameter) if known else "[parameter]")
        return " ".join(shown)

