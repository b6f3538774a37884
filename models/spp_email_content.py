# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The raw bytes of messages. The only class that reads or writes them, by SQL."""

import zlib

import psycopg2

from odoo import fields, models
from odoo.tools import SQL, split_every

# Messages that one statement writes.
STATEMENT_MESSAGES = 25


class SppEmailContent(models.Model):
    """One row a journal row.

    Not the filestore: it does not sync to disk, trusts a truncated file that is there already, and is not part of
    the transaction. Not fields.Binary: it holds base64 and reads the whole value with every record.
    """

    _name = "spp.email.content"
    _description = "Raw Message"
    _log_access = False

    inbound_id = fields.Many2one("spp.email.inbound", required=True, readonly=True, ondelete="cascade", index=True)
    size = fields.Integer(readonly=True, help="Octets as received.")
    stored_size = fields.Integer(readonly=True, help="Octets in the database, compressed.")

    def init(self):
        # The column is not a field, so that no read() of the ORM ever loads megabytes by accident.
        self.env.cr.execute(
            SQL("ALTER TABLE %s ADD COLUMN IF NOT EXISTS data bytea", SQL.identifier(self._table))
        )
        # The bytes are compressed already: PostgreSQL need not try again.
        self.env.cr.execute(
            SQL("ALTER TABLE %s ALTER COLUMN data SET STORAGE EXTERNAL", SQL.identifier(self._table))
        )

    def _store(self, contents):
        """Keep the bytes of journal rows, in the current transaction.

        Args:
            contents: the bytes by journal row id.
        """
        # Level 1: most of a large mail is base64 of what is compressed already.
        rows = ((inbound_id, len(content), zlib.compress(content, 1)) for inbound_id, content in contents.items())
        for group in split_every(STATEMENT_MESSAGES, rows):
            # A failing INSERT is logged by Odoo with all of its values.
            self.env.cr.execute(
                SQL(
                    "INSERT INTO %s (inbound_id, size, stored_size, data) VALUES %s",
                    SQL.identifier(self._table),
                    SQL(", ").join(
                        SQL("(%s, %s, %s, %s)", inbound_id, size, len(data), psycopg2.Binary(data))
                        for inbound_id, size, data in group
                    ),
                ),
                log_exceptions=False,
            )

    def _load(self, inbound_id):
        """Return the bytes of a journal row exactly as received, or None when they were removed."""
        rows = self.env.execute_query(
            SQL("SELECT data FROM %s WHERE inbound_id = %s", SQL.identifier(self._table), inbound_id)
        )
        return zlib.decompress(bytes(rows[0][0])) if rows and rows[0][0] is not None else None

    def _load_each(self, inbound_ids):
        """Return the bytes of several journal rows by row id; those that were removed are left out."""
        rows = self.env.execute_query(
            SQL(
                "SELECT inbound_id, data FROM %s WHERE inbound_id IN %s AND data IS NOT NULL",
                SQL.identifier(self._table),
                tuple(inbound_ids),
            )
        )
        return {inbound_id: zlib.decompress(bytes(data)) for inbound_id, data in rows}
