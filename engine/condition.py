# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One condition of a rule: where to look, how to compare, with what."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .errors import ConfigurationError
from .letter import Letter
from .pattern import LONGEST_TEXT, Clock, compile_pattern, search


class Place(str, Enum):
    """Where a condition looks."""

    SUBJECT = "subject"
    SENDER = "sender"
    DOMAIN = "domain"
    RECIPIENT = "recipient"
    ENVELOPE_RECIPIENT = "envelope_recipient"
    HEADER = "header"
    TEXT = "text"
    ATTACHMENT = "attachment"
    SIZE = "size"
    KIND = "kind"


class Operator(str, Enum):
    """How a condition compares."""

    CONTAINS = "contains"
    EQUALS = "equals"
    STARTS = "starts"
    ENDS = "ends"
    IN_LIST = "in_list"
    MATCHES = "matches"
    EXISTS = "exists"
    OVER = "over"


PLACE_WORDS = {
    Place.SUBJECT: "Subject",
    Place.SENDER: "Sender's address",
    Place.DOMAIN: "Sender's domain",
    Place.RECIPIENT: "Address in To or Cc",
    Place.ENVELOPE_RECIPIENT: "Address it was delivered for",
    Place.HEADER: "Header field",
    Place.TEXT: "Text of the message",
    Place.ATTACHMENT: "Name of an attachment",
    Place.SIZE: "Size in bytes",
    Place.KIND: "What the message is",
}

OPERATOR_WORDS = {
    Operator.CONTAINS: "contains",
    Operator.EQUALS: "is exactly",
    Operator.STARTS: "starts with",
    Operator.ENDS: "ends with",
    Operator.IN_LIST: "is one of (one per line)",
    Operator.MATCHES: "matches the regular expression",
    Operator.EXISTS: "is there",
    Operator.OVER: "is over",
}


@dataclass(frozen=True)
class Condition:
    """A condition holds when one of the texts in its place does: one of several header fields, one attachment.

    Attributes:
        value: what to compare with; for IN_LIST one entry a line, for OVER a number of bytes, for the place KIND the
            value of an engine.message_kind.MessageKind.
        header: name of the field, for the place HEADER.
        negated: holds when none of the texts does.
    """

    place: Place
    operator: Operator
    value: str = ""
    header: str = ""
    negated: bool = False
    case_sensitive: bool = False

    def check(self) -> None:
        """Find what makes the condition senseless.

        Raises:
            ConfigurationError: in words for whoever wrote it; a PatternError has the position of the fault.
        """
        if self.place is Place.HEADER and not self.header.strip():
            raise ConfigurationError("the name of the header field is missing", field="header")
        if self.place is Place.SIZE and self.operator is not Operator.OVER:
            raise ConfigurationError("a size can only be compared with “is over”", field="operator")
        if self.place is Place.KIND and self.operator is not Operator.EQUALS:
            raise ConfigurationError("what a message is can only be compared with “is exactly”", field="operator")
        if self.operator is Operator.OVER:
            if self.place is not Place.SIZE:
                raise ConfigurationError("“is over” compares a size only", field="operator")
            if not self.value.strip().isdecimal():
                raise ConfigurationError("the size must be a whole number of bytes", field="value")
        elif self.operator is not Operator.EXISTS and not self.value.strip():
            raise ConfigurationError("the value to compare with is missing", field="value")
        if self.operator is Operator.MATCHES:
            compile_pattern(self.value, self.case_sensitive)

    def test(self, letter: Letter, clock: Clock) -> Finding:
        """Return whether the condition holds for a message.

        Raises:
            PatternTimeout: the regular expression needs too long for this message.
        """
        groups: dict[str, str] = {}
        if self.operator is Operator.OVER:
            holds = letter.summary.size > int(self.value)
        elif self.operator is Operator.MATCHES:
            match = search(
                compile_pattern(self.value, self.case_sensitive), look(letter, self.place, self.header), clock
            )
            holds = match is not None
            if match and not self.negated:
                groups = {name: text for name, text in match.groupdict().items() if text is not None}
        else:
            holds = any(self._compare(text[:LONGEST_TEXT]) for text in look(letter, self.place, self.header))
        return Finding(holds is not self.negated, groups)

    def _compare(self, text: str) -> bool:
        text, value = text.strip(), self.value.strip()
        if not self.case_sensitive:
            text, value = text.casefold(), value.casefold()
        if self.operator is Operator.EXISTS:
            return bool(text)
        if self.operator is Operator.EQUALS:
            return text == value
        if self.operator is Operator.STARTS:
            return text.startswith(value)
        if self.operator is Operator.ENDS:
            return text.endswith(value)
        if self.operator is Operator.IN_LIST:
            return text in {line.strip() for line in value.splitlines() if line.strip()}
        return value in text


@dataclass(frozen=True)
class Finding:
    """Whether a condition holds, and the named groups of its regular expression."""

    holds: bool
    groups: dict[str, str] = field(default_factory=dict)


def look(letter: Letter, place: Place, header: str = "") -> tuple[str, ...]:
    """Return the texts at a place of a message; empty when it has none."""
    if place is Place.HEADER:
        return letter.fields(header)
    if place is Place.RECIPIENT:
        return letter.recipients
    if place is Place.ENVELOPE_RECIPIENT:
        return letter.envelope_recipients
    if place is Place.ATTACHMENT:
        return letter.attachment_names
    if place is Place.SIZE:
        return (str(letter.summary.size),)
    if place is Place.KIND:
        return (letter.kind,) if letter.kind else ()
    text = {
        Place.SUBJECT: lambda: letter.summary.subject,
        Place.SENDER: lambda: letter.sender,
        Place.DOMAIN: lambda: letter.domain,
        Place.TEXT: lambda: letter.text,
    }[place]()
    return (text,) if text else ()
