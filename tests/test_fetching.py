# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta
from unittest.mock import patch

import psycopg2
import psycopg2.pool

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.errors import ConfigurationError, GatewayError
from ..engine.mailbox import Fetched
from .common import GatewayCase, ScriptedMailbox, eml

FETCHING = "odoo.addons.spp_email_gateway.models.spp_email_fetching"


@tagged("post_install", "-at_install")
class TestFetching(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    def serving(self, mailboxes):
        """Context: ``mailboxes`` (by server id) are what servers lead to."""
        return patch.object(
            type(self.env["fetchmail.server"]), "_gateway_open_mailbox", lambda server: mailboxes[server.id]
        )

    def fetch(self, mailbox, server=None, seconds=None, **context):
        """Fetch one mailbox; return (error, new, outcomes)."""
        server = server or self.box
        with self.serving({server.id: mailbox}), self.committing() as env, mute_logger(FETCHING):
            return env["spp.email.fetching"].with_context(**context)._fetch(server.with_env(env), seconds)

    def journaled(self, server=None):
        return self.env["spp.email.inbound"].search([("server_id", "=", (server or self.box).id)], order="id")

    # ------------------------------------------------------------------
    # Reading
    # ------------------------------------------------------------------

    def test_what_waits_is_journaled_told_and_processed(self):
        mailbox = ScriptedMailbox(eml(), eml(), b"")
        error, new, outcomes = self.fetch(mailbox)
        self.assertIsNone(error)
        self.assertEqual(new, 3)
        self.assertEqual(outcomes, {("done", "record_created"): 2, ("quarantined", "empty"): 1})
        self.assertEqual(mailbox.told, ["1", "2", "3"])
        self.assertEqual(self.journaled().mapped("uid"), ["1", "2", "3"])
        self.assertTrue(all(self.journaled().mapped("acknowledged_date")))
        self.assertEqual(self.journaled().company_id, self.env["res.company"])
        self.assertTrue(self.box.date)

    def test_the_company_of_a_mailbox_is_its_messages(self):
        box = self.mailbox(company_id=self.other_company.id, user="other@gateway.test")
        self.fetch(ScriptedMailbox(eml()), box)
        self.assertEqual(self.journaled(box).company_id, self.other_company)

    def test_what_was_journaled_but_not_told_is_told_and_not_read_again(self):
        class Unread(ScriptedMailbox):
            def fetch(self, entries):
                entries = list(entries)
                assert [entry.uid for entry in entries] == ["2"], entries
                return super().fetch(entries)

        entry = self.entry(eml(), self.box, uid="1")
        with self.own_cursors():
            self.env["spp.email.journal"]._write_entries([entry])
        mailbox = Unread(entry.content, eml())
        _error, new, _outcomes = self.fetch(mailbox)
        self.assertEqual(new, 1)
        self.assertEqual(sorted(mailbox.told), ["1", "2"])

    def test_a_server_that_forgets_does_not_hide_what_is_new(self):
        class Forgetful(ScriptedMailbox):
            def acknowledge(self, entries):
                return None

        mailbox = Forgetful(*(eml() for _count in range(5)))
        with patch(f"{FETCHING}.READ_LIMIT", 2):
            counts = [self.fetch(mailbox)[1] for _round in range(4)]
        self.assertEqual(sum(counts), 5)
        self.assertEqual(len(self.journaled()), 5)

    def test_a_full_mailbox_is_emptied_in_portions(self):
        mailbox = ScriptedMailbox(*(eml() for _count in range(5)))
        with patch(f"{FETCHING}.READ_LIMIT", 2):
            _error, new, outcomes = self.fetch(mailbox)
        self.assertEqual((new, len(mailbox.told)), (5, 5))
        self.assertEqual(outcomes, {("done", "record_created"): 5})

    def test_no_time_left_leaves_the_mailbox_alone_and_comes_back(self):
        mailbox = ScriptedMailbox(eml())
        job = self.env.ref("mail.ir_cron_mail_gateway_action")
        before = self.env["ir.cron.trigger"].search_count([("cron_id", "=", job.id)])
        self.assertEqual(self.fetch(mailbox, seconds=0)[:2], (None, 0))
        self.assertEqual(mailbox.told, [])
        self.assertEqual(self.env["ir.cron.trigger"].search_count([("cron_id", "=", job.id)]), before + 1)

    def test_a_mailbox_that_another_worker_reads_is_skipped(self):
        with self.own_cursors():
            self.env["spp.email.lease"]._acquire(f"mailbox:{self.box._gateway_server_key()}")
        mailbox = ScriptedMailbox(eml())
        self.assertEqual(self.fetch(mailbox)[:2], (None, 0))
        self.assertEqual(mailbox.told, [])
        self.assertEqual(self.box.gateway_failures, 0)

    def test_a_mailbox_is_free_again_after_a_failure(self):
        self.fetch(ScriptedMailbox(error=GatewayError("no")))
        self.assertEqual(self.fetch(ScriptedMailbox(eml()))[1], 1)

    def test_what_was_read_before_a_failure_is_kept(self):
        class Breaking(ScriptedMailbox):
            def fetch(self, entries):
                for entry in list(entries)[:1]:
                    yield Fetched(entry, self.contents[entry.uid])
                raise GatewayError("The connection broke.")

        error, new, _outcomes = self.fetch(Breaking(eml(), eml()))
        self.assertEqual(str(error), "The connection broke.")
        self.assertEqual(len(self.journaled()), 1)
        self.assertEqual(self.journaled().state, "done")
        self.assertEqual(self.box.gateway_failures, 1)
        self.assertEqual(self.fetch(ScriptedMailbox(*(eml() for _count in range(2))))[1], 1)
        self.assertIn(new, (0, 1))

    # ------------------------------------------------------------------
    # Failures
    # ------------------------------------------------------------------

    def test_a_failure_is_noted_and_the_mailbox_left_alone_for_a_while(self):
        for error, message in (
            (GatewayError("The login was refused.", field="password"), "The login was refused."),
            (ConfigurationError("The server has no host name."), "The server has no host name."),
            (UserError("This mailbox is archived."), "This mailbox is archived."),
            (ZeroDivisionError("division"), "ZeroDivisionError: division"),
        ):
            with self.subTest(error=type(error).__name__):
                box = self.mailbox(user=f"{type(error).__name__}@gateway.test")
                before = fields.Datetime.now()
                self.assertIs(self.fetch(ScriptedMailbox(error=error), box)[0], error)
                self.assertEqual((box.error_message, box.gateway_failures), (message, 1))
                self.assertGreaterEqual(box.error_date, before)
                self.assertGreaterEqual(box.gateway_next_fetch_date, before + timedelta(seconds=29))
                # As in Odoo, a failing mailbox stays confirmed.
                self.assertEqual(box.state, "done")

    def test_a_failure_about_single_messages_does_not_hold_up_the_mailbox(self):
        for phase, waits in (("fetch", False), ("login", True), ("", True)):
            with self.subTest(phase=phase):
                box = self.mailbox(user=f"phase-{phase}@gateway.test")
                self.fetch(ScriptedMailbox(error=GatewayError("no", phase=phase)), box)
                self.assertEqual((box.gateway_failures, bool(box.gateway_next_fetch_date)), (1, waits))

    def test_failures_in_a_row_are_counted_and_the_first_one_dated(self):
        self.fetch(ScriptedMailbox(error=GatewayError("one")))
        self.box.error_date = "2026-01-01 00:00:00"
        self.box.flush_recordset()
        self.fetch(ScriptedMailbox(error=GatewayError("two")))
        self.assertEqual(self.box.gateway_failures, 2)
        self.assertEqual(str(self.box.error_date), "2026-01-01 00:00:00")
        self.assertEqual(self.box.error_message, "two")

    def test_success_clears_the_failure(self):
        self.fetch(ScriptedMailbox(error=GatewayError("one")))
        self.fetch(ScriptedMailbox())
        self.assertEqual(
            (self.box.error_date, self.box.error_message, self.box.gateway_failures, self.box.gateway_next_fetch_date),
            (False, False, 0, False),
        )

    def test_a_failing_mailbox_does_not_stop_the_others(self):
        other = self.mailbox(user="other@gateway.test", priority=9)
        mailboxes = {self.box.id: ScriptedMailbox(error=GatewayError("no")), other.id: ScriptedMailbox(eml())}
        with self.serving(mailboxes), self.committing() as env, mute_logger(FETCHING):
            error, new, outcomes = env["spp.email.fetching"]._fetch((self.box + other).with_env(env))
        self.assertEqual((str(error), new), ("no", 1))
        self.assertEqual(outcomes, {("done", "record_created"): 1})

    def test_a_broken_database_is_not_taken_for_a_broken_mailbox(self):
        for error in (psycopg2.OperationalError("gone"), psycopg2.pool.PoolError("full")):
            with self.subTest(error=type(error).__name__), self.assertRaises(type(error)):
                self.fetch(ScriptedMailbox(error=error))
            self.assertEqual(self.box.gateway_failures, 0)

    def test_the_log_holds_ids_and_types_only(self):
        mailbox = ScriptedMailbox(error=GatewayError("Login of box@gateway.test refused"))
        with (
            self.serving({self.box.id: mailbox}),
            self.committing() as env,
            self.assertLogs(FETCHING, "WARNING") as logs,
        ):
            env["spp.email.fetching"]._fetch(self.box.with_env(env))
        self.assertEqual(
            logs.output, [f"WARNING:{FETCHING}:Incoming server {self.box.id} could not be read: GatewayError."]
        )

    # ------------------------------------------------------------------
    # Order
    # ------------------------------------------------------------------

    def test_the_mailbox_that_waited_longest_is_first(self):
        opened = []
        boxes = self.env["fetchmail.server"]
        for user, date, priority in (
            ("b@gateway.test", "2026-01-02 00:00:00", 1),
            ("c@gateway.test", "2026-01-02 00:00:00", 2),
            ("a@gateway.test", "2026-01-01 00:00:00", 9),
            ("never@gateway.test", False, 9),
        ):
            boxes += self.mailbox(user=user, date=date, priority=priority)

        def note(server):
            opened.append(server.user.partition("@")[0])
            return ScriptedMailbox()

        with patch.object(type(boxes), "_gateway_open_mailbox", note), self.committing() as env:
            env["spp.email.fetching"]._fetch(boxes.with_env(env))
        self.assertEqual(opened, ["never", "a", "b", "c"])

    def test_the_job_keeps_the_wait_after_failures_and_a_person_does_not(self):
        self.box.gateway_next_fetch_date = fields.Datetime.now() + timedelta(hours=1)
        mailbox = ScriptedMailbox(eml())
        job = self.env.ref("mail.ir_cron_mail_gateway_action")
        self.assertEqual(self.fetch(mailbox, cron_id=job.id)[1], 0)
        self.assertEqual(self.fetch(mailbox)[1], 1)

    def test_the_job_reads_once_the_wait_is_over(self):
        self.box.gateway_next_fetch_date = fields.Datetime.now() - timedelta(seconds=1)
        job = self.env.ref("mail.ir_cron_mail_gateway_action")
        self.assertEqual(self.fetch(ScriptedMailbox(eml()), cron_id=job.id)[1], 1)

    def test_odoos_job_reads_confirmed_mailboxes(self):
        self.env["fetchmail.server"].search([("id", "!=", self.box.id)]).state = "draft"
        draft = self.mailbox(user="draft@gateway.test", state="draft")
        job = self.env.ref("mail.ir_cron_mail_gateway_action")
        mailboxes = {self.box.id: ScriptedMailbox(eml()), draft.id: ScriptedMailbox(eml())}
        with self.serving(mailboxes), self.committing() as env:
            env["fetchmail.server"].with_context(cron_id=job.id)._fetch_mails()
        self.assertEqual((mailboxes[self.box.id].told, mailboxes[draft.id].told), (["1"], []))

    # ------------------------------------------------------------------
    # Fetch Now
    # ------------------------------------------------------------------

    def fetch_now(self, mailbox, user=None):
        with self.serving({self.box.id: mailbox}), self.committing(user or self.manager) as env, mute_logger(FETCHING):
            return self.box.with_env(env).fetch_mail()["params"]

    def test_fetch_now_tells_what_became_of_the_messages(self):
        for contents, kind, text in (
            ((), "success", "No new messages."),
            ((eml(), eml()), "success", "2 new messages.\n2 × A record was created"),
            (
                (eml(Message_ID="<now@example.com>"), eml(Message_ID="<now@example.com>", X_Copy="2")),
                "success",
                "2 new messages.\n1 × A record was created\n1 × A message with this Message-ID is known already",
            ),
            ((eml(), b""), "warning", "2 new messages.\n1 × A record was created\n1 × The message is empty"),
        ):
            with self.subTest(text=text):
                self.box.user = f"{len(text)}@gateway.test"
                params = self.fetch_now(ScriptedMailbox(*contents))
                self.assertEqual((params["type"], params["message"]), (kind, text))
                self.assertIs(params["sticky"], kind != "success")

    def test_fetch_now_tells_what_failed(self):
        with self.assertRaises(UserError) as caught:
            self.fetch_now(ScriptedMailbox(error=GatewayError("The login was refused.", field="password")))
        self.assertEqual(str(caught.exception), "Check the field “Password”.\nThe login was refused.")

    def test_only_managers_fetch(self):
        for user in (self.plain, self.viewer, self.officer, self.portal):
            mailbox = ScriptedMailbox(eml())
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.fetch_now(mailbox, user)
            self.assertEqual(mailbox.opened, 0)

    # ------------------------------------------------------------------
    # Connections that other addons make
    # ------------------------------------------------------------------

    def test_a_foreign_connection_is_read_by_odoo(self):
        class Connection:
            handled = []

            def check_unread_messages(self):
                return 1

            def retrieve_unread_messages(self):
                yield 1, eml(Subject="By another addon")

            def handled_message(self, number):
                self.handled.append(number)

            def disconnect(self):
                return None

        model = type(self.env["fetchmail.server"])
        with (
            patch.object(model, "_connect__", lambda *arguments, **options: Connection()),
            patch.object(model, "_gateway_open_mailbox", side_effect=AssertionError("not ours to open")),
            patch.object(model, "try_lock_for_update", lambda server, **options: server),
            self.committing() as env,
        ):
            self.assertIsNone(self.box.with_env(env)._fetch_mail())
        self.assertEqual(Connection.handled, [1])
        self.assertEqual(len(self.partners("By another addon")), 1)
        self.assertFalse(self.journaled())
