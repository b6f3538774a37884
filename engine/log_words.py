# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What of a log line may be kept: ids, numbers, types and the program's own words; nothing of people."""

from __future__ import annotations

import datetime
import numbers
import os
import re
import traceback
import types
from collections.abc import Callable, Mapping, Set
from decimal import Decimal

ADDRESS = "[address]"
MESSAGE_ID = "[message-id]"
HIDDEN = "[hidden]"
SECRET = "[secret]"  # noqa: S105 - what stands in its place

# An address ends where no address goes on, and is looked for where a word begins, so that a long word costs no more
# than its length. Quoted local parts may hold blanks (RFC 5321 §4.1.2).
_ENDS = r"\s<>()\[\]{},;:\"'=|/\\?&@"
_DOMAIN = rf"(?:\[[0-9A-Fa-f:.]{{2,45}}\]|[^{_ENDS}]+)"
_PLAIN_ADDRESS = re.compile(rf"(?:\"[^\"\n]{{1,64}}\"|(?<![^{_ENDS}])[^{_ENDS}]+)(?:@|%40){_DOMAIN}(?:@{_DOMAIN})*")
# The name in front of an address: quoted, or up to four words with a capital.
_NAMED_ADDRESS = re.compile(
    r"(?:\"[^\"\n]{1,200}\"\s*|(?:[^\W\d_a-z][\w.'’-]{0,60}\s+){1,4})<[^<>\s]{1,320}(?:@|%40)[^<>\s]{1,255}>"
)
# A Message-ID has the shape of an address in angle brackets; only the words in front of it tell them apart.
_NAMED_MESSAGE_ID = re.compile(r"(Message-I[dD]:? )'?<?[^\s<>,;']{1,998}>?'?")
# Secrets that a browser brings back in a URL, and so a web server's line of access.
_URL_SECRET = re.compile(
    r"([?&](?:\w+_)?(?:token|code|state|key|secret|password|login|email)=)[^&\s\"]+", re.IGNORECASE
)
# Values that psycopg2 wrote into a statement: '…' with '' for a quote, E'…' with backslashes.
_SQL_VALUE = re.compile(r"\bE'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:'|\Z)|'[^']*(?:''[^']*)*(?:'|\Z)", re.DOTALL)
# Digits up to which a text is taken for a number of ours: a telephone has more.
_SHORT_NUMBER = re.compile(r"[0-9]{1,6}")
# Values of a list that are shown; a line is no dump.
_MOST_VALUES = 20
# Characters of a line with an address in it.
_LONGEST_LINE = 65_536
_MOST_CAUSES = 10
_CODE = re.compile(r"[0-9]{3}|[0-9]\.[0-9]{1,3}\.[0-9]{1,3}")
# Classes of PostgreSQL's errors whose first line names tables, columns and constraints only: connection, state of the
# transaction, integrity, rollback, names, resources, limits, operator. Class 22 quotes what it could not read.
_WITHOUT_VALUES = ("08", "25", "23", "40", "42", "53", "54", "55", "57")
_DEEPEST = 4

IsKnown = Callable[[str], bool]


def mask_text(text: str) -> str:
    """Return ``text`` without addresses, names in front of them, Message-IDs and secrets of URLs."""
    if len(text) > _LONGEST_LINE:
        text = f"{text[:_LONGEST_LINE]} … [{len(text) - _LONGEST_LINE} characters left out]"
    if "Message-I" in text:
        text = _NAMED_MESSAGE_ID.sub(rf"\1{MESSAGE_ID}", text)
    if "=" in text and ("?" in text or "&" in text):
        text = _URL_SECRET.sub(rf"\1{SECRET}", text)
    if "@" in text or "%40" in text:
        text = _NAMED_ADDRESS.sub(ADDRESS, text)
        text = _PLAIN_ADDRESS.sub(ADDRESS, text)
    return text


