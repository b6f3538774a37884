# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Processes a message as in earnest and undoes everything: nothing is written, sent or told."""

from contextlib import closing, contextmanager

from odoo import SUPERUSER_ID, api, models
from odoo.tools import SQL

from ..engine.attempt import Attempt, Run
from .rehearsal_cursor import REHEARSING, RehearsalCursor, only_these_cursors
from .spp_email_claim_mixin import Claim

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
        """Write a JournalEntry in the rehearsal and return the id of its row.

        Raises:
            GatewayError: there is no room for it.
        """
        env["spp.email.journal"]._write_entries([entry])
        return env["spp.email.inbound"].search([("server_key", "=", entry.server_key), ("uid", "=", entry.uid)]).id

    def _run(self, env, row_id):
        """Process a journal row as one that is new, as after *Retry*; return its (record, engine.attempt.Attempt)."""
        rows = env.execute_query(
            SQL(
                "UPDATE spp_email_inbound SET state = 'processing', attempts = 1, starts = 1,"
                " claim_fence = claim_fence + 1, claim_until = now() AT TIME ZONE 'UTC' + interval '1 hour'"
                " WHERE id = %s RETURNING claim_fence",
                row_id,
            )
        )
        env["spp.email.inbound"].browse(row_id).invalidate_recordset()
        claim, attempt, batch = Claim(row_id, rows[0][0]), Attempt(row_id, run=Run()), env["spp.email.batch"]
        try:
            with batch._working_transaction() as work:
                work["spp.email.processing"]._process(claim, attempt)
        except Exception as error:  # noqa: BLE001 - what it fails with is what is asked for
            batch._note_failure(claim, attempt, error)
        env.flush_all()
        env.invalidate_all()
        return env["spp.email.inbound"].browse(row_id), attempt
