# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the journal knows of the entries of a mailbox, and how it follows when the server renumbers them."""

import hashlib

from odoo import models
from odoo.tools import SQL, split_every

from ..engine.mailbox import Entry
from ..engine.outcome import InboundReason
from ..engine.reading import Known
from .spp_email_journal import CHUNK, MOST_OCTETS

# Moved to the folder for what failed in one session; the next one goes on.
MOST_FILED = 100


class SppEmailLedger(models.AbstractModel):
    _name = "spp.email.ledger"
    _inherit = ["spp.email.transaction"]
    _description = "Ledger of Mailbox Entries"

    def _known(self, server_key, keys):
        """Return an engine.reading.Known for those of ``keys`` (folder, uid_validity, uid) that need no fetching."""
        keys, known = list(keys), {}
        with self._gateway_cursor() as env:
            passed = env["spp.email.passed.entry"]._among(server_key, (uid for folder, _v, uid in keys if not folder))
            known.update({("", "", uid): Known(None, is_held=True) for uid in passed})
            for chunk in split_every(CHUNK, keys):
                rows = env.execute_query(
                    SQL(
                        "SELECT folder, uid_validity, uid, COALESCE(server_size, size),"
                        "       acknowledged_date IS NOT NULL, COALESCE(is_headers_only, FALSE), received_date"
                        "  FROM spp_email_inbound WHERE server_key = %s AND (folder, uid_validity, uid) IN %s",
                        server_key,
                        tuple(chunk),
                    )
                )
                known.update({row[:3]: Known(*row[3:]) for row in rows})
        return known

    def _follow(self, server_key, fetched):
        """Return those of ``fetched`` that are no known messages under a new number.

        After a changed UIDVALIDITY (RFC 3501 §2.3.1.1) every message has another name. Its row gets it, so that
        neither the journal nor anything else has the message twice. Committed when this returns.
        """
        numbered = [one for one in fetched if one.entry.uid_validity]
        if not numbered:
            return list(fetched)
        folder, uid_validity = numbered[0].entry.folder, numbered[0].entry.uid_validity
        left = []
        with self._gateway_cursor(read_committed=True) as env:
            others = SQL("server_key = %s AND folder = %s AND uid_validity <> %s", server_key, folder, uid_validity)
            if not env.execute_query(SQL("SELECT 1 FROM spp_email_inbound WHERE %s LIMIT 1", others)):
                return list(fetched)
            for one in fetched:
                # Rows that another worker has in work keep their name: changing them would undo its work. The message
                # gets a row more then, and is recognised as a duplicate when it is processed.
                rows = env.execute_query(
                    SQL(
                        """
                        UPDATE spp_email_inbound SET uid_validity = %s, uid = %s
                         WHERE id = (SELECT id FROM spp_email_inbound
                                      WHERE %s AND digest = %s AND state <> 'processing'
                                      ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
                           AND NOT EXISTS (SELECT 1 FROM spp_email_inbound
                                            WHERE server_key = %s AND folder = %s AND uid_validity = %s AND uid = %s)
                        RETURNING id
                        """,
                        uid_validity,
                        one.entry.uid,
                        others,
                        hashlib.sha256(one.content).hexdigest(),
                        server_key,
                        *one.entry.key,
                    )
                )
                if not rows:
                    left.append(one)
        return left

    def _note_sizes(self, server_key, fetched):
        """Note how large the server says messages are that were journaled before: it counts otherwise than we do."""
        with self._gateway_cursor(read_committed=True) as env:
            for one in fetched:
                env.execute_query(
                    SQL(
                        """
                        UPDATE spp_email_inbound SET server_size = %s
                         WHERE server_key = %s AND folder = %s AND uid_validity = %s AND uid = %s AND digest = %s
                           AND server_size IS DISTINCT FROM %s AND state <> 'processing'
                        RETURNING id
                        """,
                        min(one.entry.size, MOST_OCTETS),
                        server_key,
                        *one.entry.key,
                        hashlib.sha256(one.content).hexdigest(),
                        min(one.entry.size, MOST_OCTETS),
                    )
                )

    def _failed(self, server_key, folder):
        """Return (Entry, Message-ID) of what ended in quarantine and still lies where it was read."""
        with self._gateway_cursor() as env:
            rows = env.execute_query(
                SQL(
                    "SELECT folder, uid_validity, split_part(uid, '~', 1), COALESCE(server_size, size), message_id"
                    "  FROM spp_email_inbound"
                    " WHERE server_key = %s AND folder = %s AND state = 'quarantined' AND filed_date IS NULL"
                    "   AND reason IS DISTINCT FROM %s ORDER BY id LIMIT %s",
                    server_key,
                    folder,
                    # Its body is to be fetched from where it is.
                    InboundReason.TOO_LARGE.value,
                    MOST_FILED,
                )
            )
        return [(Entry(*row[:4]), row[4] or "") for row in rows]

    def _note_filed(self, server_key, keys):
        """Note that these entries were moved to the folder for what failed."""
        for chunk in split_every(CHUNK, keys):
            with self._gateway_cursor(read_committed=True) as env:
                env.execute_query(
                    SQL(
                        "UPDATE spp_email_inbound SET filed_date = now() AT TIME ZONE 'UTC'"
                        " WHERE server_key = %s AND (folder, uid_validity, split_part(uid, '~', 1)) IN %s"
                        "   AND state = 'quarantined' AND filed_date IS NULL RETURNING id",
                        server_key,
                        tuple(chunk),
                    )
                )
