# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The threads of a lane: as many as wait while one computes."""

import atexit
import logging
import threading
import time

from odoo import SUPERUSER_ID, api, models, modules
from odoo.service.server import CommonServer

from ..engine.pace import threads_worth
from .spp_email_transaction import autonomous

_logger = logging.getLogger(__name__)

# Seconds for which the first is watched, and before that left to itself.
WARM_UP_SECONDS = 0.05
PROBE_SECONDS = 0.15
# A thread that hangs in a conversation is left to it after this; it writes by itself what comes of it.
GRACE_SECONDS = 2
# A process that ends waits so long for its threads: they write what servers have said.
STOP_SECONDS = 5
# {thread: Event that stops it} of the threads that send in this process, and whether it ends.
_sending = {}
_is_ending = threading.Event()
# {database: which part of its time a thread computed when this process sent last}: servers stay where they are.
_computing = {}


class SppEmailSending(models.AbstractModel):
    _inherit = "spp.email.sending"

    def _send_in_threads(self, count, end, mail_ids, done):
        """Have ``count`` threads empty the queue, and come back by ``end`` and a little.

        Args:
            done: set that gets the ids of mails whose work is over.
        """
        if modules.module.current_test:
            # A test's cursors share one transaction, which a second thread would wait for.
            with self._autonomous_cursor() as env:
                env["spp.email.sending"]._send_until(end, mail_ids, done)
            return
        paces, stop = [], threading.Event()
        threads = [
            threading.Thread(
                target=_run,
                args=(self.env.registry, end, mail_ids, done, count, paces, stop),
                name=f"spp.email.sending-{number}",
                daemon=True,
            )
            for number in range(count)
        ]
        threads[0].start()
        started = threads[: self._worth(threads[0], paces, count)]
        for thread in started[1:]:
            thread.start()
        for thread in started:
            thread.join(max(0.0, end + GRACE_SECONDS - time.monotonic()))
        # Who hangs in a conversation ends it, writes what came of it, and begins nothing: the worker may end any time.
        stop.set()
        computed, waited = _spent(paces)
        if computed + waited > PROBE_SECONDS:
            _computing[self.env.cr.dbname] = computed / (computed + waited)

    def _worth(self, thread, paces, most):
        """Return how many threads are worth their start: as last time, or by what the first one does for a moment."""
        share = _computing.get(self.env.cr.dbname)
        if share is None and most > 1:
            # It first learns what Odoo keeps of settings and views, which says nothing about the server.
            thread.join(WARM_UP_SECONDS)
            before = _spent(paces)
            thread.join(PROBE_SECONDS)
            if not thread.is_alive():
                return 1
            computed, waited = (now - then for now, then in zip(_spent(paces), before, strict=True))
            # Who is not back from the server's first answer waits for it.
            share = computed / (computed + waited) if waited else 0.0
        return threads_worth(share or 0.0, 1.0, most)


def _spent(paces):
    """Return the seconds that threads have computed, and those that they have waited."""
    return sum(pace.computed for pace in paces), sum(pace.waited for pace in paces)


def stop_sending(seconds=STOP_SECONDS):
    """Have the threads of this process begin nothing more and write what servers have said; wait for it.

    Args:
        seconds: to wait at most; a server that says nothing is not waited for longer.
    """
    _is_ending.set()
    threads = dict(_sending)
    for stop in threads.values():
        stop.set()
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = sum(thread.is_alive() for thread in threads)
    if late:
        _logger.warning("%s threads still send while the process ends; the outcome may be unknown.", late)


# A threaded server closes its connections with the database before the interpreter ends, so it has to say so itself. A
# worker process, and a shell, end as any process does.
CommonServer.on_stop(stop_sending)
atexit.register(stop_sending)


def _run(registry, end, mail_ids, done, threads, paces, stop):
    """Send in a thread of its own: no cursor, record or context of the caller comes along."""
    thread = threading.current_thread()
    thread.dbname = registry.db_name
    _sending[thread] = stop
    try:
        if _is_ending.is_set():
            return
        with registry.cursor() as cr, autonomous(cr):
            env = api.Environment(cr, SUPERUSER_ID, {})
            env["spp.email.sending"]._send_until(end, mail_ids, done, threads, paces, stop)
    except Exception as error:  # noqa: BLE001 - nobody waits for what a thread raises; the claims run out
        # Not its words: PostgreSQL's name the row.
        _logger.error("A thread that sends ended early: %s.", type(error).__name__)
    finally:
        del _sending[thread]
