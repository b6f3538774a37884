# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail that is sent through one of our servers and awaited in one of our mailboxes: how it is known when it comes."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from .errors import TokenError
from .outcome import InboundReason, InboundState
from .pipeline import Facts, Step, Verdict
from .summary import Summary
from .token import TokenRing
from .trace import TraceStep

HEADER = "X-SPP-Email-Gateway-Round-Trip"
# RFC 5321 §4.5.4.1: a sender may try for days. What comes later is still no mail for a person.
LIFETIME = timedelta(days=30)
_PURPOSE = "round-trip"
# Some relays take fields off that they do not know, and none takes off the subject. The whole of it has to fit: an
# answer to such a mail, or a report that names it, is another message.
_SUBJECT = re.compile(r"Round trip of the email gateway \[([a-z2-7]{40})\]")
_TURN_BITS = 24


def round_trip_token(ring: TokenRing, trip: int, turn: int, now: datetime) -> str:
    """Return the token of one turn of a trip; 40 characters. ``trip`` is an id below 2**40, ``turn`` counts from 1."""
    return ring.sign(_PURPOSE, (trip << _TURN_BITS) | (turn % (1 << _TURN_BITS)), now + LIFETIME)


def round_trip_subject(token: str) -> str:
    return f"Round trip of the email gateway [{token}]"


def find_round_trip(ring: TokenRing, now: datetime) -> Step:
    """Return the step that ends the processing of such mail, with the fact ``round_trip``: (trip, turn)."""

    def step(message: Summary, facts: Facts) -> Verdict:
        subject = _SUBJECT.fullmatch(message.subject.strip())
        for place, text in ((f"{HEADER} header", message.header(HEADER)), ("subject", subject[1] if subject else "")):
            if not text:
                continue
            try:
                value = ring.verify(_PURPOSE, text, now)
            except TokenError as error:
                return Verdict((TraceStep(place, str(error), "ignored"),))
            facts["round_trip"] = (value >> _TURN_BITS, value % (1 << _TURN_BITS))
            return Verdict(
                (TraceStep(place, "a round trip that this database began", "done: no record is made"),),
                InboundState.DONE,
                InboundReason.ROUND_TRIP,
            )
        return Verdict()

    return step


def describe_seconds(seconds: int) -> str:
    """Return "4 s", "2 min 5 s", "3 h 10 min"."""
    minutes, rest = divmod(max(0, seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
