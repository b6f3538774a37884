# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail is taken as it arrives: a real command that idles, a real server with one cron worker, a real Dovecot.

No job is due before 2090 and a mailbox is checked once a day: what becomes a record does so because its arrival was
told. How soon that is stands in ``./dev bench push``.
"""

from __future__ import annotations

import signal
import time

from tools import checkout, odoo_server
from tools.database import Databases
from tools.odoo_server import OdooServer

from .case import SystemCase, box, letter, wait_for

FETCH = "mail.ir_cron_mail_gateway_action"


class TestPush(SystemCase):
    def setUp(self):
        super().setUp()
        # Only what is triggered runs: nothing is fetched because its time has come.
        self.rows("UPDATE ir_cron SET nextcall = '2090-01-01'")
        self.rows("UPDATE fetchmail_server SET active = FALSE")
        self.log = checkout.LOGS / f"idle-{self._testMethodName}.log"
        self.log.unlink(missing_ok=True)

    def connect(self, **values):
        """Return (address, id) of a mailbox that is checked once a day by its own interval."""
        address = box()
        mailbox = self.mailbox(address, gateway_interval_minutes=1440, **values)
        # Not by the model, which locks the job, and the job may be running.
        self.rows("UPDATE fetchmail_server SET date = '2089-12-31' WHERE id = %s", mailbox)
        self.rows(
            "UPDATE ir_cron SET active = TRUE WHERE id = (SELECT res_id FROM ir_model_data"
            " WHERE module = 'mail' AND name = 'ir_cron_mail_gateway_action')"
        )
        return address, mailbox

    def serve(self):
        server = OdooServer(self.database, cron=1)
        self.addCleanup(server.stop)
        return server.start()

    def idle(self, *options):
        running = odoo_server.start_command(self.database, "spp_email_idle", *options, log=self.log)
        self.addCleanup(odoo_server.kill_group, running)
        return running

    def is_listened(self, count=1):
        """Wait until the command has connected and what follows from that has been read."""
        wait_for(lambda: self.sessions() >= count, "the command idles", 60)
        wait_for(lambda: self.value("SELECT count(*) FROM spp_email_watch WHERE is_awaited") == 0, "all are read", 60)
        wait_for(
            lambda: not self.value("SELECT count(*) FROM fetchmail_server WHERE active AND date > '2089-01-01'"),
            "each was read since it was connected",
            60,
        )
        wait_for(
            lambda: self.value("SELECT count(*) FROM spp_email_lease WHERE claim_until IS NOT NULL") == 0,
            "runs end",
            60,
        )

    def sessions(self):
        return self.value("SELECT count(*) FROM spp_email_watch")

    def arrive(self, address, subject):
        """Deliver a message and wait for its lead."""
        self.dovecot.deliver(address, letter(subject))
        wait_for(lambda: self.leads(subject), f"the lead of {subject}", 60)

    def date(self, mailbox):
        """When a mailbox was read last."""
        return self.value("SELECT date FROM fetchmail_server WHERE id = %s", mailbox)

    def text(self):
        return self.log.read_text()

    def test_mail_is_taken_as_it_arrives(self):
        (address, _first), (other, _second), (_quiet, quiet) = [self.connect() for _number in range(3)]
        secured, _id = self.connect(
            port=self.dovecot.imaps,
            server=self.sandbox.host,
            is_ssl=True,
            gateway_ca_certificate=self.sandbox.ca_certificate,
        )
        self.serve()
        running = self.idle()
        self.is_listened(4)
        read = self.date(quiet)
        for number, to in enumerate([address, other, secured] * 4):
            self.arrive(to, f"push {number}")
        # Only the mailboxes in which mail arrived were read, and no other.
        self.assertEqual(self.date(quiet), read)
        running.send_signal(signal.SIGTERM)
        self.assertEqual(running.wait(10), 0)
        self.assertIn("No longer listening for mail.", self.text())
        self.assertNotIn("Traceback", self.text())
        self.assertNotIn("@", "".join(line for line in self.text().splitlines() if "spp_email_gateway" in line))

    def test_several_at_once_are_all_taken(self):
        address, mailbox = self.connect()
        self.serve()
        self.idle()
        self.is_listened()
        subjects = [f"burst {number}" for number in range(30)]
        for subject in subjects:
            self.dovecot.deliver(address, letter(subject))
        wait_for(lambda: len(self.leads("burst %")) == 30, "thirty leads", 60)
        self.assert_taken_once(address, mailbox, subjects)

    def test_killed_it_is_only_polled_again(self):
        address, mailbox = self.connect()
        self.serve()
        running = self.idle()
        self.is_listened()
        self.arrive(address, "before the kill")
        odoo_server.kill_group(running)
        self.dovecot.deliver(address, letter("after the kill"))
        time.sleep(1)
        self.assertEqual(self.leads("after the kill"), [])
        self.rows("UPDATE fetchmail_server SET date = '2020-01-01' WHERE id = %s", mailbox)
        self.rows(
            "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '1 minute' WHERE id ="
            " (SELECT res_id FROM ir_model_data WHERE module = 'mail' AND name = 'ir_cron_mail_gateway_action')"
        )
        self.wake()
        wait_for(lambda: self.leads("after the kill"), "the job fetches it", 60)
        self.assert_taken_once(address, mailbox, ["before the kill", "after the kill"])

    def wake(self):
        connection = Databases().connect("postgres")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('cron_trigger', %s)", [self.database])
        connection.close()

    def test_it_connects_again(self):
        address, _mailbox = self.connect()
        self.serve()
        self.idle()
        self.is_listened()
        self.dovecot.stop()
        time.sleep(2)
        self.dovecot.start()
        # The first wait is half a minute and a bit; what arrives meanwhile is taken when it is over.
        self.dovecot.deliver(address, letter("while it was away"))
        wait_for(lambda: self.leads("while it was away"), "the lead after a restart", 60)
        self.arrive(address, "after the restart")

    def test_a_new_mailbox_is_found_and_an_archived_one_left(self):
        address, mailbox = self.connect()
        self.serve()
        self.idle()
        self.is_listened()
        # Within a minute, which is how often it looks.
        second, _id = self.connect()
        self.rows("UPDATE fetchmail_server SET active = FALSE WHERE id = %s", mailbox)
        wait_for(lambda: self.sessions() == 2, "the new mailbox is listened to", 120)
        self.is_listened(2)
        self.arrive(second, "to the new one")
        self.dovecot.deliver(address, letter("to the archived one"))
        time.sleep(2)
        self.assertEqual(self.leads("to the archived one"), [])

    def test_wrong_options_are_named(self):
        for options, text in ((["--renew-minutes=30"], "has to be more than 0 and less than 29"),):
            with self.subTest(options=options):
                running = self.idle(*options)
                self.assertNotEqual(running.wait(30), 0)
                self.assertIn(text, self.text())
