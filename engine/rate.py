# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How many messages a minute are let in: a token bucket that holds one minute's worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Sums of fractions come out a little under what they are: a caller who waited as told must not be sent away again.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Bucket:
    """Attributes: level: messages that may still come at once; time: when that was so, in seconds of any clock."""

    level: float
    time: float


def admit(bucket: Bucket | None, now: float, per_minute: int) -> tuple[Bucket, int]:
    """Let one message in, or say how long to wait.

    Args:
        bucket: as it was left by the last message, None for the first.
        now: seconds of the same clock; one that went back counts as no time passed.
        per_minute: 0 for no limit.

    Returns:
        The bucket to keep, and the seconds until the next message may come: 0 when this one is let in.
    """
    if per_minute <= 0:
        return Bucket(0.0, now), 0
    level = float(per_minute)
    if bucket is not None:
        passed = max(0.0, now - bucket.time)
        level = min(level, bucket.level + passed * per_minute / 60)
    if level >= 1 - _ROUNDING:
        return Bucket(max(0.0, level - 1), now), 0
    return Bucket(level, now), max(1, math.ceil((1 - level) * 60 / per_minute - _ROUNDING))
