# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Many mailboxes at once, one that hangs, and a process that is killed meanwhile.

How long it takes stands in ``./dev bench mailboxes mailbox-hangs``.
"""

from __future__ import annotations

import contextlib

from tools import odoo_server
from tools.database import Databases
from tools.odoo_server import OdooServer
from tools.proxy import Proxy

from .case import SystemCase, box, letter, wait_for

MAILBOXES = 8


class TestParallel(SystemCase):
    def setUp(self):
        super().setUp()
        self.rows("UPDATE ir_cron SET nextcall = '2090-01-01'")
        self.rows("UPDATE fetchmail_server SET active = FALSE")

    def boxes(self, count, port=None, messages=5, name="one", **values):
        """Return [(address, id, subjects)] of mailboxes with messages."""
        made = []
        for number in range(count):
            address = box()
            subjects = [f"{name} {number} {message}" for message in range(messages)]
            self.dovecot.fill(address, [letter(subject) for subject in subjects])
            made.append((address, self.mailbox(address, port=port, **values), subjects))
        self.rows("UPDATE ir_cron SET active = TRUE WHERE id = ANY(%s)", [self.job_id()])
        return made

    def job_id(self):
        return self.value(
            "SELECT res_id FROM ir_model_data WHERE module = 'mail' AND name = 'ir_cron_mail_gateway_action'"
        )

    def assert_all_taken_once(self, boxes):
        for address, server, subjects in boxes:
            self.assert_taken_once(address, server, subjects)

    def fetch_all(self, boxes, how="servers._fetch_mail()"):
        """Fetch all in one go."""
        self.ask(
            f"servers = env['fetchmail.server'].browse(ids)\n{how}",
            ids=[server for _address, server, _subjects in boxes],
        )

    def test_they_are_read_at_once(self):
        with Proxy(self.dovecot.imap) as proxy:
            many = self.boxes(MAILBOXES, proxy.port, name="parallel")
            ids = [server for _address, server, _subjects in many]
            # Nobody is greeted before all have connected.
            proxy.hold(rb"\* OK", reply=True)
            running = self.start(f"env['fetchmail.server'].browse({ids!r})._fetch_mail()\nenv.cr.commit()\n")
            wait_for(lambda: proxy.connections == MAILBOXES, "all are connected at the same time")
            proxy.release()
            self.assertEqual(running.wait(60), 0)
        self.assert_all_taken_once(many)

    def run_job(self):
        """Let a running server run the job now."""
        self.rows(
            "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '1 minute' WHERE id = %s", self.job_id()
        )
        connection = Databases().connect("postgres")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('cron_trigger', %s)", [self.database])
        connection.close()

    def until_taken(self, name, count):
        self.run_job()
        wait_for(lambda: len(self.leads(f"{name} %")) == count, f"the leads of {name}", 60)

    def failures(self, server):
        return self.value("SELECT gateway_failures FROM fetchmail_server WHERE id = %s", server)

    def test_one_that_hangs_delays_nobody(self):
        with Proxy(self.dovecot.imap) as proxy, OdooServer(self.database, cron=1):
            self.boxes(1, name="warm")
            self.until_taken("warm", 5)
            self.rows("UPDATE fetchmail_server SET active = FALSE")
            proxy.hold(rb"\* OK", reply=True)
            # Longest unchecked: it is the first that is read.
            ((_address, hung, _subjects),) = self.boxes(1, proxy.port, name="hung", priority=1)
            boxes = self.boxes(10, messages=2, name="held", priority=9)
            self.until_taken("held", 20)
            # The others are records while it is still waited for: the run has not given it up.
            self.assertTrue(proxy.held.is_set())
            self.assertFalse(self.failures(hung))
            self.assertEqual(self.leads("hung %"), [])
            # The run ends with its budget, and says so on the mailbox that is at fault, and on no other.
            wait_for(
                lambda: self.value("SELECT count(*) FROM fetchmail_server WHERE gateway_failures > 0 AND active"),
                "it is noted",
                20,
            )
            text = self.rows(
                "SELECT id, error_message, gateway_next_fetch_date IS NOT NULL FROM fetchmail_server"
                " WHERE error_message IS NOT NULL AND active"
            )
            self.assertEqual([(row[0], row[2]) for row in text], [(hung, True)])
            self.assertIn("The server did not answer for", text[0][1])
            wait_for(
                lambda: self.value("SELECT count(*) FROM spp_email_lease WHERE claim_until IS NOT NULL") == 0,
                "its lease is given back, as its thread has ended",
                20,
            )
            self.assert_all_taken_once(boxes)
            # Well again: it is read once its pause is over.
            proxy.release()
            self.rows("UPDATE fetchmail_server SET gateway_next_fetch_date = NULL WHERE id = %s", hung)
            self.until_taken("hung", 5)
            self.assertEqual(self.failures(hung), 0)

    def test_a_message_that_takes_longer_than_a_run_is_read(self):
        others = self.boxes(1, name="quick")
        address = box()
        self.dovecot.fill(address, [letter("large", "x" * 70 + ("\r\n" + "x" * 70) * 30_000), letter("behind it")])
        with Proxy(self.dovecot.imap, pace=250_000) as proxy:
            slow = self.mailbox(address, port=proxy.port)
            self.rows("UPDATE ir_cron SET active = TRUE WHERE id = ANY(%s)", [self.job_id()])
            # Nine seconds, of two.
            self.fetch_all([(address, slow, []), *others], "env['spp.email.fetching']._fetch(servers, 2)")
            # Safe; the lanes process it.
            self.assertEqual(self.value("SELECT count(*) FROM spp_email_inbound WHERE subject = 'large'"), 1)
            self.assertFalse(self.failures(slow))
            self.fetch_all([(address, slow, []), *others])
        self.assert_all_taken_once([(address, slow, ["large", "behind it"]), *others])

    def test_killed_while_threads_read(self):
        steps = (
            (rb"UID SEARCH", False),
            (rb"Subject: kill \d+ 0 2", True),
            (rb"UID STORE", False),
            (rb"OK Store completed", True),
            (rb"LOGOUT", False),
        )
        for turn, (pattern, reply) in enumerate(steps):
            with self.subTest(pattern=pattern), contextlib.ExitStack() as stack:
                proxy = stack.enter_context(Proxy(self.dovecot.imap))
                held = self.boxes(1, proxy.port, name=f"kill {turn}")
                others = self.boxes(3, name=f"beside {turn}")
                ids = [server for _address, server, _subjects in held + others]
                proxy.hold(pattern, reply)
                running = self.start(f"env['fetchmail.server'].browse({ids!r})._fetch_mail()\n")
                self.assertTrue(proxy.held.wait(30))
                odoo_server.kill_group(running)
                proxy.release()
                self.wait_until_free()
                self.fetch_all(held + others)
                self.assert_all_taken_once(held + others)

    def test_ten_mailboxes_in_one_process_leave_no_thread(self):
        boxes = self.boxes(10, name="threads")
        self.fetch_all(boxes)
        self.assert_all_taken_once(boxes)
        names = self.ask("import threading\nanswer = [thread.name for thread in threading.enumerate()]")
        self.assertNotIn("email-reading", names)

    def test_pop_mailboxes_at_once(self):
        made = []
        for number in range(3):
            address = box()
            subjects = [f"pops {number} {message}" for message in range(5)]
            self.dovecot.fill(address, [letter(subject) for subject in subjects])
            made.append((address, self.mailbox(address, "pop"), subjects))
        self.fetch_all(made)
        for address, server, subjects in made:
            self.assert_taken_once(address, server, subjects, "pop")

    def test_one_that_cannot_be_opened_is_noted_and_the_others_are_read(self):
        boxes = self.boxes(3, name="beside a bad one")
        bad = self.mailbox(box(), password="wrong")
        self.fetch_all([*boxes, ("", bad, [])])
        self.assert_all_taken_once(boxes)
        self.assertEqual(
            self.rows("SELECT gateway_failures, error_message FROM fetchmail_server WHERE id = %s", bad),
            [(1, "User name or password is wrong.")],
        )
