# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One direction of a conversation, cut into lines and into content that is counted and not looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

# imaplib takes lines of 16 MB, for searches. What is longer than this is not kept in memory a second time.
LONGEST_LINE = 2 * 1024 * 1024


class Counted:
    """Content of a known size: IMAP's literals, SMTP's BDAT."""

    def __init__(self, size: int):
        self.left = size
        self.size = 0

    def feed(self, data: bytes) -> bytes | None:
        """Return what comes after the content; None while it is not over."""
        taken = min(self.left, len(data))
        self.left -= taken
        self.size += taken
        return None if self.left else data[taken:]

    @property
    def words(self) -> str:
        return f"[{self.size} bytes]"


class Dotted:
    """Content up to a line that is a single dot: RFC 5321 §4.1.1.4, RFC 1939 §3."""

    def __init__(self):
        self.size = 0
        self.lines = 0
        # As if a line had just ended: the dot may come first.
        self._tail = b"\r\n"
        self._before = -2

    def feed(self, data: bytes) -> bytes | None:
        """Return what comes after the content; None while it is not over."""
        text = self._tail + data
        end = text.find(b"\r\n.\r\n")
        if end < 0:
            self.lines += data.count(b"\n")
            self._tail = text[-4:]
            self._before += len(text) - len(self._tail)
            self.size = self._before + len(self._tail)
            return None
        rest = text[end + 5 :]
        # The dot's own line is not counted.
        self.lines += data[: len(data) - len(rest)].count(b"\n") - 1
        self.size = self._before + end + 2
        return rest

    @property
    def words(self) -> str:
        return f"[{self.lines} lines, {self.size} bytes]"


class Stream:
    """Bytes in, lines for people out.

    Args:
        show: returns what is shown of a line without its end, "" for nothing. It may set ``content`` for what follows.
        show_content: returns what is shown of content that is over.
    """

    def __init__(self, show: Callable[[bytes], str], show_content: Callable[[str], str]):
        self._show, self._show_content = show, show_content
        self._line = bytearray()
        self._is_lost = False
        self.content: Counted | Dotted | None = None

    @property
    def unfinished(self) -> int:
        """Bytes that were not shown yet."""
        return len(self._line) + (self.content.size if self.content else 0)

    def drop(self) -> None:
        """Forget what is unfinished."""
        self._line.clear()
        self.content, self._is_lost = None, False

    def feed(self, data: bytes) -> Iterator[str]:
        while data:
            if self._is_lost:
                yield f"[{len(data)} bytes]"
                return
            if self.content is not None:
                data = self.content.feed(data)
                if data is None:
                    return
                words, self.content = self._show_content(self.content.words), None
                if words:
                    yield words
                continue
            line, end, data = data.partition(b"\n")
            self._line += line
            if len(self._line) > LONGEST_LINE:
                # Where content begins cannot be told any more, so nothing is shown any more.
                yield f"[{len(self._line) + len(data)} bytes: a line too long to be followed]"
                self.drop()
                self._is_lost = True
                return
            if end:
                whole = bytes(self._line).removesuffix(b"\r")
                self._line.clear()
                if text := self._show(whole):
                    yield text
