# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Writes incoming messages to the journal, committed, before any mail server is told anything."""

from dataclasses import dataclass

from psycopg2.extras import Json

from odoo import models
from odoo.tools import SQL, split_every

from ..engine.outcome import InboundState
from ..engine.summary import summarize

# Entries named in one statement: tens of thousands exceed PostgreSQL's stack.
CHUNK = 1000


@dataclass(frozen=True)
class JournalEntry:
    """A message to be journaled: where it came from, and its bytes exactly as received.

    ``server_key``, ``folder``, ``uid_validity`` and ``uid`` name the mailbox entry; together they are unique. An
    intake gives its own key as ``server_key`` and what names the delivery as ``uid``.

    Attributes:
        source: an engine.outcome.InboundSource value.
        envelope_recipient: address it was delivered for, "" when unknown.
        envelope_sender: return path, "" when null or unknown.
        fallback: see the field of ``spp.email.inbound``.
    """

    server_key: str
    folder: str
    uid_validity: str
    uid: str
    content: bytes
    server_id: int | None = None
    company_id: int | None = None
    source: str = ""
    envelope_recipient: str = ""
    envelope_sender: str = ""
    intake_id: int | None = None
    fallback: dict | None = None


class SppEmailJournal(models.AbstractModel):
    _name = "spp.email.journal"
    _inherit = ["spp.email.transaction"]
    _description = "Email Journal Writer"

    def _known(self, server_key, entries):
        """Return the size of those of ``entries`` (folder, uid_validity, uid) that the journal has, by entry."""
        known = {}
        with self._gateway_cursor() as env:
            for chunk in split_every(CHUNK, entries):
                rows = env.execute_query(
                    SQL(
                        "SELECT folder, uid_validity, uid, size FROM spp_email_inbound"
                        " WHERE server_key = %s AND (folder, uid_validity, uid) IN %s",
                        server_key,
                        tuple(chunk),
                    )
                )
                known.update({row[:3]: row[3] for row in rows})
        return known

    def _write_entries(self, entries):
        """Journal ``entries`` in one transaction, committed when this returns. Return the number of new rows.

        An entry that is there already is left alone: another worker or an earlier, killed run was faster. If a server
        gives the name of an entry to another message (RFC 1939 §7 forbids it, and it happens), that one gets a row
        of its own.
        """
        # Under REPEATABLE READ "do nothing" would be a serialization failure when the other worker is fast just now.
        with self._gateway_cursor(read_committed=True) as env:
            contents = env["spp.email.content"]
            written = 0
            for entry in entries:
                summary = summarize(entry.content)
                row_id = self._insert(env, entry, summary, entry.uid)
                if not row_id and self._digest_of(env, entry) != summary.digest:
                    row_id = self._insert(env, entry, summary, f"{entry.uid}~{summary.digest[:16]}")
                if row_id:
                    contents._store(row_id, entry.content)
                    written += 1
        return written

    def _digest_of(self, env, entry):
        rows = env.execute_query(
            SQL(
                "SELECT digest FROM spp_email_inbound"
                " WHERE server_key = %s AND folder = %s AND uid_validity = %s AND uid = %s",
                entry.server_key,
                entry.folder,
                entry.uid_validity,
                entry.uid,
            )
        )
        return rows[0][0] if rows else None

    def _insert(self, env, entry, summary, uid):
        """Return the id of the new row, None when the entry is there."""
        columns = self._columns(env, entry, summary, uid)
        # A failing INSERT is logged by Odoo with all of its values: addresses and subjects do not belong there.
        env.cr.execute(
            SQL(
                """
                INSERT INTO spp_email_inbound (%s) VALUES (%s)
                    ON CONFLICT (server_key, folder, uid_validity, uid) DO NOTHING
                RETURNING id
                """,
                SQL(", ").join(map(SQL.identifier, columns)),
                SQL(", ").join(SQL("%s", value) for value in columns.values()),
            ),
            log_exceptions=False,
        )
        row = env.cr.fetchone()
        return row and row[0]

    def _columns(self, env, entry, summary, uid):
        """Return the values of a new row by column."""
        now = SQL("now() AT TIME ZONE 'UTC'")
        return {
            "server_id": entry.server_id,
            "server_key": entry.server_key,
            "folder": entry.folder,
            "uid_validity": entry.uid_validity,
            "uid": uid,
            "company_id": entry.company_id,
            "source": entry.source or None,
            "envelope_recipient": entry.envelope_recipient.lower() or None,
            "envelope_sender": entry.envelope_sender or None,
            "intake_id": entry.intake_id,
            "fallback": Json(entry.fallback) if entry.fallback else None,
            "state": InboundState.RECEIVED.value,
            "received_date": now,
            "digest": summary.digest,
            "size": summary.size,
            "message_id": summary.message_id,
            "subject": summary.subject,
            "email_from": summary.email_from,
            "email_to": summary.email_to,
            "attempts": 0,
            "starts": 0,
            "claim_fence": 0,
            "create_uid": env.uid,
            "write_uid": env.uid,
            "create_date": now,
            "write_date": now,
        }

    def _note_acknowledged(self, server_key, entries):
        """Note that the mail server was told about ``entries`` (folder, uid_validity, uid).

        Rows that another worker has in work by now go without the note: changing them would undo its work on them.
        """
        for chunk in split_every(CHUNK, entries):
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
                        tuple(chunk),
                    )
                )
