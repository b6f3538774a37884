# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A process that is killed at any step of sending loses no mail, and doubles none but what was in flight."""

from __future__ import annotations

from tools import odoo_server
from tools.proxy import Proxy

from .case import wait_for
from .sending import SendingCase

ROUNDS = 3
MAILS = 6
SEND = "env['mail.mail'].process_email_queue()\nenv.cr.commit()\n"
# With one thread at most one message is in flight.
ONE_THREAD = "env['ir.config_parameter'].set_param('spp_email_gateway.sending_threads', '1')"

# What a library with a fault does when it meets one certain mail.
KILLED_BY = """
import os
prepare = type(env["mail.mail"])._prepare_outgoing_list
def die(self, *args, **kwargs):
    if self.subject == "poison":
        os.kill(os.getpid(), 9)
    return prepare(self, *args, **kwargs)
type(env["mail.mail"])._prepare_outgoing_list = die
"""

# A mail that takes a while to compose comes after another one.
SLOW = """
import threading, time
from odoo import api
prepare = type(env["mail.mail"])._prepare_outgoing_list
composing = threading.Event()
def be_slow(self, *args, **kwargs):
    if self.subject == "slow":
        composing.set()
        time.sleep(2)
    return prepare(self, *args, **kwargs)
type(env["mail.mail"])._prepare_outgoing_list = be_slow
def job():
    with env.registry.cursor() as cr:
        api.Environment(cr, 1, {})["mail.mail"].process_email_queue()
threading.Thread(target=job, daemon=True).start()
composing.wait(30)
"""
STOPPED = """
import os
from odoo import sql_db
from odoo.service.server import CommonServer
for function in CommonServer._on_stop_funcs:
    function()
sql_db.close_all()
os._exit(0)
"""


