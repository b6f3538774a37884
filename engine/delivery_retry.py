# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""When a recipient is tried again, and when it is given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=4)


def next_delivery_attempt(
    now: datetime, first_attempt: datetime, attempts: int, rng: Random, *, wait: int | None = None, days: int = 5
) -> datetime | None:
    wanted = timedelta(seconds=wait) if wait else min(FIRST_WAIT * 2 ** min(max(attempts - 1, 0), 20), LONGEST_WAIT)
    due = now + wanted * (1 + rng.random() / 4)
    return due if due <= first_attempt + timedelta(days=days) else None
