# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Writes incoming messages to the journal, committed, before any mail server is told anything."""

from dataclasses import dataclass

from psycopg2.extras import Json

from odoo import models
from odoo.tools import SQL, split_every

from ..engine.conversation import conversation, replied_to
from ..engine.outcome import InboundReason, InboundState
from ..engine.summary import sole_address, summarize

# Entries named in one statement: tens of thousands exceed PostgreSQL's stack.
CHUNK = 1000
MOST_OCTETS = 2**31 - 1  # of an integer column
# Stands behind the name of an entry, before the beginning of a digest, where another message has the name itself.
MARK = "~"
MARK_DIGITS = 16


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
        server_size: octets that the mail server says it has; None when it did not say.
        is_whole: ``content`` is the message, not its header section only.
        folder_id: the ``spp.email.folder`` that it was read by.
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
    server_size: int | None = None
    is_whole: bool = True
    folder_id: int | None = None


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
        of its own and the name: from now on it is the one that is listed under it.

        Raises:
            GatewayError: there is no room; nothing was written.
        """
        self.env["spp.email.capacity"]._require_room(sum(len(entry.content) for entry in entries))
        # Under REPEATABLE READ "do nothing" would be a serialization failure when the other worker is fast just now.
        with self._gateway_cursor(read_committed=True) as env:
            wait_for_the_disk(env)
            summaries = [summarize(entry.content) for entry in entries]
            conversations = self._conversations(env, summaries)
            rows = [
                self._columns(env, entry, summary, conversation_name)
                for entry, summary, conversation_name in zip(entries, summaries, conversations, strict=True)
            ]
            ids = self._insert(env, rows)
            written = {}
            for entry, row in zip(entries, rows, strict=True):
                row_id = ids.pop(_name(row), None)
                if not row_id and self._digest_of(env, row) != row["digest"]:
                    row_id = self._insert_under_used_name(env, row)
                if row_id:
                    written[row_id] = entry.content
            env["spp.email.content"]._store(written)
        return len(written)

    def _conversations(self, env, summaries):
        """Return the name of the conversation of each message.

        One that names only its predecessor is in the conversation of that one, if the journal knows it.
        """
        predecessors = {predecessor for predecessor in map(replied_to, summaries) if predecessor}
        known = {}
        if predecessors:
            rows = env.execute_query(
                SQL(
                    "SELECT message_id, conversation FROM spp_email_inbound"
                    " WHERE message_id IN %s AND conversation IS NOT NULL ORDER BY id DESC",
                    tuple(predecessors),
                )
            )
            known.update(rows)
        names = []
        for summary in summaries:
            names.append(known.get(replied_to(summary)) or conversation(summary))
            if summary.message_id:
                known.setdefault(summary.message_id, names[-1])
        return names

    def _insert_under_used_name(self, env, row):
        """Insert a row whose name another message has; return its id, None when it is there already.

        The name goes to the message that is listed under it now. Where a worker has the other one, which changing its
        row would undo, this one has its mark behind the name until it is listed again.
        """
        marked = {**row, "uid": row["uid"] + name_mark(row["digest"])}
        is_there = self._digest_of(env, marked) is not None
        is_free = env.execute_query(
            SQL(
                "UPDATE spp_email_inbound AS other SET uid = uid || %s || left(digest, %s)"
                " WHERE id = (SELECT id FROM spp_email_inbound WHERE server_key = %s AND folder = %s"
                "              AND uid_validity = %s AND uid = %s AND state <> 'processing' FOR UPDATE SKIP LOCKED)"
                "   AND NOT EXISTS (SELECT 1 FROM spp_email_inbound AS taken WHERE taken.server_key = other.server_key"
                "     AND taken.folder = other.folder AND taken.uid_validity = other.uid_validity"
                "     AND taken.uid = other.uid || %s || left(other.digest, %s)) RETURNING id",
                MARK,
                MARK_DIGITS,
                *_name(row),
                MARK,
                MARK_DIGITS,
            )
        )
        if not is_there:
            row = row if is_free else marked
            return self._insert(env, [row]).get(_name(row))
        if is_free:
            env.execute_query(
                SQL(
                    "UPDATE spp_email_inbound SET uid = %s WHERE server_key = %s AND folder = %s AND uid_validity = %s"
                    " AND uid = %s AND state <> 'processing' RETURNING id",
                    row["uid"],
                    *_name(marked),
                )
            )
        return None

    def _digest_of(self, env, row):
        rows = env.execute_query(
            SQL(
                "SELECT digest FROM spp_email_inbound"
                " WHERE server_key = %s AND folder = %s AND uid_validity = %s AND uid = %s",
                *_name(row),
            )
        )
        return rows[0][0] if rows else None

    def _insert(self, env, rows):
        """Insert those of ``rows`` (column: value) that are not there; return the ids of the new ones by entry."""
        if not rows:
            return {}
        # A failing INSERT is logged by Odoo with all of its values: addresses and subjects do not belong there.
        env.cr.execute(
            SQL(
                """
                INSERT INTO spp_email_inbound (%s) VALUES %s
                    ON CONFLICT (server_key, folder, uid_validity, uid) DO NOTHING
                RETURNING server_key, folder, uid_validity, uid, id
                """,
                SQL(", ").join(map(SQL.identifier, rows[0])),
                SQL(", ").join(SQL("(%s)", SQL(", ").join(SQL("%s", value) for value in row.values())) for row in rows),
            ),
            log_exceptions=False,
        )
        return {row[:4]: row[4] for row in env.cr.fetchall()}

    def _columns(self, env, entry, summary, conversation_name):
        """Return the values of a new row by column."""
        now = SQL("now() AT TIME ZONE 'UTC'")
        return {
            "server_id": entry.server_id,
            "server_key": entry.server_key,
            "folder": entry.folder,
            "uid_validity": entry.uid_validity,
            "uid": entry.uid,
            "company_id": entry.company_id,
            "source": entry.source or None,
            "envelope_recipient": entry.envelope_recipient.lower() or None,
            "envelope_sender": entry.envelope_sender or None,
            "intake_id": entry.intake_id,
            "fallback": Json(entry.fallback) if entry.fallback else None,
            "server_size": min(entry.server_size, MOST_OCTETS) if entry.server_size is not None else None,
            "is_headers_only": not entry.is_whole,
            "folder_id": entry.folder_id,
            "state": InboundState.RECEIVED.value if entry.is_whole else InboundState.QUARANTINED.value,
            "reason": None if entry.is_whole else InboundReason.TOO_LARGE.value,
            "received_date": now,
            "digest": summary.digest,
            "size": summary.size,
            "message_id": summary.message_id,
            "conversation": conversation_name,
            "subject": summary.subject,
            "email_from": summary.email_from,
            "sender": sole_address(summary.email_from) or None,
            "email_to": summary.email_to,
            "attempts": 0,
            "starts": 0,
            "claim_fence": 0,
            "is_held": False,
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


def wait_for_the_disk(env):
    """Let the commit of this transaction be on the disk when it returns, also where the database is set not to wait.

    After a power cut the message would be in neither place: the mail server has been told to forget it.
    """
    env.execute_query(
        SQL(
            "SELECT set_config('synchronous_commit', 'on', TRUE) WHERE current_setting('synchronous_commit') = 'off'",
        )
    )


def name_mark(digest):
    """Return what stands behind the name of an entry in the row of a message that does not have the name itself."""
    return MARK + digest[:MARK_DIGITS]


def _name(row):
    return row["server_key"], row["folder"], row["uid_validity"], row["uid"]
