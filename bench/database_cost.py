"""What a message costs PostgreSQL, and the room it takes; sizing needs it, since one PostgreSQL serves all hosts.

By hand, where `./dev bench` has made its environment:
`PYTHONPATH=. .dev/venv/bin/python -c "import bench.database_cost as it; it.main()"`
(no -m: Odoo imports it by its name).
"""

import json
import os
import time
from pathlib import Path

from bench.comparison import Comparison
from bench.inbound import WARM_UP, InboundDurable, fetch_all
from bench.meter import Sample
from bench.outbound import WARM_UP as WARM_UP_OUT
from bench.outbound import Outbound, queue
from tools import checkout

FILE = checkout.ROOT / "bench" / "database_cost.json"


class InboundCost(InboundDurable):
    name = "inbound-database"
    kinds = ("gateway",)
    count = 400
    found = None

    def run(self, side):
        warm_id, measured_id = self._ids[side.kind]
        self.found = side.call(drain, warm_id=warm_id, measured_id=measured_id, count=self.count)
        return _sample(self.found)


class OutboundCost(Outbound):
    name = "outbound-database"
    kinds = ("gateway",)
    durable = True
    count = 400
    found = None

    def run(self, side):
        self.found = side.call(send, env=self._trust, count=self.count, turn=side.round)
        return _sample(self.found)


def _sample(found):
    return Sample(found["seconds"], found["count"])


class Watch:
    """Measures a `with` block: PostgreSQL's processor time, its write-ahead log, and what the database grew by."""

    def __init__(self, env):
        self._env = env

    def __enter__(self):
        self._env.cr.commit()
        self._env.cr.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
        data = Path(self._env.cr.fetchone()[0])
        self._postmaster = int((data / "postmaster.pid").read_text().split()[0])
        self._before = self._read()
        return self

    def __exit__(self, *unused):
        after = self._read()
        self.cpu, self.log, self.size = (new - old for new, old in zip(after, self._before, strict=True))

    def _read(self):
        self._env.cr.commit()
        log = "pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
        self._env.cr.execute(f"SELECT {log}, pg_database_size(current_database())")
        log, size = self._env.cr.fetchone()
        self._env.cr.commit()
        return cpu_seconds(self._postmaster), int(log), int(size)


def cpu_seconds(postmaster):
    """Return the processor time of a process, of its children, and of the children that it has outlived."""
    ticks = 0
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        try:
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(directory.name) == postmaster:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def drain(env, warm_id, measured_id, count):
    """Inside Odoo: as `bench.inbound.drain`, and watch PostgreSQL."""
    fetch_all(env["fetchmail.server"].browse(warm_id), WARM_UP)
    return _watched(env, count, lambda: fetch_all(env["fetchmail.server"].browse(measured_id), count))


def send(env, count, turn):
    """Inside Odoo: as `bench.outbound.send`, and watch PostgreSQL."""
    mails = env["mail.mail"]
    mails.process_email_queue(email_ids=queue(env, WARM_UP_OUT, turn, "warm"))

    def work():
        while waiting := mails.search_count([("state", "=", "outgoing")]):
            mails.process_email_queue()
            env.cr.commit()
            if mails.search_count([("state", "=", "outgoing")]) == waiting:
                return

    return _watched(env, count, work)


def _watched(env, count, work):
    with Watch(env) as watch:
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
    return {
        "count": count,
        "seconds": seconds,
        "database_cpu_ms": round(1000 * watch.cpu / count, 2),
        "log_kb": round(watch.log / 1000 / count, 1),
        "grown_kb": round(watch.size / 1000 / count, 1),
    }


def main():
    figures = {}
    for name, kind in (("inbound", InboundCost), ("outbound", OutboundCost)):
        workload = kind()
        comparison = Comparison(workload)
        comparison.run(1)
        if comparison.failure:
            raise SystemExit(comparison.failure)
        figures[name] = {key: workload.found[key] for key in ("database_cpu_ms", "log_kb", "grown_kb")}
    FILE.write_text(json.dumps(figures, indent=1) + "\n")
    print(FILE.read_text())
