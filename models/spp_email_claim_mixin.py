# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Work taken by exactly one worker at a time: rows claimed with an expiry and a fencing number."""

from dataclasses import dataclass

from odoo import fields, models
from odoo.tools import SQL

from ..engine.errors import FenceError
from ..engine.worker import this_worker

LEASE_PARAMETER = "spp_email_gateway.lease_seconds"
# Longer than the longest socket timeout, so that a worker that waits for an answer keeps what it claimed.
LEASE_SECONDS = 300


@dataclass(frozen=True)
class Claim:
    """A claimed row. Work ends with a write that names the fence; a higher one in the row means: taken over."""

    id: int
    fence: int


def owner_name() -> str:
    """Return the name of this worker, which begins with host and process id."""
    return str(this_worker())


class SppEmailClaimMixin(models.AbstractModel):
    _name = "spp.email.claim.mixin"
    _inherit = ["spp.email.transaction"]
    _description = "Claimable Row"

    claim_owner = fields.Char(readonly=True, copy=False, help="Worker that has it: host, process id and more.")
    claim_until = fields.Datetime(readonly=True, copy=False, help="When others may take the row over.")
    claim_fence = fields.Integer(readonly=True, copy=False, default=0, help="Counts the claims of the row.")

    def _lease_seconds(self):
        return self.env["ir.config_parameter"]._gateway_number(LEASE_PARAMETER, LEASE_SECONDS)

    def _claim(self, where, *, order=None, limit=1, also=None, seconds=None):
        """Claim up to ``limit`` free rows in a short transaction of its own and return their Claims.

        Args:
            where: SQL condition on the rows beside "not claimed by another".
            order: SQL order, by id unless given; the first rows are taken.
            also: SQL assignments made with the claim, such as counting an attempt.
            seconds: how long the claim holds; default from the settings.

        The clock is PostgreSQL's: it is the only one that all hosts share.
        """
        table = SQL.identifier(self._table)
        seconds = self._lease_seconds() if seconds is None else seconds
        with self._gateway_cursor(read_committed=True) as env:
            rows = env.execute_query(
                SQL(
                    """
                      WITH picked AS MATERIALIZED (
                            SELECT id FROM %(table)s
                             WHERE (claim_until IS NULL OR claim_until < now() AT TIME ZONE 'UTC')
                               AND (%(where)s)
                             ORDER BY %(order)s
                             LIMIT %(limit)s
                               FOR NO KEY UPDATE SKIP LOCKED)
                    UPDATE %(table)s
                       SET claim_owner = %(owner)s,
                           claim_until = now() AT TIME ZONE 'UTC' + %(seconds)s * interval '1 second',
                           claim_fence = COALESCE(claim_fence, 0) + 1
                           %(also)s
                     WHERE id IN (SELECT id FROM picked)
                    RETURNING id, claim_fence
                    """,
                    table=table,
                    owner=owner_name(),
                    seconds=seconds,
                    also=SQL(", %s", also) if also else SQL(),
                    where=where,
                    order=order or SQL("id"),
                    limit=limit,
                )
            )
        return [Claim(row_id, fence) for row_id, fence in sorted(rows)]

    def _finish_claim(self, claim, values):
        """Write ``values`` (column: value) on a claimed row and give it free, in the current transaction.

        Raises:
            FenceError: the claim ran out and another worker took the row over, or it is finished already: a commit
                whose answer was lost with the connection may have been made all the same.
        """
        self.env.flush_all()
        assignments = SQL(", ").join(SQL("%s = %s", SQL.identifier(name), value) for name, value in values.items())
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE %s SET claim_owner = NULL, claim_until = NULL, %s
                 WHERE id = %s AND claim_fence = %s AND claim_until IS NOT NULL RETURNING id
                """,
                SQL.identifier(self._table),
                assignments,
                claim.id,
                claim.fence,
            )
        )
        if not rows:
            raise FenceError(f"row {claim.id} of {self._table} was taken over or is finished")
        self.browse(claim.id).invalidate_recordset(flush=False)
