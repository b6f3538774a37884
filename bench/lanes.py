"""A full mailbox and two processes: one reads, both work on what came."""

import time
from concurrent.futures import ThreadPoolExecutor

from bench.inbound import WARM_UP, Inbound, drain, fetch_all, leads
from bench.meter import Meter, together

# A side that does not come to its end within this many seconds has lost something.
PATIENCE = 600


class TwoLanes(Inbound):
    name = "two-lanes"
    description = (
        "As inbound, with a second process that works on the gateway's journal beside the one that reads the mailbox, "
        "as a second cron worker does. Stock Odoo can use one process for one mailbox. The CPU shown is of both."
    )
    limit = "Two processors, which PostgreSQL needs too."
    count = 400

    def run(self, side):
        warm_id, measured_id = self._ids[side.kind]
        arguments = {"warm_id": warm_id, "measured_id": measured_id, "count": self.count}
        if side.kind == "stock":
            return side.measure(drain, **arguments)
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(side.measure, work_beside, count=self.count)
            first = side.measure(drain_together, **arguments)
            return together(first, second.result())


def drain_together(env, warm_id, measured_id, count):
    """Inside Odoo: warm up, wait until the other process has, then fetch the mailbox until all have become leads."""
    fetch_all(env["fetchmail.server"].browse(warm_id), WARM_UP)
    _wait(env, "bench.ready")
    began = leads(env)
    with Meter() as meter:
        _set(env, "bench.begun", str(began))
        server = env["fetchmail.server"].browse(measured_id)
        patience = time.monotonic() + PATIENCE
        while leads(env) < began + count and time.monotonic() < patience:
            server.fetch_mail()
    sample = meter.sample(count)
    _set(env, "bench.over", "1")
    return sample


def work_beside(env, count):
    """Inside Odoo: process the journal until the first process says that it is over."""
    env["spp.email.lane"]._process_due()
    for name in ("bench.begun", "bench.over"):
        _set(env, name, "")
    _set(env, "bench.ready", "1")
    _wait(env, "bench.begun")
    patience = time.monotonic() + PATIENCE
    with Meter() as meter:
        while not _get(env, "bench.over") and time.monotonic() < patience:
            if not env["spp.email.lane"]._process_due(1):
                time.sleep(0.01)
    _set(env, "bench.ready", "")
    return meter.sample(count)


def _wait(env, name):
    patience = time.monotonic() + PATIENCE
    while not _get(env, name) and time.monotonic() < patience:
        time.sleep(0.01)


def _get(env, name):
    env.cr.rollback()
    env.cr.execute("SELECT value FROM ir_config_parameter WHERE key = %s", (name,))
    row = env.cr.fetchone()
    return row and row[0]


def _set(env, name, value):
    env.cr.rollback()
    env.cr.execute("DELETE FROM ir_config_parameter WHERE key = %s", (name,))
    env.cr.execute("INSERT INTO ir_config_parameter (key, value) VALUES (%s, %s)", (name, value))
    env.cr.commit()
