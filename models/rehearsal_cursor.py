# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A cursor whose work is never committed, whatever the code that uses it asks for."""

import threading
from contextlib import contextmanager
from contextvars import ContextVar

from odoo.sql_db import BaseCursor

# Set in the thread that rehearses. Odoo asks a class method whether mail may be sent, which sees no cursor.
REHEARSING = ContextVar("spp_email_rehearsing", default=False)
_POINT = 'SAVEPOINT "spp_email_rehearsal"'


class RehearsalError(Exception):
    """The rehearsed work tried to write over a cursor of its own, where it could not be undone."""


class RehearsalCursor(BaseCursor):
    """A cursor over a real one, on which only the owner of the real one ends the transaction.

    A commit flushes and sets a savepoint, so that a later roll-back undoes what it would in earnest. What waits for the
    commit (messages on the bus, calls to other servers, wakened jobs) never happens.
    """

    def __init__(self, cursor):
        super().__init__()
        self._cursor = cursor
        self.set_point()

    def set_point(self):
        """Let a roll-back from here on go back to here."""
        self._cursor.execute(_POINT)

    def execute(self, query, params=None, log_exceptions=True):
        return self._cursor.execute(query, params, log_exceptions=log_exceptions)

    def commit(self):
        self.flush()
        self.clear()
        self._drop_hooks()
        self._now = None
        self.set_point()

    def rollback(self):
        self.clear()
        self._drop_hooks()
        # Savepoints of one name stack up; one that went with an outer one leaves the one before.
        self._cursor.execute(f"ROLLBACK TO {_POINT}")  # nosemgrep - a name of our own

    def close(self):
        """The real cursor is closed by its owner."""

    def _drop_hooks(self):
        for hooks in (self.postcommit, self.prerollback, self.postrollback):
            hooks.clear()

    def dictfetchone(self):
        return self._cursor.dictfetchone()

    def dictfetchmany(self, size):
        return self._cursor.dictfetchmany(size)

    def dictfetchall(self):
        return self._cursor.dictfetchall()

    def __getattr__(self, name):
        return getattr(self._cursor, name)


@contextmanager
def only_these_cursors(*cursors):
    """Context: in this thread, transactions on any other connection than those of ``cursors`` are read-only.

    Raises:
        RehearsalError: a first statement wrote over a connection of its own; it is rolled back.
    """
    known = [cursor.connection for cursor in cursors]

    def watch(cursor, _query, _params, _start, _delay):
        connection = cursor.connection
        if any(connection is one for one in known):
            return
        with connection.cursor() as probe:
            probe.execute("SET TRANSACTION READ ONLY")
            probe.execute("SELECT txid_current_if_assigned()")
            wrote = probe.fetchone()[0]
        if wrote:
            connection.rollback()
            raise RehearsalError("the record's model writes over a database connection of its own")

    thread = threading.current_thread()
    # Odoo's own seam for its profiler: called after each statement of the thread, on whatever cursor.
    if not hasattr(thread, "query_hooks"):
        thread.query_hooks = []
    thread.query_hooks.append(watch)
    try:
        yield
    finally:
        thread.query_hooks.remove(watch)
