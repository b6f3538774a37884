# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Processes a message as in earnest and undoes everything: nothing is written, sent or told."""

from contextlib import closing, contextmanager

from odoo import SUPERUSER_ID, api, models
from odoo.tools import SQL

from ..engine.summary import summarize
from .rehearsal_cursor import REHEARSING, RehearsalCursor, only_these_cursors
from .spp_email_claim_mixin import Claim
from .spp_email_rule_step import WITNESS

LOCK_SECONDS = 5


class SppEmailRehearsal(models.AbstractModel):
    _name = "spp.email.rehearsal"
    _description = "Rehearsal of Incoming Emails"

    @contextmanager
    def _rehearse(self):
        """Yield an Environment of the system, as the jobs have it, on a cursor that is rolled back at the end.

        What is not of the database is not undone: numbers that sequences gave out, and whatever a target does over
        the network by itself.
        """
        registry = self.env.registry
        with closing(registry.cursor()) as real:
            cursor = RehearsalCursor(real)
            token = REHEARSING.set(True)
            try:
                with only_these_cursors(real, self.env.cr):
                    cursor.execute(SQL("SELECT set_config('lock_timeout', %s, true)", f"{LOCK_SECONDS}s"))
                    yield api.Environment(cursor, SUPERUSER_ID, {})
            finally:
                REHEARSING.reset(token)
                cursor.clear()
                real.rollback()
                # Caches that the work emptied were filled again from what is undone now.
                if registry.cache_invalidated:
                    registry.clear_cache(*registry.cache_invalidated)

    def _journal(self, env, entry):
        """Write a JournalEntry in the rehearsal and return its Claim."""
        journal = env["spp.email.journal"]
        row_id = journal._insert(env, entry, summarize(entry.content), entry.uid)
        env["spp.email.content"]._store(row_id, entry.content)
        return self._begin(env, row_id)

    def _begin(self, env, row_id):
        """Let a journal row be in work for the first time, as after *Retry*; return its Claim."""
        rows = env.execute_query(
            SQL(
                "UPDATE spp_email_inbound SET state = 'processing', attempts = 1, starts = 1,"
                " claim_fence = claim_fence + 1 WHERE id = %s RETURNING claim_fence",
                row_id,
            )
        )
        env["spp.email.inbound"].browse(row_id).invalidate_recordset()
        env.cr.commit()
        return Claim(row_id, rows[0][0])

    def _run(self, env, claim):
        """Process the claimed row; return its (journal row, engine.attempt.Attempt or None)."""
        attempts = []
        env["spp.email.processing"].with_context(**{WITNESS: attempts})._process_claimed(claim)
        env.flush_all()
        env.invalidate_all()
        return env["spp.email.inbound"].browse(claim.id), attempts[-1] if attempts else None
