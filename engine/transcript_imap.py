# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is shown of an IMAP session (RFC 3501): commands, answers and flags, no text of a message."""

from __future__ import annotations

import re

from .transcript_mask import MECHANISM, Mask
from .transcript_secret import SECRET
from .transcript_stream import Counted

_LITERAL = re.compile(rb"~?\{(\d{1,12})\+?\}\Z")
_TAG = re.compile(rb"[A-Za-z0-9]{1,20}\Z")
_ALONE = {
    b"CAPABILITY", b"NOOP", b"LOGOUT", b"STARTTLS", b"EXPUNGE", b"CLOSE", b"UNSELECT", b"CHECK", b"IDLE", b"NAMESPACE"
}  # fmt: skip
# Names of folders, numbers, flags: nothing that was written in a message.
_SHOWN = {
    b"SELECT", b"EXAMINE", b"CREATE", b"SUBSCRIBE", b"UNSUBSCRIBE", b"LIST", b"LSUB", b"STATUS", b"COPY", b"MOVE",
    b"STORE", b"EXPUNGE", b"ENABLE", b"FETCH", b"APPEND",
}  # fmt: skip
_ANSWERS = {
    b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH", b"CAPABILITY", b"FLAGS", b"LIST", b"LSUB", b"STATUS", b"SEARCH",
    b"ENABLED", b"NAMESPACE", b"ESEARCH", b"VANISHED",
}  # fmt: skip
_COUNTS = {b"EXISTS", b"RECENT", b"EXPUNGE"}
# Of criteria and of what is known about a message: keywords, numbers, sets, dates and flags. The rest was written by
# somebody: Message-IDs, addresses, words.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|\([^\S\n]*|\)|BODY(?:\.PEEK)?\[[^\]]*\](?:<\d+>)?|[^\s()"]+', re.IGNORECASE)
_KEYWORDS = {
    b"ALL", b"ANSWERED", b"BEFORE", b"CHARSET", b"DELETED", b"DRAFT", b"FLAGGED", b"HEADER", b"KEYWORD", b"LARGER",
    b"NEW", b"NOT", b"OLD", b"ON", b"OR", b"RECENT", b"SEEN", b"SENTBEFORE", b"SENTON", b"SENTSINCE", b"SINCE",
    b"SMALLER", b"TEXT", b"BODY", b"FROM", b"TO", b"CC", b"BCC", b"SUBJECT", b"UID", b"UNANSWERED", b"UNDELETED",
    b"UNDRAFT", b"UNFLAGGED", b"UNKEYWORD", b"UNSEEN", b"MESSAGE-ID", b"UTF-8", b"US-ASCII", b"FLAGS", b"RFC822",
    b"RFC822.SIZE", b"RFC822.HEADER", b"RFC822.TEXT", b"INTERNALDATE", b"ENVELOPE", b"BODYSTRUCTURE", b"MODSEQ",
    b"NIL",
}  # fmt: skip
_HARMLESS = re.compile(rb"[\d:,*]+\Z|\\\w+\Z|\$\w+\Z|\d{1,2}-[A-Z]{3}-\d{4}\Z|~?\{\d+\+?\}\Z", re.IGNORECASE)
_SECTION = re.compile(rb"BODY(?:\.PEEK)?\[[\w.\s()-]*\](?:<\d+>)?\Z", re.IGNORECASE)
_DATE = re.compile(rb'" ?\d{1,2}-[A-Z]{3}-\d{4} [\d:]{8} [+-]\d{4}"\Z', re.IGNORECASE)


