# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A file of addresses for the suppression list: our own form, and what providers export."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from .storable import storable
from .suppression import REFUSALS, SuppressionReason
from .suppression_address import suppression_address

MOST_BYTES = 5_000_000
MOST_LINES = 20_000
# A note in quotation marks may have lines of its own; a mark that is never closed must not swallow the file.
MOST_LINES_A_RECORD = 20
LONGEST_NOTE = 1000
# A reason in one or two words; what is longer is what a server said.
LONGEST_WORD = 30

ADDRESS_COLUMNS = frozenset(
    {"address", "email", "emailaddress", "mail", "recipient", "recipientaddress", "destination", "contactemail"}
)
# SendGrid has "reason" (what the server said) and "status" (5.1.1), SES "Reason" (BOUNCE), Mailjet "Status".
REASON_COLUMNS = frozenset(
    {"reason", "type", "bouncetype", "suppressionreason", "status", "state", "event", "category"}
)
EXPIRY_COLUMNS = frozenset({"expiry", "expires", "expirydate", "expirationdate", "expiresat", "until", "validuntil"})
NOTE_COLUMNS = frozenset(
    {"note", "notes", "comment", "comments", "description", "error", "message", "details", "diagnosticcode"}
)
# Without a line of names the columns are these, in order.
OWN_FORM = ("address", "reason", "expiry", "note")

_LINE_END = re.compile(r"\r\n|\n|\r")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_STATUS = re.compile(r"(?<![\d.])([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# Looked for in order: "soft bounce" is none of the bounces after it.
_WORDS = (
    ("complain", SuppressionReason.COMPLAINT),
    ("abuse", SuppressionReason.COMPLAINT),
    ("spam", SuppressionReason.COMPLAINT),
    ("soft", SuppressionReason.SOFT_BOUNCES),
    ("transient", SuppressionReason.SOFT_BOUNCES),
    ("temporary", SuppressionReason.SOFT_BOUNCES),
    ("hard", SuppressionReason.HARD_BOUNCE),
    ("permanent", SuppressionReason.HARD_BOUNCE),
    ("bounce", SuppressionReason.HARD_BOUNCE),
    ("invalid", SuppressionReason.HARD_BOUNCE),
    ("by hand", SuppressionReason.BY_HAND),
    ("by_hand", SuppressionReason.BY_HAND),
    ("manual", SuppressionReason.BY_HAND),
    ("import", SuppressionReason.IMPORTED),
)
_NOT_OURS = ("unsub", "opt out", "opt-out", "optout")


@dataclass(frozen=True, slots=True)
class FileLine:
    """One line of a file.

    Attributes:
        number: 1 for the first line of the file, its names included; of the first of several that are one record.
        address: as `suppression_address` returns it; "" with a problem.
        reason: IMPORTED where the file does not say.
        until: naive UTC; None where the file does not say.
        problem: what is wrong with it, in words; "" for nothing, and then it can be imported.
        raw: the line as it stands in the file.
    """

    number: int
    address: str = ""
    reason: SuppressionReason = SuppressionReason.IMPORTED
    until: datetime | None = None
    note: str = ""
    problem: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a file hold what, by number.

    Attributes:
        ignored: names of the others.
        delimiter: between the columns.
    """

    address: int
    reasons: tuple[int, ...] = ()
    expiry: int | None = None
    notes: tuple[int, ...] = ()
    ignored: tuple[str, ...] = ()
    delimiter: str = ","
    has_names: bool = True


def find_columns(content: bytes) -> Columns:
    """Return which columns a file has.

    Raises:
        ValueError: it is too large, empty, or has no column of addresses; the text says so.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"The file is larger than {MOST_BYTES // 1_000_000} MB. Import it in parts.")
    lines = [line for line in _lines(content) if line.strip()]
    if not lines:
        raise ValueError("The file is empty.")
    if len(lines) > MOST_LINES:
        raise ValueError(f"The file has more than {MOST_LINES} lines. Import it in parts.")
    delimiter = max(",;\t", key=lines[0].count)
    cells = _cells(lines[0], delimiter)
    names = [_NOT_IN_NAMES.sub("", cell.lower()) for cell in cells]
    address = next((number for number, name in enumerate(names) if name in ADDRESS_COLUMNS), None)
    if address is None:
        if not any(suppression_address(cell) for cell in cells):
            raise ValueError(
                "The first line names no column of addresses. Call it “address” or “email”; "
                f"the names found are: {', '.join(cell.strip() or '(none)' for cell in cells[:10])}."
            )
        if not suppression_address(cells[0]):
            raise ValueError(
                f"Without a line of names the columns are {', '.join(OWN_FORM)}, but the first one holds no address."
            )
        return Columns(0, (1,), 2, (3,), delimiter=delimiter, has_names=False)
    expiry = next((number for number, name in enumerate(names) if name in EXPIRY_COLUMNS), None)
    reasons = tuple(number for number, name in enumerate(names) if name in REASON_COLUMNS)
    notes = tuple(number for number, name in enumerate(names) if name in NOTE_COLUMNS)
    used = {address, expiry, *reasons, *notes}
    ignored = tuple(cell.strip() for number, cell in enumerate(cells) if number not in used and cell.strip())
    return Columns(address, reasons, expiry, notes, ignored, delimiter)


