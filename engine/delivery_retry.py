# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""When a recipient that could not be reached is tried again, and when that ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

# RFC 5321 §4.5.4.1: at least 30 minutes between attempts in general, more often at first, up to 4 or 5 days. What
# makes a first attempt fail is often over within minutes: greylisting, a restart, a short break of the line.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120, 240))
DAYS = 5
# A server that says "in 1 second" again and again would otherwise be asked without end.
SHORTEST_WAIT = timedelta(seconds=30)
AGE_PER_WAIT = 20


def next_delivery_attempt(
    now: datetime, first_attempt: datetime, attempts: int, rng: Random, *, wait: int | None = None, days: int = DAYS
) -> datetime | None:
    """Return when to try again, None when it is time to give up.

    Args:
        now, first_attempt: naive UTC.
        attempts: how many have failed so far, 1 or more; those that do not count (greylisting) may be left out.
        rng: adds up to a quarter, so that what failed together does not come back together.
        wait: seconds that the server asked for; they are waited, and no growing wait is put on top.
        days: how long after the first attempt there may be another; 0 gives up at once.
    """
    end = first_attempt + timedelta(days=max(days, 0))
    if wait is None:
        delay = WAITS[min(max(attempts, 1), len(WAITS)) - 1]
    else:
        # Even so no oftener than a twentieth of its age: "in 60 seconds" for five days would be 7200 attempts.
        asked = timedelta(seconds=min(max(wait, 0), 366 * 86400))
        delay = max(asked, SHORTEST_WAIT, (now - first_attempt) / AGE_PER_WAIT)
    delay *= 1 + rng.random() / 4
    if now + delay <= end:
        return now + delay
    # One last attempt at the very end, unless that is nothing but the last one again.
    return end if wait is None and end - now > delay / 2 else None
