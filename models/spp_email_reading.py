# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Brings messages from a mailbox into the journal: read, commit, then tell the server."""

from odoo import models

from ..engine.reading import Arrived, Failed, Listed, PassedOver, read_mailbox
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
            selections, rules = server._gateway_reading_plan()
            reading = read_mailbox(server._gateway_open_mailbox, selections, rules, limit=limit)
            result = self._converse(server, reading)
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
        ledger = self.env["spp.email.ledger"]
        server_key = server._gateway_server_key()
        match request:
            case Listed(entries):
                known = ledger._known(server_key, [entry.key for entry in entries])
                unknown = [entry.key for entry in entries if entry.key not in known]
                return known | self.env["spp.email.unreadable"]._resting(server_key, unknown)
            case Arrived(fetched):
                return self._journal(server, server_key, fetched)
            case PassedOver(entries):
                return self.env["spp.email.passed.entry"]._add(server_key, [entry.uid for entry in entries])
            case Failed(folder):
                return ledger._failed(server_key, folder)
            case _:
                raise TypeError(type(request).__name__)

    def _journal(self, server, server_key, fetched):
        ledger = self.env["spp.email.ledger"]
        unknown = ledger._follow(server_key, fetched)
        entries = [self._journal_entry(server, server_key, one) for one in unknown]
        new = self.env["spp.email.journal"]._write_entries(entries) if entries else 0
        if new < len(fetched):
            ledger._note_sizes(server_key, fetched)
        return new

    def _journal_entry(self, server, server_key, fetched):
        entry = fetched.entry
        return JournalEntry(
            server_key,
            *entry.key,
            fetched.content,
            server_id=server.id,
            company_id=server.company_id.id or None,
            source=server._get_connection_type(),
            server_size=entry.size,
            is_whole=fetched.is_whole,
            folder_id=server._gateway_folder(entry.folder).id or None,
        )

    def _note(self, server, result):
        """Note what the mail server confirmed, how far it was read, and what a person must decide.

        What is only about single messages is noted on them: the mailbox counts as read.
        """
        server_key = server._gateway_server_key()
        self.env["spp.email.journal"]._note_acknowledged(server_key, result.told)
        self.env["spp.email.ledger"]._note_filed(server_key, result.filed)
        self.env["spp.email.reading.mark"]._note(server_key, result.floors, result.met)
        for folder, failure in list(result.failures.items()):
            if entries := getattr(failure, "entries", ()):
                self.env["spp.email.unreadable"]._note(server, entries, failure)
                del result.failures[folder]
        waiting = sum(result.unstarted.values())
        if waiting != server.gateway_waiting_count:
            self.env["spp.email.fetching"]._write(server, {"gateway_waiting_count": waiting})
