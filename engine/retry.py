# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""When to try again."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)


def next_attempt(now: datetime, attempts: int, rng: Random) -> datetime:
    """Return when attempt number `attempts` + 1 is due.

    The wait doubles with each attempt up to an hour. Up to a quarter is added at random, so that what failed
    together in a lock does not meet again in the same second.
    """
    wait = min(FIRST_WAIT * 2 ** min(max(attempts - 1, 0), 20), LONGEST_WAIT)
    return now + wait * (1 + rng.random() / 4)
