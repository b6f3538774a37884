# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Soft bounces of each address and day, apart from what is listed: most of them never lead to an entry."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

# Longer than any window that makes sense.
MOST_DAYS = 365
BATCH = 10_000


class SppEmailSuppressionCount(models.Model):
    _name = "spp.email.suppression.count"
    _description = "Soft Bounces of an Address"
    _order = "day desc, id desc"
    _log_access = False
    _rec_name = "address"

    address = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    day = fields.Date(required=True, readonly=True)
    count = fields.Integer("Soft Bounces", required=True, readonly=True, default=1)

    _day_unique = models.UniqueIndex("(address, COALESCE(company_id, 0), day)")
    _day_index = models.Index("(day)")

    def _add(self, company_id, address, day):
        """Count one more; return {day: count} of this address."""
        self.flush_model()
        self.env.execute_query(
            SQL(
                "INSERT INTO spp_email_suppression_count AS row (address, company_id, day, count)"
                " VALUES (%s, %s, %s, 1)"
                " ON CONFLICT (address, COALESCE(company_id, 0), day) DO UPDATE SET count = row.count + 1 RETURNING id",
                address,
                company_id or None,
                day,
            )
        )
        self.invalidate_model(flush=False)
        rows = self.env.execute_query(
            SQL(
                "SELECT day, count FROM spp_email_suppression_count"
                " WHERE address = %s AND COALESCE(company_id, 0) = %s AND day > %s",
                address,
                company_id or 0,
                day - timedelta(days=MOST_DAYS),
            )
        )
        return dict(rows)

    def _forget(self, address, company_id=None):
        """Begin anew with an address: for a company and for mail of none; for all companies without one."""
        self.flush_model()
        company = SQL("AND COALESCE(company_id, 0) IN (0, %s)", company_id) if company_id else SQL()
        self.env.execute_query(
            SQL("DELETE FROM spp_email_suppression_count WHERE address = %s %s RETURNING id", address, company)
        )
        self.invalidate_model(flush=False)

    @api.autovacuum
    def _gc_counts(self):
        rows = self.env.execute_query(
            SQL(
                "DELETE FROM spp_email_suppression_count WHERE id IN"
                " (SELECT id FROM spp_email_suppression_count WHERE day < %s ORDER BY day LIMIT %s) RETURNING id",
                fields.Date.today() - timedelta(days=MOST_DAYS),
                BATCH,
            )
        )
        self.invalidate_model(flush=False)
        return len(rows), 1 if len(rows) == BATCH else 0
