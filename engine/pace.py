# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How many threads are worth their start: as many as wait while one computes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pace:
    """How long one thread computed, and how long it waited for servers and for the disk.

    Where others use the processor a thread takes longer and waits for nobody, so that what has passed says nothing.

    Args:
        clock: seconds that only grow.
        computing: seconds that the thread that asks had the processor.

    Attributes:
        computed, waited: seconds.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, computing: Callable[[], float] = time.thread_time
    ):
        self._clock, self._computing = clock, computing
        self._began = computing()
        self.computed = self.waited = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Context in which the thread waits."""
        began = self._clock()
        try:
            yield
        finally:
            self.note(self._clock() - began)

    def note(self, seconds: float) -> None:
        """Add seconds that the thread, which is the one that calls, has waited."""
        self.waited += seconds
        self.computed = self._computing() - self._began


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