def mask_sql(statement: str) -> str:
    """Return an SQL statement without its text values; numbers, among them ids, stay."""
    return _SQL_VALUE.sub("'?'", statement)


def mask_value(value: object, is_known: IsKnown, depth: int = 0) -> object:
    """Return what may be logged of one value of a line.

    Args:
        is_known: whether a word is one of the program's (a model's name).
    """
    if value is None or isinstance(value, numbers.Number | Decimal | datetime.date | datetime.timedelta):
        return value
    if isinstance(value, BaseException):
        return error_words(value)
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, str):
        return str(value) if _SHORT_NUMBER.fullmatch(value) or is_known(value) else _shape(value)
    if hasattr(value, "_ids") and hasattr(value, "_name"):
        return f"{value._name}{value._ids!r}"
    if depth >= _DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return f"{{{len(value)} values}}"
    if isinstance(value, list | tuple | Set):
        shown = [str(mask_value(each, is_known, depth + 1)) for each in list(value)[:_MOST_VALUES]]
        return f"({', '.join(shown)}{', …' if len(value) > _MOST_VALUES else ''})"
    return f"<{type(value).__name__}>"


def error_words(error: BaseException) -> str:
    """Return an error's type and what of it is the program's own: a number, a code, a constraint."""
    facts = []
    if isinstance(error, OSError) and isinstance(error.errno, int):
        facts.append(f"[Errno {error.errno}] {os.strerror(error.errno)}")
    # smtplib's and this addon's errors, without importing either.
    for attribute in ("smtp_code", "code"):
        value = getattr(error, attribute, None)
        if isinstance(value, int) or (isinstance(value, str) and _CODE.fullmatch(value)):
            facts.append(str(value))
    facts.append(_database_words(error) or HIDDEN)
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{name}: {' '.join(facts)}"


def _database_words(error):
    """Return what PostgreSQL says of a statement, without values; never its DETAIL, which shows the row."""
    code, message = getattr(error, "pgcode", None), getattr(getattr(error, "diag", None), "message_primary", None)
    if not isinstance(code, str):
        return ""
    if not isinstance(message, str) or not code.startswith(_WITHOUT_VALUES):
        return f"{code} {HIDDEN}"
    return f"{code} {message.splitlines()[0]}"


def error_text(error: BaseException) -> str:
    """Return an error's type and its text without addresses; what a database error quotes of a row is left out."""
    if hasattr(error, "pgerror"):
        return error_words(error)
    lines = traceback.format_exception_only(type(error), error)
    return mask_text("".join(lines)).rstrip("\n")


def mask_traceback(error: BaseException, words: Callable[[BaseException], str]) -> str:
    """Return the traceback of an error and its causes with their texts as ``words`` gives them.

    Files, lines and the program's own text stay.
    """
    parts: list[str] = []
    seen: set[int] = set()
    link = ""
    while error is not None and id(error) not in seen and len(seen) < _MOST_CAUSES:
        seen.add(id(error))
        frames = "".join(traceback.format_tb(error.__traceback__))
        head = f"Traceback (most recent call last):\n{frames}" if frames else ""
        parts.append(f"{head}{words(error)}{link}")
        if error.__cause__ is not None:
            link = "\n\nThe above exception was the direct cause of the following exception:\n"
            error = error.__cause__
        elif error.__context__ is not None and not error.__suppress_context__:
            link = "\n\nDuring handling of the above exception, another exception occurred:\n"
            error = error.__context__
        else:
            break
    return "\n".join(reversed(parts))


def modules_of(place: types.TracebackType | None):
    """Yield the names of the modules that a traceback goes through."""
    while place is not None:
        yield place.tb_frame.f_globals.get("__name__", "")
        place = place.tb_next


def _shape(text: str) -> str:
    if _PLAIN_ADDRESS.fullmatch(text):
        return ADDRESS
    if text.startswith("<") and text.endswith(">") and "@" in text:
        return MESSAGE_ID
    return HIDDEN if text else "''"
