# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How many threads are worth their start: as many as wait while one computes."""

from __future__ import annotations

import math
import os
from pathlib import Path

_PROC = Path("/proc")


def threads_worth(computing: float, elapsed: float, most: int) -> int:
    """Return a number of threads from 1 to ``most``.

    Python computes in one thread at a time. Where a thread computes half of its time, a second one fills the other
    half; more of them only stand in each other's way.

    Args:
        computing: seconds that one thread had the processor.
        elapsed: in so many seconds.
    """
    if elapsed <= 0:
        return 1
    share = max(computing / elapsed, 1 / max(most, 1))
    return max(1, min(most, math.ceil(1 / share - 0.05)))


def mails_worth(computing: float, elapsed: float, most: int, least: int = 4) -> int:
    """Return how many mails a thread claims next, from ``least`` to ``most``.

    Who waits for a server most of the time claims few, so that threads end together and mail is called sent soon; who
    computes claims many, since each claim and each outcome costs something.

    Args:
        computing: seconds that the thread had the processor for its last mails.
        elapsed: in so many seconds.
    """
    if elapsed <= 0:
        return most
    return max(least, min(most, round(1.5 * most * computing / elapsed)))


def computing_seconds(native_id: int, proc: Path = _PROC) -> float | None:
    """Return for how long a thread of this process had the processor; None where nothing is known, or it has ended."""
    try:
        stat = (proc / "self/task" / str(native_id) / "stat").read_text()
    except OSError:
        return None
    # proc(5): fields 14 and 15, counted behind the command's name, which may hold anything but ends with the bracket.
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
