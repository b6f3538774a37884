# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Writes incoming messages to the journal, committed, before any mail server is told anything."""

from dataclasses import dataclass

from odoo import models
from odoo.tools import SQL

from ..engine.outcome import InboundState
from ..engine.summary import summarize


@dataclass(frozen=True)
class JournalEntry:
    """A message to be journaled: where it came from, and its bytes exactly as received.

    ``server_key``, ``folder``, ``uid_validity`` and ``uid`` name the mailbox entry; together they are unique.
    """

    server_key: str
    folder: str
    uid_validity: str
    uid: str
    content: bytes
    server_id: int | None = None
    company_id: int | None = None


class SppEmailJournal(models.AbstractModel):
    _name = "spp.email.journal"
    _inherit = ["spp.email.transaction"]
    _description = "Email Journal Writer"

    def _known(self, server_key, entries):
        """Return those of ``entries`` (folder, uid_validity, uid) that the journal has already."""
        entries = tuple(entries)
        if not entries:
            return set()
        with self._gateway_cursor() as env:
            rows = env.execute_query(
                SQL(
                    "SELECT folder, uid_validity, uid FROM spp_email_inbound"
                    " WHERE server_key = %s AND (folder, uid_validity, uid) IN %s",
                    server_key,
                    entries,
                )
            )
        return set(rows)

    def _write_entries(self, entries):
        """Journal ``entries`` in one transaction, committed when this returns. Return the number of new rows.

        An entry that is there already is left alone: another worker or an earlier, killed run was faster.
        """
        # Under REPEATABLE READ "do nothing" would be a serialization failure when the other worker is fast just now.
        with self._gateway_cursor(read_committed=True) as env:
            contents = env["spp.email.content"]
            written = 0
            for entry in entries:
                summary = summarize(entry.content)
                rows = env.execute_query(
                    SQL(
                        """
                        INSERT INTO spp_email_inbound
                               (server_id, server_key, folder, uid_validity, uid, company_id, state, received_date,
                                digest, size, message_id, subject, email_from, email_to, attempts, starts,
                                claim_fence, create_uid, write_uid, create_date, write_date)
                        VALUES (%s, %s, %s, %s, %s, %s, %s, now() AT TIME ZONE 'UTC',
                                %s, %s, %s, %s, %s, %s, 0, 0,
                                0, %s, %s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')
                            ON CONFLICT (server_key, folder, uid_validity, uid) DO NOTHING
                        RETURNING id
                        """,
                        entry.server_id,
                        entry.server_key,
                        entry.folder,
                        entry.uid_validity,
                        entry.uid,
                        entry.company_id,
                        InboundState.RECEIVED.value,
                        summary.digest,
                        summary.size,
                        summary.message_id,
                        summary.subject,
                        summary.email_from,
                        summary.email_to,
                        env.uid,
                        env.uid,
                    )
                )
                if rows:
                    contents._store(rows[0][0], entry.content)
                    written += 1
        return written

    def _note_acknowledged(self, server_key, entries):
        """Note that the mail server was told about ``entries`` (folder, uid_validity, uid).

        Rows that another worker has in work by now go without the note: changing them would undo its work on them.
        """
        if not entries:
            return
        with self._gateway_cursor(read_committed=True) as env:
            env.execute_query(
                SQL(
                    """
                      WITH told AS MATERIALIZED (
                            SELECT id FROM spp_email_inbound
                             WHERE server_key = %s AND (folder, uid_validity, uid) IN %s
                               AND acknowledged_date IS NULL AND state <> 'processing'
                               FOR NO KEY UPDATE SKIP LOCKED)
                    UPDATE spp_email_inbound SET acknowledged_date = now() AT TIME ZONE 'UTC'
                     WHERE id IN (SELECT id FROM told)
                    RETURNING id
                    """,
                    server_key,
                    tuple(entries),
                )
            )
