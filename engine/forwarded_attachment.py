# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A message that was forwarded as an attachment: one attached message, and hardly a word beside it."""

from __future__ import annotations

import re

from .plain_text import plain_text
from .summary import Summary, summarize

# One level of MIME is looked at, by searching bytes: no depth, number or size of parts costs more than that.
_MOST_PARTS = 4
_MOST_LOOKS = 100
_LONGEST_PART_HEADER = 8_192
# Of the attached message only the header section counts.
_LONGEST_ATTACHED = 65_536
# "See below" and a signature. Who writes more has something to say of their own.
_LITTLE_TEXT = 600
_LONGEST_RAW_TEXT = 65_536
_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))""", re.IGNORECASE)
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_LONGEST_HEADER = 1_048_576


def attached_message(summary: Summary, content: bytes) -> Summary | None:
    """Return the summary of the message that ``content`` merely carries, None when it is no such letter.

    Args:
        summary: of the carrying message.
        content: its bytes as received.
    """
    media_type = _media_type(summary)
    end = _HEADER_END.search(content, 0, _LONGEST_HEADER)
    if end is None:
        return None
    if media_type == "message/rfc822":
        return _attached(content[end.end() : end.end() + _LONGEST_ATTACHED])
    found = _BOUNDARY.search(summary.header("Content-Type"))
    if media_type != "multipart/mixed" or not found:
        return None
    return _lone_attached(content, end.start(), b"--" + (found[1] or found[2]).encode("utf-8", "replace"))


def _lone_attached(content: bytes, start: int, delimiter: bytes) -> Summary | None:
    attached, texts = None, []
    for first, last in _parts(content, start, delimiter):
        header_end = _HEADER_END.search(content, first, min(last, first + _LONGEST_PART_HEADER))
        if header_end is None:
            return None
        header = summarize(content[first + 1 : header_end.end()])
        media_type = _media_type(header) or "text/plain"
        if media_type == "message/rfc822" and attached is None:
            attached = (header_end.end(), min(last, header_end.end() + _LONGEST_ATTACHED))
        elif media_type.startswith(("text/", "multipart/")) and not _is_file(header):
            texts.append((media_type, header_end.end(), last))
        else:
            # A file, or a second message: it carries more than the one.
            return None
    # Texts last: most mails with parts carry no message at all.
    if not attached or not all(_is_little(media_type, content[first:last]) for media_type, first, last in texts):
        return None
    return _attached(content[attached[0] : attached[1]])


def _parts(content: bytes, start: int, delimiter: bytes):
    """Yield (first, last) of each part's bytes; one that cannot be read when there are more than _MOST_PARTS."""
    place, after = _delimiter(content, start, delimiter)
    count = 0
    while place != -1 and content[after : after + 2] != b"--":
        # A part without header fields begins with the empty line, whose first half is this line's end.
        first = content.find(b"\n", after)
        if first == -1:
            return
        place, after = _delimiter(content, first, delimiter)
        count += 1
        if count > _MOST_PARTS:
            yield first, first
            return
        yield first, place if place != -1 else len(content)


def _delimiter(content: bytes, start: int, delimiter: bytes) -> tuple[int, int]:
    """Return where the next delimiter line begins and its delimiter ends; (-1, -1) for none."""
    place = start
    for _look in range(_MOST_LOOKS):
        place = content.find(b"\n" + delimiter, place)
        if place == -1:
            break
        after = place + 1 + len(delimiter)
        # The boundary of an inner multipart may begin with that of the outer one.
        if content[after : after + 1] in (b"\r", b"\n", b" ", b"\t", b"") or content[after : after + 2] == b"--":
            return place, after
        place = after
    return -1, -1


def _attached(content: bytes) -> Summary | None:
    found = summarize(content)
    # What has neither is no message.
    return found if found.header("From") and (found.message_id or found.header("Date")) else None


def _media_type(summary: Summary) -> str:
    return summary.header("Content-Type").partition(";")[0].strip().lower()


def _is_file(header: Summary) -> bool:
    return header.header("Content-Disposition").strip().lower().startswith("attachment")


def _is_little(media_type: str, raw: bytes) -> bool:
    if len(raw) > _LONGEST_RAW_TEXT:
        return False
    text = raw.decode("utf-8", "replace")
    # Both forms of one text, say; transfer encodings only make it longer.
    if media_type != "text/plain":
        text = plain_text(text)
    return len("".join(text.split())) <= (_LITTLE_TEXT if media_type == "text/plain" else 3 * _LITTLE_TEXT)
