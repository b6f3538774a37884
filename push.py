# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The push command's loop: what listens to mail servers on one side, the databases on the other."""

import contextlib
import logging
import signal
import threading
import time

import psycopg2
import psycopg2.pool

from odoo import SUPERUSER_ID, api
from odoo.modules.registry import Registry

from .engine.watching import Watchers

_logger = logging.getLogger(__name__)

# How often the list of mailboxes is looked at, and for how long a sign of life holds.
UPDATE_SECONDS = 60
LISTENING_SECONDS = 3 * UPDATE_SECONDS
# While a database is away it is tried again so often.
DATABASE_SECONDS = 5
# How soon a signal to end is heard.
TICK_SECONDS = 0.5


class Push:
    """Listens until a signal ends it.

    Args:
        databases: names.
        renew_seconds: how long an IDLE lasts.
    """

    def __init__(self, databases, *, renew_seconds):
        self._databases = list(databases)
        self._watchers = Watchers(renew_seconds=renew_seconds)
        self._stopped = threading.Event()
        self._arrived = set()
        self._wanted = {name: [] for name in self._databases}
        self._due = dict.fromkeys(self._databases, 0.0)

    def run(self):
        """Return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_unused: self._stopped.set())
        _logger.info("Listening for mail in %s databases.", len(self._databases))
        try:
            while not self._stopped.is_set():
                for name in self._databases:
                    if time.monotonic() >= self._due[name]:
                        self._try(name, self._update, UPDATE_SECONDS)
                self._arrived |= self._watchers.arrived(TICK_SECONDS)
                for name in {name for name, _server_id in self._arrived}:
                    self._try(name, self._tell)
        finally:
            self._watchers.stop()
        _logger.info("No longer listening for mail.")
        return 0

    def _try(self, name, act, seconds=None):
        """Do something in a database; one that is away is tried again, and what arrived meanwhile is not forgotten."""
        try:
            with self._environment(name) as env:
                act(name, env)
        except (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.pool.PoolError) as error:
            _logger.warning("Database %s cannot be reached: %s.", name, type(error).__name__)
            self._due[name] = time.monotonic() + DATABASE_SECONDS
            self._stopped.wait(1)
        else:
            if seconds:
                self._due[name] = time.monotonic() + seconds

    @contextlib.contextmanager
    def _environment(self, name):
        threading.current_thread().dbname = name
        registry = Registry(name).check_signaling()
        with registry.cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {})

    def _update(self, name, env):
        if "spp.email.watch" not in env:
            # Being installed or updated, or uninstalled.
            self._wanted[name] = []
        else:
            watch = env["spp.email.watch"]
            self._wanted[name] = watch._watched()
            watch._note_listening(
                [server for base, server in self._watchers.listening() if base == name], LISTENING_SECONDS
            )
        self._watchers.update(watched for wanted in self._wanted.values() for watched in wanted)

    def _tell(self, name, env):
        mailboxes = {mailbox for mailbox in self._arrived if mailbox[0] == name}
        if "spp.email.watch" in env:
            env["spp.email.watch"]._await([server_id for _name, server_id in mailboxes])
        self._arrived -= mailboxes
