"""What a piece of work costs, measured inside Odoo's process."""

import contextlib
import dataclasses
import resource
import time
from pathlib import Path

from bench.beside import beside_seconds


@dataclasses.dataclass(frozen=True)
class Sample:
    """The cost of `count` messages."""

    seconds: float
    count: int
    cpu_seconds: float = 0  # of all threads of the process; PostgreSQL and the mail servers are others
    beside_seconds: dict = dataclasses.field(default_factory=dict)  # CPU of those others, by their name
    queries: int = 0
    commits: int = 0
    peak_mib: float = 0
    waits: tuple = ()  # seconds from a message's arrival to its record, where that is what is measured


class Meter:
    """Measures a `with` block: all threads, all cursors.

    with Meter() as meter:
        ...
    return meter.sample(count)
    """

    def __enter__(self):
        from odoo import sql_db

        self._sql_db = sql_db
        self._commit = commit = sql_db.Cursor.commit
        self._commits = 0

        def counted(cursor):
            self._commits += 1
            return commit(cursor)

        sql_db.Cursor.commit = counted
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew from here
        self._beside = beside_seconds()
        self._queries, self._cpu, self._began = sql_db.sql_counter, time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *unused):
        self._seconds = time.perf_counter() - self._began
        self._cpu = time.process_time() - self._cpu
        self._queries = self._sql_db.sql_counter - self._queries
        before = self._beside
        self._beside = {name: seconds - before[name] for name, seconds in beside_seconds().items()}
        self._sql_db.Cursor.commit = self._commit

    def sample(self, count):
        """Return the figures as a dictionary, which can leave the process."""
        return dataclasses.asdict(
            Sample(
                self._seconds, count, self._cpu, self._beside, self._queries, self._commits, round(_peak_mib(), 1)
            )
        )


def together(sample, other):
    """Return a sample of two processes that worked on the same messages, at the same time: the time of the first."""
    return dataclasses.replace(
        sample,
        cpu_seconds=sample.cpu_seconds + other.cpu_seconds,
        queries=sample.queries + other.queries,
        commits=sample.commits + other.commits,
        peak_mib=max(sample.peak_mib, other.peak_mib),
    )


def _peak_mib():
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
