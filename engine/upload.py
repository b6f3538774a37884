# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Messages in a file that a person uploads: one .eml, or an mbox of many. No byte of a message is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# The line between messages (RFC 4155 Appendix A): an address and a date with a time. A line of a text that merely
# begins with "From " has none, and does not cut a message in two where the writer forgot to quote it.
# Bounded: without it the time grows with the square of a line full of such times.
_SEPARATOR = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]{0,500}?\d\d:\d\d[^\r\n]{0,100}\r?\n")
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
    number, begin = 1, first.end()
    # One at a time: a list of all would be larger than a file of nothing but separators.
    for match in _SEPARATOR.finditer(content, 1):
        yield _cut(number, content, begin, match.start())
        number, begin = number + 1, match.end()
    yield _cut(number, content, begin, len(content))


def _cut(number: int, content: bytes, begin: int, end: int) -> Piece:
    # The empty line before the next separator belongs to the format, not to the message.
    return _piece(number, _EMPTY_LINE.sub(b"", content[begin:end], count=1))


def _piece(number: int, content: bytes) -> Piece:
    if not content.strip():
        return Piece(number, content, "empty")
    return Piece(number, content, "" if _FIELD.match(content) else "no_header")
