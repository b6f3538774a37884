# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The one place where the gateway opens a cursor of its own."""

from contextlib import contextmanager

import psycopg2
import psycopg2.pool
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED

from odoo import models, modules
from odoo.exceptions import ConcurrencyError

from .rehearsal_cursor import RehearsalCursor

LOCK_SECONDS = 5
# The database is ill, or has no connection left for us: what was being done is not to blame, and is tried again.
DATABASE_ILL = (psycopg2.OperationalError, psycopg2.InterfaceError, psycopg2.pool.PoolError)
# As well as those: somebody else writes on the same rows just now.
DATABASE_BUSY = (*DATABASE_ILL, ConcurrencyError)


class SppEmailTransaction(models.AbstractModel):
    _name = "spp.email.transaction"
    _description = "Email Gateway Transaction"

    @contextmanager
    def _gateway_cursor(self, read_committed=False):
        """Yield an Environment on a new cursor; commit when the block ends well, roll back when it raises.

        Args:
            read_committed: for claims. Odoo's REPEATABLE READ makes SKIP LOCKED fail with serialization errors as
                soon as two workers claim at once, and cron has no retry.
        """
        if isinstance(self.env.cr, RehearsalCursor):
            # Whatever asks for a transaction of its own gets a part of the rehearsal's.
            with self.env.cr.savepoint():
                # A roll-back in the block goes to here, and leaves the block's own savepoint alone.
                self.env.cr.set_point()
                yield self.env
                self.env.flush_all()
            return
        with self.env.registry.cursor() as cr:
            # A test's cursor shares the test's transaction, whose isolation cannot change any more.
            if read_committed and not modules.module.current_test:
                cr.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            env = self.env(cr=cr)
            yield env
            env.flush_all()

    @contextmanager
    def _autonomous_cursor(self):
        """Yield an Environment on a new READ COMMITTED cursor, for whoever commits on it many times.

        What is not committed when the block ends is rolled back.
        """
        with self.env.registry.cursor() as cr, autonomous(cr):
            yield self.env(cr=cr)


@contextmanager
def autonomous(cr):
    """Make all transactions of a new cursor READ COMMITTED, none of which waits long for a lock."""
    if not modules.module.current_test:
        # The pool sets Odoo's level again for whoever gets the connection next.
        cr.connection.set_isolation_level(ISOLATION_LEVEL_READ_COMMITTED)
    # A second cursor of one thread must not wait for ever for a row that the first one's transaction holds.
    cr.execute("SET lock_timeout = %s", (LOCK_SECONDS * 1000,))
    commit(cr)
    try:
        yield
    finally:
        cr.rollback()
        cr.execute("RESET lock_timeout")
        commit(cr)


def commit(cr):
    """Commit on a cursor of the gateway's own, or between messages of a worker: never within a caller's transaction."""
    cr.commit()  # pylint: disable=invalid-commit
