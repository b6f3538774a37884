# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The mark by which a database knows its own mail again, also after a relay changed the Message-ID."""

from __future__ import annotations

from datetime import datetime, timedelta

from .errors import TokenError
from .pipeline import Facts, Step, Verdict
from .summary import Summary
from .token import TokenRing
from .trace import TraceStep

HEADER = "X-SPP-Email-Gateway"
# RFC 5321 §4.5.4.1 lets a sender try for 5 days; a bounce may take as long again.
LIFETIME = timedelta(days=30)
_PURPOSE = "own-mark"


def own_mark(ring: TokenRing, now: datetime) -> str:
    """Return the value of the HEADER field for a mail that leaves now."""
    return ring.sign(_PURPOSE, 0, now + LIFETIME)


def find_own_mark(ring: TokenRing, now: datetime) -> Step:
    """Return the step that sets the fact ``own_mark`` (bool): this database sent the message itself."""

    def step(message: Summary, facts: Facts) -> Verdict:
        facts["own_mark"] = False
        text = message.header(HEADER)
        if not text:
            return Verdict()
        try:
            ring.verify(_PURPOSE, text, now)
        except TokenError as error:
            return Verdict((TraceStep(f"{HEADER} header", str(error), "ignored"),))
        facts["own_mark"] = True
        return Verdict((TraceStep(f"{HEADER} header", "sent by this database", "it is never answered"),))

    return step
