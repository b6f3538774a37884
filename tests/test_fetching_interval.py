# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo import fields
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ..engine.connection import Password
from ..engine.errors import ConfigurationError
from .common import GatewayCase, ScriptedMailbox, eml


@tagged("post_install", "-at_install")
class TestInterval(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["fetchmail.server"].search([]).active = False
        cls.box = cls.mailbox()
        cls.job = cls.env.ref("mail.ir_cron_mail_gateway_action")
        cls.now = fields.Datetime.now()
        cls.job.write(
            {
                "active": True,
                "interval_number": 5,
                "interval_type": "minutes",
                "nextcall": cls.now + timedelta(minutes=3),
            }
        )
        cls.watch = cls.env["spp.email.watch"]

    def checked(self, minutes, server=None):
        (server or self.box).date = self.now - timedelta(minutes=minutes)

    def at_its_time(self):
        self.job.nextcall = self.now - timedelta(seconds=1)

    def wait_in(self, *servers):
        with self.own_cursors():
            self.watch._await([server.id for server in servers])

    def read(self, *servers):
        """Run the job; return which of these mailboxes it opened."""
        boxes = {server.id: ScriptedMailbox(eml()) for server in servers}
        opening = patch.object(type(self.box), "_gateway_open_mailbox", lambda server: boxes[server.id])
        with opening, self.committing() as env:
            env["fetchmail.server"].with_context(cron_id=self.job.id)._fetch_mails()
        return [server for server in servers if boxes[server.id].opened]

    # ------------------------------------------------------------------
    # What a run reads
    # ------------------------------------------------------------------

    def test_a_run_at_its_time_reads_what_is_due(self):
        self.at_its_time()
        for interval, minutes, is_read in (
            (0, 1, True),
            (10, 3, False),
            (10, 8, True),
            (60, 30, False),
            (60, 61, True),
        ):
            with self.subTest(interval=interval, minutes=minutes):
                self.box.gateway_interval_minutes = interval
                self.checked(minutes)
                self.assertEqual(bool(self.read(self.box)), is_read)

    def test_where_mail_waits_is_read_whatever_the_interval_and_nothing_else(self):
        other = self.mailbox(user="other@gateway.test")
        self.box.gateway_interval_minutes = 60
        self.checked(1)
        self.wait_in(self.box)
        self.assertEqual(self.read(self.box, other), [self.box])
        self.assertFalse(self.watch.search([("is_awaited", "=", True)]), "it is read once")

    def test_at_its_time_all_that_is_due_is_read_too(self):
        other = self.mailbox(user="other@gateway.test")
        self.wait_in(self.box)
        self.at_its_time()
        self.assertEqual(self.read(self.box, other), [self.box, other])

    def test_a_run_by_hand_reads_what_is_due(self):
        rare = self.mailbox(user="rare@gateway.test", gateway_interval_minutes=60)
        self.checked(1, rare)
        self.checked(1)
        self.assertEqual(self.read(self.box, rare), [self.box])

    def test_a_pause_after_failures_is_kept_though_mail_waits(self):
        self.box.gateway_next_fetch_date = self.now + timedelta(hours=1)
        self.wait_in(self.box)
        self.assertEqual(self.read(self.box), [])

    def test_mail_that_waits_starts_the_job(self):
        triggers = self.env["ir.cron.trigger"].search_count([("cron_id", "=", self.job.id)])
        self.wait_in(self.box, self.box)
        self.assertEqual(self.env["ir.cron.trigger"].search_count([("cron_id", "=", self.job.id)]), triggers + 1)
        self.assertEqual(self.watch.search_count([("server_id", "=", self.box.id)]), 1)

    def test_mail_for_a_mailbox_that_is_gone_is_no_error(self):
        with self.own_cursors():
            self.watch._await([2**30])
        self.assertFalse(self.watch.search([("is_awaited", "=", True)]))

    def test_an_interval_below_zero_is_refused(self):
        with self.assertRaises(psycopg2.errors.CheckViolation), mute_logger("odoo.sql_db"):
            self.box.gateway_interval_minutes = -1
            self.box.flush_recordset()

    # ------------------------------------------------------------------
    # What the form says
    # ------------------------------------------------------------------

    def shown(self):
        self.box.invalidate_recordset()
        return self.box.gateway_next_check

    def test_the_next_check(self):
        run = self.now.replace(second=0, microsecond=0) + timedelta(minutes=3)
        self.job.nextcall = run
        for values, expected in (
            ({}, run),
            ({"gateway_interval_minutes": 60}, run + timedelta(minutes=60)),
            ({"gateway_next_fetch_date": run + timedelta(minutes=7)}, run + timedelta(minutes=10)),
        ):
            with self.subTest(values=values):
                self.box.write({"gateway_interval_minutes": 0, "gateway_next_fetch_date": False, "date": run, **values})
                self.assertEqual(self.box._gateway_next_check_date(), expected)
                self.assertIn(str(expected.year), self.shown())

    def test_the_interval_of_the_job_counts(self):
        self.job.write({"interval_number": 2, "interval_type": "hours"})
        self.box.gateway_interval_minutes = 180
        self.box.date = self.job.nextcall
        self.assertEqual(self.box._gateway_next_check_date(), self.job.nextcall + timedelta(hours=2))

    def test_a_job_that_is_off_is_said(self):
        self.job.active = False
        self.assertIsNone(self.box._gateway_next_check_date())
        self.assertEqual(
            self.shown(),
            "Never: the scheduled action “Mail: Fetchmail Service” is switched off. Switch it on in Settings, "
            "Technical, Scheduled Actions.",
        )

    def test_archived_and_unconfirmed(self):
        self.box.active = False
        self.assertEqual(self.shown(), "Never: this mailbox is archived.")
        self.box.write({"active": True, "state": "draft"})
        self.assertFalse(self.shown())

    def test_push_is_said_while_somebody_listens(self):
        with self.own_cursors():
            self.watch._note_listening(self.box.ids, 60)
        self.assertIn("As mail arrives (push)", self.shown())
        with self.own_cursors():
            self.watch._note_listening(self.box.ids, -1)
        self.assertNotIn("push", self.shown())

    def test_managers_see_it_on_the_form_and_set_the_interval(self):
        self.box.password = "secret"
        with Form(self.box.with_user(self.manager)) as form:
            self.assertTrue(form.gateway_next_check)
            form.gateway_interval_minutes = 30
        self.assertEqual(self.box.gateway_interval_minutes, 30)

    # ------------------------------------------------------------------
    # What is listened to
    # ------------------------------------------------------------------

    def test_confirmed_imap_mailboxes_are_listened_to(self):
        self.mailbox(user="draft@gateway.test", state="draft")
        self.mailbox(user="pop@gateway.test", server_type="pop")
        self.mailbox(user="archived@gateway.test", active=False)
        self.box.password = "secret"
        found = self.watch._watched()
        self.assertEqual(
            [(one.mailbox, one.connection.host, one.credential, one.folder) for one in found],
            [((self.env.cr.dbname, self.box.id), "mail.gateway.test", Password("box@gateway.test", "secret"), "INBOX")],
        )
        self.assertNotIn("secret", repr(found))

    def test_a_mailbox_with_wrong_settings_is_left_out(self):
        other = self.mailbox(user="other@gateway.test")
        model = type(self.box)
        credential = model._credential

        def broken(server):
            if server == self.box:
                raise ConfigurationError("no key")
            return credential(server)

        with patch.object(model, "_credential", broken):
            self.assertEqual([one.mailbox[1] for one in self.watch._watched()], [other.id])

    def test_connections_of_other_addons_are_left_to_the_job(self):
        with patch.object(type(self.box), "_connect__", lambda *arguments, **options: None):
            self.assertEqual(self.watch._watched(), [])
