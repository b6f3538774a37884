# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether a message may leave now: what is asked, and what the answer can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .outcome import OutboundReason, OutboundState
from .trace import TraceStep


@dataclass(frozen=True, slots=True)
class Departure:
    """One message that is about to leave through one server.

    Attributes:
        server_id: id of the outgoing server; None for the configuration file's.
        recipients: bare lower-case addresses of this SMTP transaction.
        is_mass: part of a mass mailing.
        mail_class: "transactional" or "mass"; other works add more.
    """

    mail_id: int
    server_id: int | None
    email_from: str
    recipients: tuple[str, ...]
    company_id: int | None = None
    is_mass: bool = False
    mail_class: str = "transactional"


@dataclass(frozen=True, slots=True)
class Hold:
    """It waits, and is not an attempt. `until` is naive UTC; `text` is shown to people as it is."""

    until: datetime
    reason: OutboundReason
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """One recipient is not written to. `state` is final: FAILED, SUPPRESSED or CANCELLED."""

    state: OutboundState
    reason: OutboundReason
    text: str


@dataclass
class Permit:
    """What the gates said. With a hold nothing leaves; refused recipients are left out of the transaction."""

    hold: Hold | None = None
    refused: dict[str, Refusal] = field(default_factory=dict)
    steps: list[TraceStep] = field(default_factory=list)
