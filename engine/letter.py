# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A message as rules look at it. The body is parsed only when a rule asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from functools import cached_property

from .pattern import LONGEST_TEXT
from .plain_text import plain_text
from .preview import Preview, preview
from .summary import Summary, named_addresses, sole_address

# Fields of one name that are looked at: a message of 10,000 Received fields is an attack.
MOST_FIELDS = 100


class Letter:
    """What can be asked of one message.

    Args:
        summary: the message's header fields.
        content: the bytes as received.
        envelope_recipients: the addresses it was delivered for, lower-case; empty when unknown.
        kind: value of its engine.message_kind.MessageKind, "" when unknown.
    """

    def __init__(self, summary: Summary, content: bytes, envelope_recipients: Iterable[str] = (), kind: str = ""):
        self.summary = summary
        self.kind = kind
        self.envelope_recipients = tuple(envelope_recipients)[:MOST_FIELDS]
        self._content = content

    def fields(self, name: str) -> tuple[str, ...]:
        """Return the decoded values of every header field called ``name``, in any case."""
        wanted = name.strip().rstrip(":").lower()
        return tuple(value for key, value in self.summary.headers if key == wanted)[:MOST_FIELDS]

    @property
    def sender(self) -> str:
        """The address in From, lower-case, "" when there is none."""
        return sole_address(self.summary.email_from)

    @property
    def sender_name(self) -> str:
        """The name in From, "" when there is none."""
        return next((name for name, address in named_addresses([self.summary.email_from]) if name and address), "")

    @property
    def domain(self) -> str:
        """What follows the @ in the sender's address."""
        return self.sender.rpartition("@")[2]

    @property
    def recipients(self) -> tuple[str, ...]:
        """The addresses in To and Cc, lower-case."""
        values = [value for name in ("to", "cc") for value in self.fields(name)]
        return tuple(address.lower() for _name, address in named_addresses(values) if "@" in address)[:MOST_FIELDS]

    @property
    def date(self) -> datetime | None:
        """When the sender says it was written, in UTC without zone; None when that is missing or makes no sense."""
        try:
            date = parsedate_to_datetime(self.summary.header("Date"))
            return date.astimezone(timezone.utc).replace(tzinfo=None) if date.tzinfo else date
        except (ValueError, TypeError, IndexError, OverflowError):
            return None

    @cached_property
    def _preview(self) -> Preview:
        return preview(self._content)

    @cached_property
    def text(self) -> str:
        """The text a person reads: the plain part, or the HTML part without its marks; bounded."""
        shown = self._preview
        text = shown.text if shown.text.strip() else plain_text(shown.html, LONGEST_TEXT)
        return text[:LONGEST_TEXT].replace("\r\n", "\n")

    @cached_property
    def attachment_names(self) -> tuple[str, ...]:
        """The names of the attached files."""
        return tuple(part.name for part in self._preview.attachments)
