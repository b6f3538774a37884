# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Exclusivity of things that are no rows of ours: a mailbox that is being read."""

from odoo import fields, models
from odoo.tools import SQL

from ..engine.worker import is_dead
from .spp_email_claim_mixin import Claim


class SppEmailLease(models.Model):
    _name = "spp.email.lease"
    _inherit = ["spp.email.claim.mixin"]
    _description = "Email Gateway Lease"
    _rec_name = "key"

    key = fields.Char(required=True, readonly=True)

    _key_unique = models.UniqueIndex("(key)")

    def _acquire(self, key):
        """Return a Claim on ``key``, or None while another worker holds it.

        The lease is committed before this returns: the work that it guards begins a transaction that sees it.
        """
        with self._gateway_cursor(read_committed=True) as env:
            env.execute_query(
                SQL(
                    "INSERT INTO %s (key, claim_fence) VALUES (%s, 0) ON CONFLICT (key) DO NOTHING RETURNING id",
                    SQL.identifier(self._table),
                    key,
                )
            )
        wanted = SQL("key = %s", key)
        claims = self._claim(wanted)
        if not claims and self._expire_of_the_dead(key):
            claims = self._claim(wanted)
        return claims[0] if claims else None

    def _expire_of_the_dead(self, key):
        """End the lease on ``key`` if the process that has it has ended on this machine; return whether it has."""
        with self._gateway_cursor(read_committed=True) as env:
            rows = env.execute_query(
                SQL("SELECT id, claim_owner, claim_fence FROM %s WHERE key = %s", SQL.identifier(self._table), key)
            )
            if not rows or not is_dead(rows[0][1] or ""):
                return False
            row_id, _owner, fence = rows[0]
            return bool(
                env.execute_query(
                    SQL(
                        "UPDATE %s SET claim_until = NULL, claim_owner = NULL WHERE id = %s AND claim_fence = %s"
                        " RETURNING id",
                        SQL.identifier(self._table),
                        row_id,
                        fence,
                    )
                )
            )

    def _release(self, claim: Claim):
        """Give the lease back, unless it ran out and is another's by now."""
        with self._gateway_cursor(read_committed=True) as env:
            env.execute_query(
                SQL(
                    "UPDATE %s SET claim_until = NULL, claim_owner = NULL WHERE id = %s AND claim_fence = %s"
                    " RETURNING id",
                    SQL.identifier(self._table),
                    claim.id,
                    claim.fence,
                )
            )
