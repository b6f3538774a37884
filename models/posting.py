# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What one SMTP transaction carries, as the ledger and the kept copies have it."""

import json
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields

from ..engine.storable import storable


@dataclass(frozen=True, slots=True)
class Posting:
    """What is the same for all recipients of one SMTP transaction."""

    mail_id: int | None
    mail_message_id: int | None
    model: str | None
    res_id: int | None
    company_id: int | None
    subject: str
    message_id: str
    mail_class: str
    inbound_id: int | None = None
    about_mailbox_id: int | None = None
    about_intake_id: int | None = None
    partner_id: int | None = None
    server_id: int | None = None
    email_from: str = ""
    envelope_sender: str = ""
    trace: tuple = ()

    def columns(self):
        """Return the values as the table has them."""
        values = {name: getattr(self, name) for name in POSTED}
        for name in ("subject", "message_id", "email_from", "envelope_sender"):
            values[name] = storable(values[name])
        values["trace"] = json.dumps([asdict(step) for step in self.trace]) if self.trace else None
        return values


POSTED = tuple(one.name for one in dataclass_fields(Posting))


@dataclass(frozen=True, slots=True)
class SentContent:
    """A message as it went over the wire, and what decides whether it is kept.

    Attributes:
        octets: the bytes after signing.
        keep: what the server keeps: all, transactional or none.
        is_secret: it is known to hold a way to log in.
        body_html: of the mail, where such a way may stand.
    """

    octets: bytes
    keep: str
    is_secret: bool
    body_html: str
