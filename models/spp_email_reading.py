# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Brings messages from a mailbox into the journal: read, commit, then tell the server."""

from odoo import models

from ..engine.reading import Arrived, Known, Listed, read_mailbox
from .spp_email_journal import JournalEntry


class SppEmailReading(models.AbstractModel):
    _name = "spp.email.reading"
    _inherit = ["spp.email.transaction"]
    _description = "Reading of Mailboxes"

    def _read_mailbox(self, server, limit):
        """Journal up to ``limit`` waiting messages of each folder of ``server`` and acknowledge them.

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
        try:
            result = self._converse(server, read_mailbox(server._gateway_open_mailbox, limit=limit))
            self._note(server, result)
        finally:
            leases._release(lease)
        if result.failure:
            raise result.failure
        return result.new, result.more

    def _converse(self, server, reading):
        """Answer what an engine.reading generator asks for, and return its result."""
        answer = None
        try:
            while True:
                try:
                    request = reading.send(answer)
                except StopIteration as end:
                    return end.value
                answer = self._answer(server, request)
        finally:
            # A database that failed ends the session with the mail server too.
            reading.close()

    def _answer(self, server, request):
        """Do the database work of one request of engine.reading, committed, and return what it is answered with."""
        journal = self.env["spp.email.journal"]
        server_key = server._gateway_server_key()
        match request:
            case Listed(entries):
                known = journal._known(server_key, [entry.key for entry in entries])
                return {key: Known(size) for key, size in known.items()}
            case Arrived(fetched):
                return journal._write_entries([self._journal_entry(server, one) for one in fetched])
            case _:
                raise TypeError(type(request).__name__)

    def _journal_entry(self, server, fetched):
        return JournalEntry(
            server._gateway_server_key(),
            *fetched.entry.key,
            fetched.content,
            server_id=server.id,
            company_id=server.company_id.id or None,
        )

    def _note(self, server, result):
        """Note in the journal what the mail server confirmed."""
        self.env["spp.email.journal"]._note_acknowledged(server._gateway_server_key(), result.told)
