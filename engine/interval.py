# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""When a mailbox is checked by a job that runs at intervals of its own."""

from __future__ import annotations

from datetime import datetime, timedelta

# Runs that are looked ahead; a mailbox that is further away is said to be checked then.
MOST_RUNS = 1_000_000


def is_due(now: datetime, checked: datetime | None, interval: timedelta, job_interval: timedelta) -> bool:
    """Return whether a mailbox that was checked last at `checked` is read by a run of the job at `now`.

    A run is never exactly on time, and a check begins some time after its run did: without half a run's tolerance every
    second check would be left out.
    """
    if not interval or checked is None:
        return True
    return now >= checked + interval - job_interval / 2


def next_check(
    now: datetime,
    run: datetime,
    job_interval: timedelta,
    checked: datetime | None = None,
    interval: timedelta = timedelta(0),
    not_before: datetime | None = None,
) -> datetime:
    """Return when a mailbox is read next.

    Args:
        run: when the job runs next; when that is past, it runs as soon as a worker is free.
        interval: of the mailbox, nothing for each run.
        not_before: end of a pause after failures.
    """
    run = max(run, now)
    earliest = run
    if interval and checked:
        earliest = max(earliest, checked + interval - job_interval / 2)
    if not_before:
        earliest = max(earliest, not_before)
    runs = min(-((run - earliest) // job_interval), MOST_RUNS)
    return run + runs * job_interval