def read_lines(content: bytes, columns: Columns, now: datetime) -> Iterator[FileLine]:
    """Yield each record of a file, also those that cannot be imported; empty lines are passed over.

    Args:
        now: naive UTC.
    """
    lines = _lines(content)
    number, is_first, known = 0, True, {}
    while number < len(lines):
        begin = number
        number += 1
        if not lines[begin].strip():
            continue
        raw = lines[begin]
        # RFC 4180 §2: an odd number of quotation marks leaves one open, and the record goes on.
        end = begin + 1
        while raw.count('"') % 2 and end < min(len(lines), begin + MOST_LINES_A_RECORD):
            raw += "\n" + lines[end]
            end += 1
        if is_first and columns.has_names:
            is_first, number = False, end
            continue
        is_first = False
        if raw.count('"') % 2:
            # Only this line is bad; those after it are read as if it were closed.
            yield FileLine(begin + 1, problem="a quotation mark is opened and not closed", raw=lines[begin])
            continue
        number = end
        line = _read(begin + 1, raw, columns, now)
        if not line.problem and line.address in known:
            problem = f"the address stands in line {known[line.address]} already"
            line = FileLine(line.number, problem=problem, raw=raw)
        elif not line.problem:
            known[line.address] = line.number
        yield line


def _read(number: int, raw: str, columns: Columns, now: datetime) -> FileLine:
    cells = _cells(raw, columns.delimiter)
    text = _cell(cells, columns.address)
    address = suppression_address(text)
    if not address:
        problem = f"“{text}” is no address" if text else "there is no address"
        return FileLine(number, problem=problem, raw=raw)
    try:
        until = _expiry(_cell(cells, columns.expiry), now)
        reason, said = _reason([_cell(cells, one) for one in columns.reasons])
    except ValueError as error:
        return FileLine(number, problem=str(error), raw=raw)
    notes = [*said, *(_cell(cells, one) for one in columns.notes)]
    note = storable("; ".join(" ".join(one.split()) for one in notes if one), LONGEST_NOTE)
    return FileLine(number, address, reason, until, note, raw=raw)


def _reason(texts: list[str]) -> tuple[SuppressionReason, list[str]]:
    """Return the reason that the cells name, and those cells that say more than that.

    Raises:
        ValueError: the address unsubscribed.
    """
    found, said = None, []
    for text in filter(None, texts):
        word = text.lower() if len(text) <= LONGEST_WORD else ""
        if any(one in word for one in _NOT_OURS):
            raise ValueError("who unsubscribed belongs on Odoo's blacklist, which is for mass mail")
        status = _STATUS.search(text)
        reason = next((reason for part, reason in _WORDS if part in word), None)
        if status:
            reason = _by_status(status[0]) or reason
        found = found or reason
        if not reason or status:
            said.append(text)
    return found or SuppressionReason.IMPORTED, said


def _by_status(status: str) -> SuppressionReason | None:
    if status in REFUSALS:
        is_hard = REFUSALS[status][1]
        return SuppressionReason.HARD_BOUNCE if is_hard else SuppressionReason.SOFT_BOUNCES
    return SuppressionReason.SOFT_BOUNCES if status.startswith("4.") else None


def _expiry(text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise ValueError(f"“{text}” is no date such as 2027-12-31") from None
    if found.tzinfo:
        found = found.astimezone(timezone.utc).replace(tzinfo=None)
    elif len(text) == len("2027-12-31"):
        # Until that day: its evening.
        found += timedelta(hours=23, minutes=59, seconds=59)
    if found <= now:
        raise ValueError(f"the expiry {text} is over already")
    return found.replace(microsecond=0)


def _lines(content: bytes) -> list[str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        # A spreadsheet's "Unicode text".
        return _LINE_END.split(content.decode("utf-16", "replace"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What spreadsheets write in the west; a wrong letter in a note is no reason to refuse a file.
        text = content.decode("cp1252", "replace")
    return _LINE_END.split(text)


def _cells(record: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([record], delimiter=delimiter), [])
    except csv.Error:
        # Longer than any field that makes sense: what is wrong with it is said of the address.
        return [record[:LONGEST_NOTE]]


def _cell(cells: list[str], number: int | None) -> str:
    return cells[number].strip() if number is not None and number < len(cells) else ""