class TestKillsSending(SendingCase):
    """SIGKILL at one step, three times with new mail each time, then a run that may finish."""

    def setUp(self):
        super().setUp()
        self.ask(ONE_THREAD)

    def kill(self, step, pattern, reply=False, in_flight=1):
        """Kill whenever a pattern is about to pass between Odoo and the mail server, then finish and count.

        Args:
            in_flight: how many messages a round may double.
        """
        addresses, mails = [], []
        with Proxy(self.sink.port) as proxy:
            self.server(proxy.port)
            for number in range(ROUNDS):
                new = [f"{step}{number}x{index}@remote.test" for index in range(MAILS)]
                addresses += new
                mails += self.queue(*new)
                self.make_due()
                proxy.hold(pattern, reply=reply)
                running = self.start(SEND)
                self.assertTrue(proxy.held.wait(30), "the step was never reached")
                odoo_server.kill_group(running)
                proxy.cut()
                proxy.release()
                self.wait_until_gone()
                unknown = self.value(
                    "SELECT count(*) FROM spp_email_delivery WHERE state = 'sending' AND mail_id >= %s", mails[-MAILS]
                )
                self.assertLessEqual(unknown, 1)
            self.finish()
        taken = self.taken()
        self.assertEqual({address for address in addresses if not taken[address]}, set(), "lost")
        self.assertLessEqual(sum(taken.values()) - len(addresses), ROUNDS * in_flight, "doubled")
        self.assertEqual({mail[0] for mail in self.mails(*mails)}, {"sent"})
        self.assertEqual({row[1] for row in self.ledger()}, {"sent"})
        self.assertEqual(self.value("SELECT count(*) FROM spp_email_queue"), 0)
        # Whoever got one twice is called so in the ledger.
        twice = {address for address in addresses if taken[address] > 1}
        suspected = {row[0] for row in self.ledger("attempts") if row[3] > 1}
        self.assertLessEqual(twice, suspected)

    def wait_until_gone(self):
        """Wait until PostgreSQL has noticed that the killed process is gone."""
        wait_for(
            lambda: self.value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"
            )
            == 0,
            "its transactions end",
        )

    def finish(self):
        for _attempt in range(6):
            self.make_due()
            self.ask("env['mail.mail'].process_email_queue()")
            if not self.value("SELECT count(*) FROM mail_mail WHERE state = 'outgoing'"):
                return

    def test_before_the_sender_is_named(self):
        self.kill("mail", rb"(?i)MAIL FROM", in_flight=0)

    def test_before_the_message(self):
        self.kill("data", rb"Subject: ", in_flight=0)

    def test_between_the_message_and_its_end(self):
        self.kill("end", rb"\r\n\.\r\n", in_flight=0)

    def test_taken_but_not_heard_of_it(self):
        self.kill("taken", rb"250 2\.0\.0 [^\r]*queued", reply=True)

    def kill_in_the_database(self, step, statement, in_flight=0):
        """Kill while a statement waits for a lock that the test holds."""
        addresses, mails = [], []
        self.server()
        for number in range(ROUNDS):
            new = [f"{step}{number}x{index}@remote.test" for index in range(MAILS)]
            addresses += new
            mails += self.queue(*new)
            self.make_due()
            lock = self.hold_with(statement)
            running = self.start(SEND)
            wait_for(self.waiters, "a worker waits for the lock", 30)
            odoo_server.kill_group(running)
            lock.rollback()
            self.wait_until_gone()
        self.finish()
        taken = self.taken()
        self.assertEqual({address for address in addresses if not taken[address]}, set(), "lost")
        self.assertLessEqual(sum(taken.values()) - len(addresses), ROUNDS * in_flight, "doubled")
        self.assertEqual({mail[0] for mail in self.mails(*mails)}, {"sent"})
        self.assertEqual({row[1] for row in self.ledger()}, {"sent"})

    def test_while_mails_are_taken_over(self):
        self.kill_in_the_database("adopt", "LOCK TABLE spp_email_queue IN ACCESS EXCLUSIVE MODE")

    def test_while_the_ledger_begins(self):
        self.kill_in_the_database("begin", "LOCK TABLE spp_email_delivery IN EXCLUSIVE MODE")

    def test_while_the_mails_state_is_written(self):
        self.kill_in_the_database("state", "LOCK TABLE mail_mail IN EXCLUSIVE MODE")

    def test_a_mail_that_kills_its_process_is_set_aside(self):
        self.server()
        (poison,) = self.queue("poison@remote.test", subject="poison")
        mails = self.queue(*(f"innocent{number}@remote.test" for number in range(5)))
        for _death in range(5):
            self.make_due()
            running = self.start(KILLED_BY + SEND)
            running.wait(60)
            self.wait_until_gone()
        self.finish()
        self.assertEqual({mail[0] for mail in self.mails(*mails)}, {"sent"})
        ((state, _kind, reason),) = self.mails(poison)
        self.assertEqual(state, "exception")
        self.assertIn("The server process died each time it was sent", reason)
        self.assertEqual(set(self.taken().values()), {1})
        self.assertEqual(self.ledger()[-1], ("poison@remote.test", "failed", "process_died"))

    def end_between_two_messages(self, end):
        """End a process in an orderly way while the second mail is composed, which takes long, then finish."""
        self.server()
        mails = self.queue("first@remote.test") + self.queue("second@remote.test", subject="slow")
        self.make_due()
        running = self.start(SLOW + end)
        wait_for(lambda: self.taken()["first@remote.test"], "the first one is taken")
        running.wait(60)
        self.wait_until_gone()
        self.assertEqual(self.ledger()[0], ("first@remote.test", "sent", "accepted"))
        self.assertEqual(self.taken(), {"first@remote.test": 1}, "one was begun although the process ends")
        self.finish()
        self.assertEqual(self.taken(), {"first@remote.test": 1, "second@remote.test": 1})
        self.assertEqual({mail[0] for mail in self.mails(*mails)}, {"sent"})

    def test_a_worker_that_ends(self):
        self.end_between_two_messages("raise SystemExit\n")

    def test_a_server_that_is_restarted(self):
        """What Odoo does at SIGTERM: the functions that want to know of it, then no connection is left."""
        self.end_between_two_messages(STOPPED)
