# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Brings messages from a mailbox into the journal: read, commit, then tell the server."""

from odoo import models

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

        Returns (new, more): the number of new journal rows, and whether messages were left behind. (0, False) while
        another worker reads this mailbox.

        Raises:
            GatewayError, ConfigurationError: the mailbox could not be read. What was journaled before stays, and
                what was not acknowledged is recognised and acknowledged by the next run.
        """
        leases = self.env["spp.email.lease"]
        lease = leases._acquire(f"mailbox:{server.id}")
        if lease is None:
            return 0, False
        try:
            with server._gateway_open_mailbox() as reader:
                return self._read(server, reader, limit)
        finally:
            leases._release(lease)

    def _read(self, server, reader, limit):
        journal = self.env["spp.email.journal"]
        server_key = server._gateway_server_key()
        # One more than wanted tells whether anything is left behind.
        waiting = reader.waiting(limit + 1)
        more = len(waiting) > limit
        waiting = waiting[:limit]
        known = journal._known(server_key, [(entry.folder, entry.uid_validity, entry.uid) for entry in waiting])
        # An earlier run journaled these and died before it could tell the server.
        self._acknowledge(reader, server_key, [entry for entry in waiting if _key(entry) in known])
        new = 0
        batch, batch_bytes = [], 0
        for fetched in reader.fetch([entry for entry in waiting if _key(entry) not in known]):
            batch.append(fetched)
            batch_bytes += len(fetched.content)
            if len(batch) >= BATCH_MESSAGES or batch_bytes >= BATCH_BYTES:
                new += self._journal(server, server_key, reader, batch)
                batch, batch_bytes = [], 0
        new += self._journal(server, server_key, reader, batch)
        return new, more

    def _journal(self, server, server_key, reader, batch):
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
        self._acknowledge(reader, server_key, [fetched.entry for fetched in batch])
        return written

    def _acknowledge(self, reader, server_key, entries):
        if not entries:
            return
        reader.acknowledge(entries)
        self.env["spp.email.journal"]._note_acknowledged(server_key, [_key(entry) for entry in entries])


def _key(entry):
    return entry.folder, entry.uid_validity, entry.uid
