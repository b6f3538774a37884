# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A process that is killed at any step loses no message and doubles none."""

from __future__ import annotations

from tools import odoo_server

from .case import box, wait_for
from .kill_case import KillCase

# A message that was in work in more deaths than MOST_STARTS allows is set aside, which is another test's promise.
ROUNDS_IN_THE_DATABASE = 2


class TestKills(KillCase):
    def kill(self, step, protocol, pattern, reply=False):
        """Kill on the wire; in the end each message made one record."""
        address, server, subjects = self.kill_on_the_wire(step, pattern, protocol, reply)
        self.assert_taken_once(address, server, subjects, protocol)

    def check_between(self, address, server, subjects, protocol="imap"):
        # POP knows no flags: all that is there will be read.
        waiting = sum(protocol == "pop" or "\\Seen" not in flags for flags in self.flags(address))
        self.assertGreaterEqual(waiting + len(self.journal(server)), len(subjects))

    def test_imap_before_a_message_is_fetched(self):
        self.kill("imap-fetch", "imap", rb"UID FETCH [^\r]*BODY")

    def test_imap_in_the_middle_of_a_message(self):
        self.kill("imap-middle", "imap", rb"Subject: imap-middle \d\.3", reply=True)

    def test_imap_between_journal_and_flag(self):
        self.kill("imap-store", "imap", rb"UID STORE")

    def test_imap_flagged_but_not_heard_of_it(self):
        self.kill("imap-stored", "imap", rb"[^\r\n]* OK Store completed", reply=True)

    def test_pop_in_the_middle_of_a_message(self):
        self.kill("pop-middle", "pop", rb"Subject: pop-middle \d\.3", reply=True)

    def test_pop_between_journal_and_dele(self):
        self.kill("pop-dele", "pop", rb"DELE 1\r")

    def test_pop_in_the_middle_of_the_deletions(self):
        self.kill("pop-deles", "pop", rb"DELE 4\r")

    def test_pop_between_dele_and_quit(self):
        self.kill("pop-quit", "pop", rb"QUIT")

    def test_pop_deleted_but_not_heard_of_it(self):
        self.kill("pop-bye", "pop", rb"\+OK Logging out", reply=True)

    def kill_in_the_database(self, step, *locks):
        """Kill while the process waits for a lock in the middle of the work on a message."""
        address, subjects = box(), []
        server = self.mailbox(address)
        for number in range(ROUNDS_IN_THE_DATABASE):
            subjects += self.deliver(address, step, number)
            holder = self.hold_with(*locks)
            running = self.start_fetch(server)
            wait_for(self.waiters, "the process meets the lock")
            odoo_server.kill_group(running)
            holder.rollback()
            holder.close()
            wait_for(lambda: not self.waiters(), "PostgreSQL ends what the dead process asked for")
            self.check_between(address, server, subjects)
            self.wait_until_free()
        self.fetch(server)
        self.assert_taken_once(address, server, subjects)

    def test_between_flag_and_record(self):
        self.kill_in_the_database("record", "LOCK TABLE crm_lead IN ACCESS EXCLUSIVE MODE")

    def test_between_record_and_its_chatter_message(self):
        self.kill_in_the_database("chatter", "LOCK TABLE mail_message IN SHARE ROW EXCLUSIVE MODE")

    def test_between_record_and_its_stamp(self):
        self.kill_in_the_database("stamp", "LOCK TABLE spp_email_inbound_record IN SHARE ROW EXCLUSIVE MODE")

    def test_in_a_commit_that_then_succeeds(self):
        # PostgreSQL has all it needs: the transaction is durable although nobody is there to hear of it.
        self.rows("""
            CREATE FUNCTION sys_wait() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NULL; END $$
        """)
        self.rows("""
            CREATE CONSTRAINT TRIGGER sys_wait AFTER INSERT ON crm_lead
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sys_wait()
        """)
        try:
            self.kill_in_the_database("commit", "SELECT pg_advisory_xact_lock(4711)")
        finally:
            self.rows("DROP TRIGGER sys_wait ON crm_lead")
            self.rows("DROP FUNCTION sys_wait")
