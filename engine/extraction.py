# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Takes one value out of a message: a text, still to be checked against the field that it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from .condition import Place, look
from .errors import ConfigurationError
from .letter import Letter
from .pattern import Clock, PatternError, compile_pattern, search

LONGEST_VALUE = 2000
MOST_LABEL_WORDS = 3
# What begins the quoted message in an answer: the values in it were taken when it came.
_QUOTATION = re.compile(r"^(>|-{2,} ?Original Message ?-{2,}|_{20,}$|On .{5,200} wrote:$)", re.IGNORECASE)


class Origin(str, Enum):
    """Where a value comes from."""

    FIXED = "fixed"
    LABEL = "label"
    EXPRESSION = "expression"
    GROUP = "group"
    SENDER = "sender"
    SENDER_NAME = "sender_name"
    SUBJECT = "subject"
    DATE = "date"
    TEXT = "text"


ORIGIN_WORDS = {
    Origin.FIXED: "This value",
    Origin.LABEL: "A line “Label: value” in the text",
    Origin.EXPRESSION: "A regular expression",
    Origin.GROUP: "A named group of the conditions",
    Origin.SENDER: "The sender's address",
    Origin.SENDER_NAME: "The sender's name",
    Origin.SUBJECT: "The subject",
    Origin.DATE: "The date of the message",
    Origin.TEXT: "The whole text",
}


@dataclass(frozen=True)
class Extraction:
    """How to get one value.

    Attributes:
        value: the fixed value; labels, one a line; the regular expression; or the name of the group.
        place: where a regular expression looks.
        header: name of the field, for the place HEADER.
    """

    origin: Origin
    value: str = ""
    place: Place = Place.SUBJECT
    header: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the value is the sender's word, and not the admin's."""
        return self.origin is not Origin.FIXED

    def check(self, groups: tuple[str, ...] = ()) -> None:
        """Find what makes the extraction senseless.

        Args:
            groups: names of the groups in the conditions of the rule.

        Raises:
            ConfigurationError: in words for whoever wrote it; a PatternError has the position of the fault.
        """
        if self.origin in (Origin.LABEL, Origin.EXPRESSION, Origin.GROUP) and not self.value.strip():
            words = {Origin.LABEL: "the label", Origin.EXPRESSION: "the regular expression"}
            raise ConfigurationError(f"{words.get(self.origin, 'the name of the group')} is missing", field="value")
        if self.origin is Origin.GROUP and self.value.strip() not in groups:
            raise ConfigurationError(f"no condition has a group (?P<{self.value.strip()}>…)", field="value")
        if self.origin is Origin.EXPRESSION:
            if self.place is Place.HEADER and not self.header.strip():
                raise ConfigurationError("the name of the header field is missing", field="header")
            if not compile_pattern(self.value).groups:
                raise PatternError("put the part that is the value into parentheses")

    def take(self, letter: Letter, groups: Mapping[str, str], clock: Clock) -> str:
        """Return the value as text without blanks around it, "" when the message has none.

        Raises:
            PatternTimeout: the regular expression needs too long for this message.
        """
        return self._take(letter, groups, clock).strip()[:LONGEST_VALUE]

    def _take(self, letter: Letter, groups: Mapping[str, str], clock: Clock) -> str:
        if self.origin is Origin.FIXED:
            return self.value
        if self.origin is Origin.LABEL:
            return labelled(letter.text, self.value)
        if self.origin is Origin.GROUP:
            return groups.get(self.value.strip(), "")
        if self.origin is Origin.EXPRESSION:
            match = search(compile_pattern(self.value), look(letter, self.place, self.header), clock)
            return next((group for group in match.groups() if group is not None), "") if match else ""
        if self.origin is Origin.DATE:
            return letter.date.isoformat(" ", "seconds") if letter.date else ""
        return {
            Origin.SENDER: lambda: letter.sender,
            Origin.SENDER_NAME: lambda: letter.sender_name,
            Origin.SUBJECT: lambda: letter.summary.subject,
            Origin.TEXT: lambda: letter.text,
        }[self.origin]()


def labelled(text: str, labels: str) -> str:
    """Return what follows the first of ``labels`` (one a line, any case) and a colon, up to the end of the line.

    A label at the end of its line has its value on the next one. Quoted lines are passed over.
    """
    wanted = {_plain(label) for label in labels.splitlines() if label.strip()}
    waits = False
    for line in text.splitlines():
        line = line.strip()
        if _QUOTATION.match(line):
            if line.startswith(">"):
                continue
            break
        label, colon, value = line.partition(":")
        if waits and line:
            # A line that begins with another label is not the value of this one.
            return "" if colon and len(label.split()) <= MOST_LABEL_WORDS else line
        if colon and _plain(label) in wanted:
            value = value.strip().removeprefix("**").removeprefix("__")
            if value:
                return value
            waits = True
    return ""


def _plain(label: str) -> str:
    """Return a label for comparison: without list marks, stars and colon, in one case."""
    return " ".join(label.strip().rstrip(":").strip("*-•_ \t").split()).casefold()
