# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Brings messages from a mailbox into the journal: read, commit, then tell the server."""

from odoo import models

from ..engine.errors import GatewayError
from .spp_email_journal import JournalEntry

# Messages that are journaled in one transaction and acknowledged in one command, and their bytes.
BATCH_MESSAGES = 25
BATCH_BYTES = 8 * 1024 * 1024


class SppEmailReading(models.AbstractModel):
    _name = "spp.email.reading"
    _inherit = ["spp.email.transaction"]
    _description = "Reading of Mailboxes"

    def _read_mailbox(self, server, limit):
        """Journal up to ``limit`` waiting messages of ``server`` and acknowledge them.

        Returns (new, more): the number of new journal rows, and whether messages were left behind. None while another
        worker reads this mailbox.

        Raises:
            GatewayError, ConfigurationError: the mailbox could not be read. What was journaled before stays, and
                what was not acknowledged is recognised and acknowledged by the next run.
        """
        leases = self.env["spp.email.lease"]
        # Of the mailbox, not of the record: two records may lead to one mailbox, and POP allows one session at a time.
        lease = leases._acquire(f"mailbox:{server._gateway_server_key()}")
        if lease is None:
            return None
        told = []
        try:
            with server._gateway_open_mailbox() as reader:
                new, more = self._read(server, reader, limit, told)
            # Only now: POP deletes what it was told to when the session ends well (RFC 1939 §6).
            self.env["spp.email.journal"]._note_acknowledged(server._gateway_server_key(), told)
        finally:
            leases._release(lease)
        return new, more

    def _read(self, server, reader, limit, told):
        journal = self.env["spp.email.journal"]
        server_key = server._gateway_server_key()
        # One more than wanted tells whether anything is left behind.
        waiting = reader.waiting(limit + 1)
        is_full = len(waiting) > limit
        known = journal._known(server_key, map(_key, waiting))
        if is_full and len(known) == len(waiting):
            # A server that forgets flags lists the same known ones for ever; what is new stands behind them.
            waiting = reader.waiting()
            known = journal._known(server_key, map(_key, waiting))
        # Some servers reuse the name of an entry for another message: the size tells it before it is acknowledged
        # unread. Where a server counts otherwise than we do, a known message is only fetched once more.
        unknown = [entry for entry in waiting if known.get(_key(entry)) != entry.size][:limit]
        new, failure = 0, None
        batch, batch_bytes = [], 0
        try:
            for fetched in reader.fetch(unknown):
                batch.append(fetched)
                batch_bytes += len(fetched.content)
                if len(batch) >= BATCH_MESSAGES or batch_bytes >= BATCH_BYTES:
                    complete, batch, batch_bytes = batch, [], 0
                    new += self._journal(server, server_key, reader, complete, told)
        except GatewayError as error:
            # What was read before the failure is whole: it goes into the journal all the same.
            failure = error
        try:
            new += self._journal(server, server_key, reader, batch, told)
        except GatewayError as error:
            failure = failure or error
        try:
            # An earlier run journaled these and died before it could tell the server. Last, so that a refusal does
            # not keep new messages waiting.
            self._acknowledge(reader, [entry for entry in waiting if known.get(_key(entry)) == entry.size], told)
        except GatewayError as error:
            failure = failure or error
        if failure:
            raise failure
        # Without anything new another round would only find the same.
        return new, is_full and new > 0

    def _journal(self, server, server_key, reader, batch, told):
        if not batch:
            return 0
        written = self.env["spp.email.journal"]._write_entries(
            [
                JournalEntry(
                    server_key,
                    fetched.entry.folder,
                    fetched.entry.uid_validity,
                    fetched.entry.uid,
                    fetched.content,
                    server_id=server.id,
                    company_id=server.company_id.id or None,
                )
                for fetched in batch
            ]
        )
        # Committed: only now may the server forget or flag them.
        self._acknowledge(reader, [fetched.entry for fetched in batch], told)
        return written

    def _acknowledge(self, reader, entries, told):
        if entries:
            reader.acknowledge(entries)
            told.extend(map(_key, entries))


def _key(entry):
    return entry.folder, entry.uid_validity, entry.uid
