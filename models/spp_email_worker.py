# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What each worker is busy with: if it dies, that message alone is suspected of it."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.worker import is_dead


class SppEmailWorker(models.Model):
    """One row a worker, written with every message that it begins, and not waited for.

    It is no column of the journal: the working transaction could not write on a row that changed after it began.
    """

    _name = "spp.email.worker"
    _inherit = ["spp.email.transaction"]
    _description = "Email Gateway Worker"
    _rec_name = "owner"
    _log_access = False

    owner = fields.Char(required=True, readonly=True)
    inbound = fields.Integer("Journal Row", readonly=True, help="The message that it began last.")
    begun_date = fields.Datetime(readonly=True)

    _owner_unique = models.UniqueIndex("(owner)")

    def _note_begun(self, env, owner, inbound_id):
        """Write, committed, that ``owner`` begins the work on a message.

        Args:
            env: an Environment on a cursor of its own, used for nothing else.
        """
        # Not waiting for the disk: who loses this to a power cut did not die of the message.
        env.cr.execute(
            SQL(
                "SET LOCAL synchronous_commit TO OFF;"
                " INSERT INTO spp_email_worker (owner, inbound, begun_date) VALUES (%s, %s, now() AT TIME ZONE 'UTC')"
                " ON CONFLICT (owner) DO UPDATE SET inbound = EXCLUDED.inbound, begun_date = EXCLUDED.begun_date",
                owner,
                inbound_id,
            )
        )
        env.cr.commit()

    def _free_claims_of_the_dead(self):
        """Give back what dead workers had claimed and not begun.

        A worker is dead when its process has ended on this machine, or when its claim ran out. The message that it
        had begun last stays claimed until then: it may be what killed the process.
        """
        with self._gateway_cursor(read_committed=True) as env:
            rows = env.execute_query(
                SQL(
                    "SELECT DISTINCT claim_owner, claim_until < now() AT TIME ZONE 'UTC' FROM spp_email_inbound"
                    " WHERE state = 'processing' AND claim_owner IS NOT NULL"
                )
            )
            dead = {owner for owner, _is_over in rows if is_dead(owner)}
            if not dead and not any(is_over for _owner, is_over in rows):
                return
            env.execute_query(
                SQL(
                    """
                      WITH left_behind AS MATERIALIZED (
                            SELECT id FROM spp_email_inbound AS inbound
                             WHERE state = 'processing'
                               AND (claim_owner IN %s OR claim_until < now() AT TIME ZONE 'UTC')
                               AND id <> COALESCE((SELECT worker.inbound FROM spp_email_worker AS worker
                                                    WHERE worker.owner = inbound.claim_owner), 0)
                               AND starts = 1
                               FOR UPDATE SKIP LOCKED)
                    UPDATE spp_email_inbound
                       SET state = 'received', starts = 0, attempts = attempts - 1,
                           claim_owner = NULL, claim_until = NULL, claim_fence = claim_fence + 1
                     WHERE id IN (SELECT id FROM left_behind)
                    RETURNING id
                    """,
                    tuple(dead) or (None,),
                )
            )

    @api.autovacuum
    def _gc_workers(self):
        """Forget workers of whom nothing was heard for a day: no claim lasts so long."""
        self.search([("begun_date", "<", fields.Datetime.now() - timedelta(days=1))], limit=10_000).unlink()
