# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The raw bytes of messages. The only class that reads or writes them, by SQL."""

import io
import zlib

import psycopg2

from odoo import fields, models
from odoo.tools import SQL, split_every

from ..engine.binary_copy import RowReader, single_value

# Octets above which a message is stored as it is: most of it is base64 of what is compressed already, and travels by
# COPY, without being turned into text.
LARGE = 256 * 1024
COPY_SIZE = 1024 * 1024
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
    stored_size = fields.Integer(readonly=True, help="Octets in the database.")
    is_compressed = fields.Boolean(readonly=True)

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
        small = {row_id: content for row_id, content in contents.items() if len(content) <= LARGE}
        rows = ((row_id, len(content), zlib.compress(content, 1)) for row_id, content in small.items())
        for group in split_every(STATEMENT_MESSAGES, rows):
            # A failing INSERT is logged by Odoo with all of its values.
            self.env.cr.execute(
                SQL(
                    "INSERT INTO %s (inbound_id, size, stored_size, is_compressed, data) VALUES %s",
                    SQL.identifier(self._table),
                    SQL(", ").join(
                        SQL("(%s, %s, %s, TRUE, %s)", row_id, size, len(data), psycopg2.Binary(data))
                        for row_id, size, data in group
                    ),
                ),
                log_exceptions=False,
            )
        large = [(row_id, content) for row_id, content in contents.items() if len(content) > LARGE]
        if large:
            self.env.cr.copy_expert(
                "COPY spp_email_content (inbound_id, size, stored_size, is_compressed, data)"
                " FROM STDIN (FORMAT BINARY)",
                RowReader((row_id, len(content), len(content), False, content) for row_id, content in large),
                COPY_SIZE,
            )

    def _load(self, inbound_id):
        """Return the bytes of a journal row exactly as received, or None when they were removed."""
        return self._load_each([inbound_id]).get(inbound_id)

    def _load_each(self, inbound_ids):
        """Return the bytes of several journal rows by row id; those that were removed are left out."""
        rows = self.env.execute_query(
            SQL(
                # NULL: stored before there was the column, and compressed as everything was then.
                "SELECT inbound_id, is_compressed IS NOT FALSE, stored_size,"
                " CASE WHEN stored_size <= %s THEN data END FROM %s"
                " WHERE inbound_id IN %s AND data IS NOT NULL",
                LARGE,
                SQL.identifier(self._table),
                tuple(inbound_ids),
            )
        )
        contents = {}
        for inbound_id, is_compressed, stored_size, data in rows:
            stored = self._load_large(inbound_id, stored_size) if data is None else bytes(data)
            contents[inbound_id] = zlib.decompress(stored) if is_compressed else stored
        return contents

    def _load_large(self, inbound_id, size):
        """Return the bytes, read in slices: PostgreSQL's library would keep memory for all of them."""
        content, place = io.BytesIO(), 0
        # All memory at once: a buffer that grows leaves holes of its own size behind.
        content.seek(size - 1)
        content.write(b"\0")
        content.seek(0)
        while place < size:
            buffer = io.BytesIO()
            # The numbers are integers of ours: COPY takes no parameters.
            query = (
                f"COPY (SELECT substring(data FROM {place + 1} FOR {COPY_SIZE})"  # noqa: S608
                f" FROM spp_email_content WHERE inbound_id = {int(inbound_id)}) TO STDOUT (FORMAT BINARY)"  # nosec B608
            )
            self.env.cr.copy_expert(query, buffer, COPY_SIZE)
            place += content.write(single_value(buffer.getbuffer()))
        return content.getvalue()
