# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Turns a text from a message into a value for a field, or says why it does not fit."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from datetime import date, datetime

_TRUE = frozenset("yes y true 1 x on oui si sí ja sim".split())
_FALSE = frozenset("no n false 0 off non nein nao não".split())
_DATE_FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%Y/%m/%d")
_TIME_FORMATS = ("", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S")
# PostgreSQL's integer.
_LARGEST_INTEGER = 2**31 - 1
# 1,234.50 and 1234.50 and 1 234.50; 1.234,50 is another country's 1,234.50, so a comma must be clear.
_NUMBER = re.compile(r"[+-]?\d{1,3}(?:[ ,'’\u00a0\u202f]\d{3})+(?:\.\d+)?|[+-]?\d+(?:\.\d+)?", re.ASCII)
SCALARS = ("char", "text", "html", "integer", "float", "monetary", "boolean", "date", "datetime", "selection")


class ValueMisfit(Exception):
    """A value does not fit its field. The words say what was expected, never the value itself."""


def field_value(
    kind: str, text: str, *, size: int = 0, choices: Sequence[tuple[str, str]] = ()
) -> str | int | float | bool:
    """Return the value that Odoo takes for a field of type ``kind``; dates as text in its own format, UTC.

    Args:
        kind: one of SCALARS.
        text: not empty.
        size: longest text of a char, 0 for no limit.
        choices: (value, label) pairs of a selection; a text is compared with both, in any case.

    Raises:
        ValueMisfit: the text is none of that type.
    """
    if kind == "char":
        flat = " ".join(text.split())
        if size and len(flat) > size:
            raise ValueMisfit(f"it is longer than {size} characters")
        return flat
    if kind == "text":
        return text
    if kind == "html":
        # What a stranger wrote is shown, never interpreted.
        return "<p>" + "<br/>".join(html.escape(line) for line in text.splitlines()) + "</p>"
    if kind == "integer":
        number = _number(text)
        if number != int(number) or abs(number) > _LARGEST_INTEGER:
            raise ValueMisfit("it is not a whole number that fits")
        return int(number)
    if kind in ("float", "monetary"):
        return _number(text)
    if kind == "boolean":
        word = text.strip().casefold()
        if word not in _TRUE | _FALSE:
            raise ValueMisfit("it is neither yes nor no")
        return word in _TRUE
    if kind == "date":
        return _moment(text).date().isoformat()
    if kind == "datetime":
        return _moment(text).isoformat(" ", "seconds")
    if kind == "selection":
        return _choice(text, choices)
    raise ValueMisfit(f"fields of type {kind} cannot be filled from a message")


def _number(text: str) -> float:
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise ValueMisfit("it is not a number such as 1234.50")
    number = float(re.sub(r"[ ,'’\u00a0\u202f]", "", text))
    if not math.isfinite(number):
        raise ValueMisfit("the number is too large")
    return number


def _moment(text: str) -> datetime:
    text = " ".join(text.split())
    for day in _DATE_FORMATS:
        for time in _TIME_FORMATS:
            try:
                moment = datetime.strptime(text, day + time)
            except ValueError:
                continue
            # strftime and PostgreSQL agree on four digits only.
            if moment.year < 1000:
                continue
            return moment
    # 03/04/2026 is two different days in two countries, so it is no date at all.
    today = date(2026, 12, 31)
    raise ValueMisfit(f"it is not a date such as {today.isoformat()} or {today:%d.%m.%Y}")


def _choice(text: str, choices: Sequence[tuple[str, str]]) -> str:
    wanted = " ".join(text.split()).casefold()
    found = {value for value, label in choices if wanted in (str(value).casefold(), str(label).casefold())}
    if len(found) != 1:
        raise ValueMisfit("it is none of the choices" if not found else "it names several choices")
    return found.pop()