class ImapMask(Mask):
    """A command or an answer may be cut by literals; what comes after one is treated like what came before."""

    def restart(self) -> None:
        self._authenticating = b""
        self._idle = self._user_is_next = False
        # How the rest of a command and of an answer is shown, after a literal.
        self._going_on: str | None = None
        self._answering: str | None = None
        self._tag = b""

    # What we say

    def sent(self, line: bytes) -> str:
        if self._authenticating:
            return "*" if line == b"*" else self.secret(line)
        if self._going_on is not None:
            shown = self._show_as(self._going_on, line)
            self._expect_literal(line, self._going_on)
            return shown
        if self._idle and line.upper() == b"DONE":
            self._idle = False
            return "DONE"
        tag, _space, rest = line.partition(b" ")
        word, _space, arguments = rest.partition(b" ")
        verb = word.upper()
        if not _TAG.match(tag) or not verb:
            self._expect_literal(line, "count")
            return self.count(line)
        self._tag = tag
        prefix = f"{tag.decode()} "
        if verb == b"UID" and arguments:
            word, _space, arguments = arguments.partition(b" ")
            verb = word.upper()
            prefix += "UID "
        return prefix + self._command(tag, verb, arguments)

    def _command(self, tag: bytes, verb: bytes, arguments: bytes) -> str:
        name = verb.decode("ascii", "replace")
        if verb == b"LOGIN":
            self._user_is_next = True
            self._expect_literal(arguments, "secret")
            return f"LOGIN {self._show_as('secret', arguments)}"
        if verb == b"AUTHENTICATE":
            return f"AUTHENTICATE {self._authenticate(tag, arguments)}"
        if verb in _ALONE and not arguments:
            self._idle = verb == b"IDLE"
            return name
        how = "tokens" if verb in (b"SEARCH", b"FETCH") else "plain" if verb in _SHOWN else "count"
        self._expect_literal(arguments, "plain" if verb != b"APPEND" and how == "plain" else "count")
        if how == "count":
            return f"[{len(verb) + len(arguments)} bytes]"
        return f"{name} {self._show_as(how, arguments)}"

    def _authenticate(self, tag: bytes, arguments: bytes) -> str:
        self._authenticating = tag
        mechanism, _space, initial = arguments.partition(b" ")
        if not MECHANISM.match(mechanism.upper()):
            return self.secret(arguments)
        if initial:
            self.secret(initial)
            return f"{mechanism.upper().decode()} {SECRET}"
        return mechanism.upper().decode()

    def _learn(self, part: bytes) -> None:
        if _LITERAL.match(part):
            return
        if self._user_is_next:
            # It stands in addresses and folders as well, and proves nothing.
            self._user_is_next = False
            return
        if part.startswith(b'"'):
            part = re.sub(rb"\\(.)", rb"\1", part[1:-1])
        self.secret(part)

    def _expect_literal(self, line: bytes, how: str) -> None:
        found = _LITERAL.search(line)
        self._going_on = how if found else None
        if found and int(found[1]):
            content = Learned(int(found[1]), self._learn) if how == "secret" else Counted(int(found[1]))
            self._sent.content = content

    def sent_content(self, words: str) -> str:
        return SECRET if self._going_on == "secret" else words

    # What the server says

    def received(self, line: bytes) -> str:
        if self._answering is not None:
            shown = self._show_as(self._answering, line)
            self._await_literal(line, self._answering)
            return shown
        if line.startswith(b"+"):
            if self._authenticating:
                return "+ [challenge]" if line[1:].strip() else "+"
            return self.plain(line)
        if line.startswith(b"* "):
            return f"* {self._untagged(line[2:])}"
        tag, _space, rest = line.partition(b" ")
        if _TAG.match(tag) and tag == self._tag and rest.partition(b" ")[0].upper() in (b"OK", b"NO", b"BAD"):
            self._answered(tag)
            return self.plain(line)
        return self.count(line)

    def _answered(self, tag: bytes) -> None:
        if tag == self._authenticating:
            self._authenticating = b""
        self._idle = False
        content = self._sent.content
        if self._going_on is not None and (content is None or not content.size):
            # A literal that was refused is not sent (RFC 3501 §7).
            self._going_on = self._sent.content = None

    def _untagged(self, rest: bytes) -> str:
        word, _space, arguments = rest.partition(b" ")
        if word.isdigit():
            kind = arguments.partition(b" ")[0].upper()
            if kind in _COUNTS and kind == arguments.upper():
                return rest.decode("ascii", "replace")
            if kind == b"FETCH":
                self._await_literal(rest, "tokens")
                return f"{word.decode()} FETCH {self._show_as('tokens', arguments[6:])}"
        how = "plain" if word.upper() in _ANSWERS else "count"
        self._await_literal(rest, how)
        return self._show_as(how, rest)

    def _await_literal(self, line: bytes, how: str) -> None:
        found = _LITERAL.search(line)
        self._answering = how if found else None
        if found and int(found[1]):
            self._received.content = Counted(int(found[1]))

    # Both

    def _show_as(self, how: str, line: bytes) -> str:
        if not line:
            return ""
        if how == "plain":
            return self.plain(line)
        if how == "tokens":
            return self.plain(b" ".join(map(_token, _TOKEN.findall(line))).replace(b"( ", b"(").replace(b" )", b")"))
        if how == "secret":
            for part in _TOKEN.findall(line):
                self._learn(part)
            return SECRET
        return self.count(line)


class Learned(Counted):
    """A literal that is a secret: counted, and learnt when it is whole."""

    def __init__(self, size: int, learn):
        super().__init__(size)
        self._learn, self._seen = learn, b""

    def feed(self, data: bytes) -> bytes | None:
        if self.size < 4096:
            self._seen += data[: self.left]
        rest = super().feed(data)
        if rest is not None:
            self._learn(self._seen)
        return rest


def _token(token: bytes) -> bytes:
    is_known = (
        token in (b")",)
        or token.strip() == b"("
        or token.upper() in _KEYWORDS
        or _HARMLESS.match(token)
        or _SECTION.match(token)
        or _DATE.match(token)
    )
    return token.strip() if is_known else b"[%d bytes]" % len(token)
