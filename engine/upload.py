# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Messages in a file that a person uploads: one .eml, or an mbox of many. No byte of a message is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# The line between messages (RFC 4155 Appendix A): an address and a date with a time. A line of a text that merely
# begins with "From " has none, and does not cut a message in two where the writer forgot to quote it.
_SEPARATOR = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*\d\d:\d\d[^\r\n]*\r?\n")
_FIRST_LINE = re.compile(rb"\AFrom [^\r\n]*\r?\n")
# RFC 5322 §2.2: a field name is printable US-ASCII without a colon.
_FIELD = re.compile(rb"\A[!-9;-~]+[ \t]*:")
_EMPTY_LINE = re.compile(rb"(?<=\n)\r?\n\Z")


@dataclass(frozen=True)
class Piece:
    """One message of a file.

    Attributes:
        number: 1 for the first of its file.
        content: its bytes.
        problem: why it cannot be read: "empty", "no_header" or ""; the others of the file are not touched by it.
    """

    number: int
    content: bytes
    problem: str = ""


def pieces(content: bytes) -> Iterator[Piece]:
    """Yield the messages of a file in order."""
    first = _FIRST_LINE.match(content)
    if not first:
        yield _piece(1, content)
        return
    # The first line separates whatever it says: some writers leave out the date.
    starts = [(0, first.end())] + [match.span() for match in _SEPARATOR.finditer(content) if match.start()]
    ends = [start for start, _end in starts[1:]] + [len(content)]
    for number, ((_start, begin), end) in enumerate(zip(starts, ends, strict=True), 1):
        # The empty line before the next separator belongs to the format, not to the message.
        yield _piece(number, _EMPTY_LINE.sub(b"", content[begin:end], count=1))


def _piece(number: int, content: bytes) -> Piece:
    if not content.strip():
        return Piece(number, content, "empty")
    return Piece(number, content, "" if _FIELD.match(content) else "no_header")
