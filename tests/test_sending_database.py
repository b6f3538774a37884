# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time
from unittest.mock import patch

import psycopg2
import psycopg2.pool

from odoo.exceptions import ConcurrencyError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..engine.delivery import RecipientResult
from ..engine.outcome import OutboundReason, OutboundState
from ..models.delivery_ledger import Begun, DeliveryLedger
from ..models.mail_mail_tracking import Tracking
from ..models.spp_email_dispatch import Route
from ..models.spp_email_queue import DUE, FREE, ORDER
from ..models.spp_email_transmission import Sessions
from .sending import DeliveryCase

ACCEPTED = RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED, "message", 250)


@tagged("post_install", "-at_install")
class TestSendingDatabase(DeliveryCase):
    """The database fails while mail is sent."""

    def send(self, error, where="spp.email.dispatch", method="_dispatch"):
        """Send one claimed mail while a method fails; return the mail."""
        mail = self.mail(email_to="bob@example.com")

        def fail(*arguments, **options):
            raise error

        sending = self.env["spp.email.sending"]
        with (
            self.own_cursors(),
            patch.object(self.env.registry[where], method, fail),
            sending._autonomous_cursor() as env,
        ):
            queue = env["spp.email.queue"]
            queue._adopt()
            claims = queue._claim_due(1, mail.ids, False)
            self.assertEqual(list(claims), mail.ids)
            env["spp.email.sending"]._send_claims(claims, DeliveryLedger(env), time.monotonic() + 60)
        return mail

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_sending")
    def test_what_passes_sets_no_mail_aside(self):
        for error in (
            psycopg2.OperationalError("the connection broke"),
            psycopg2.InterfaceError("the connection is closed"),
            psycopg2.pool.PoolError("The Connection Pool Is Full"),
            ConcurrencyError("taken"),
        ):
            for where, method in (
                ("spp.email.dispatch", "_dispatch"),
                ("spp.email.transmission", "_transmit"),
                ("ir.mail_server", "_gateway_session"),
            ):
                with self.subTest(error=type(error).__name__, method=method):
                    mail = self.send(error, where, method)
                    decided = mail.gateway_delivery_ids.filtered("final_date")
                    self.assertEqual((mail.state, decided.ids), ("outgoing", []))

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_sending")
    def test_what_is_cleaned_up_hides_no_failure(self):
        """A statement in a transaction that has failed fails too, and says nothing of why."""

        def untrack(*arguments):
            raise psycopg2.errors.InFailedSqlTransaction("current transaction is aborted")

        self.patch(self.env.registry["mail.mail"], "_gateway_untrack", untrack)
        mail = self.send(psycopg2.errors.DeadlockDetected("deadlock"), "spp.email.transmission", "_transmit")
        self.assertEqual((mail.state, mail.gateway_delivery_ids.filtered("final_date").ids), ("outgoing", []))

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_sending")
    def test_what_does_not_pass_is_told(self):
        mail = self.send(ValueError("no"))
        self.assertEqual((mail.state, mail.gateway_delivery_ids.reason), ("exception", "not_built"))

    def claimed(self, env, *mails):
        """Return the claims on mails."""
        queue = env["spp.email.queue"]
        queue._adopt()
        return queue._claim_due(len(mails), [mail.id for mail in mails], False)

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_sending")
    def test_an_answer_stands_whatever_fails_after_it(self):
        """mail_tracking writes when the message is gone, and somebody else writes on the same row."""

        class Ledger(DeliveryLedger):
            def settle(self):
                """A test's cursors share one transaction: what the batch undoes would take along what this writes."""

        def leave(*arguments):
            raise psycopg2.errors.SerializationFailure("could not serialize access")

        mail = self.mail(email_to="bob@example.com")
        transmit = self.env.registry["spp.email.transmission"]
        sending = self.env["spp.email.sending"]
        with (
            self.own_cursors(),
            patch.object(transmit, "_transmit", lambda *arguments: {"bob@example.com": ACCEPTED}),
            patch.object(Tracking, "__exit__", leave),
            sending._autonomous_cursor() as env,
        ):
            claims = self.claimed(env, mail)
            env["spp.email.sending"]._send_claims(claims, Ledger(env), time.monotonic() + 60)
        self.env.invalidate_all()
        self.assertEqual(mail.gateway_delivery_ids.mapped("state"), ["sent"])

    def test_an_answer_is_kept_before_a_session_is_opened(self):
        flushed = []

        class Ledger(DeliveryLedger):
            def flush(self):
                flushed.append(bool(self._unwritten))
                super().flush()

        def refuse(*arguments, on_open, **options):
            on_open()
            raise OSError("no answer")

        self.patch(self.env.registry["ir.mail_server"], "_gateway_session", refuse)
        route = Route(self.server, "")
        with self.own_cursors(), self.env["spp.email.sending"]._autonomous_cursor() as env:
            ledger = Ledger(env)
            sessions = Sessions(env, ledger)
            with self.assertRaises(OSError):
                sessions.get(route)
            # Nothing waits: the fast way commits nothing.
            self.assertEqual(flushed, [])
            posting = env["spp.email.dispatch"]._posting(self.mail(email_to="a@example.com"))
            ledger.note(posting, {"a@example.com": ACCEPTED})
            with self.assertRaises(OSError):
                sessions.get(route)
            self.assertEqual((flushed, ledger._unwritten), ([True], []))

    def test_an_answer_is_kept_before_what_takes_long(self):
        with self.own_cursors(), self.env["spp.email.sending"]._autonomous_cursor() as env:
            ledger = DeliveryLedger(env)
            now = [0.0]
            ledger.clock = lambda: now[0]
            posting = env["spp.email.dispatch"]._posting(self.mail(email_to="a@example.com"))
            for gap, took, is_kept in ((0.0, 0.01, False), (0.3, 0.01, True), (0.0, 1.0, False), (0.0, 0.01, True)):
                with self.subTest(gap=gap, took=took):
                    ledger._unwritten = []
                    ledger.note(posting, {"a@example.com": ACCEPTED})
                    now[0] += gap
                    with ledger.composing():
                        self.assertEqual(not ledger._unwritten, is_kept)
                        now[0] += took
            ledger.flush()

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_transmission")
    def test_a_session_that_cannot_be_given_back_undoes_nothing(self):
        closed = []

        class Stack:
            def __init__(self, error=None):
                self.error = error

            def close(self):
                closed.append(self.error)
                if self.error:
                    raise self.error

        class Session:
            def close(self):
                raise OSError("gone")

        route = Route(self.server, "b")
        sessions = Sessions(self.env, DeliveryLedger(self.env))
        broken = psycopg2.OperationalError("no connection")
        sessions.held = {(1, "a"): (None, Stack(broken)), (2, "b"): (None, Stack())}
        sessions.give_back()
        self.assertEqual((closed, sessions.held), ([broken, None], {}))
        sessions.held = {(self.server.id, "b"): (Session(), Stack())}
        sessions.discard(route)
        self.assertEqual((closed, sessions.held), ([broken, None, None], {}))

    def test_what_one_mail_began_is_no_answer_of_another(self):
        first, second = self.mail(email_to="bob@example.com"), self.mail(email_to="bob@example.com")
        with self.own_cursors(), self.env["spp.email.sending"]._autonomous_cursor() as env:
            ledger = DeliveryLedger(env)
            claims = self.claimed(env, first, second)
            ledger.known(claims)
            # The work on it ended with an error, and nobody noted an answer.
            ledger.begin(env["spp.email.dispatch"]._posting(first), ["bob@example.com"])
            ledger.note(env["spp.email.dispatch"]._posting(second), {"bob@example.com": ACCEPTED})
            ledger.flush()
            states = [mail.with_env(env).gateway_delivery_ids.mapped("state") for mail in (first, second)]
            self.assertEqual(states, [["sending"], ["sent"]])
            ledger._begun = {first.id: {"bob@example.com": Begun(0, None, 1)}}
            ledger.known(claims)
            self.assertFalse(ledger._begun)

    def test_no_claim_walks_the_queue(self):
        """However many wait: both kinds are found by their index, in the queue's order."""
        many = "FROM generate_series(1, 20000) AS number"
        for statement in (
            f"INSERT INTO mail_message (id, message_type) SELECT 50000000 + number, 'email' {many}",
            f"INSERT INTO mail_mail (id, mail_message_id, state)"
            f" SELECT 50000000 + number, 50000000 + number, 'outgoing' {many}",
            f"INSERT INTO spp_email_queue (mail_id, priority, campaign, starts, claim_fence)"
            f" SELECT 50000000 + number, 10, 0, 0, 0 {many}",
            "ANALYZE mail_mail",
            "ANALYZE spp_email_queue",
        ):
            self.env.cr.execute(statement)
        for condition, index, limit in (
            ("starts = 0", "spp_email_queue_order_index", 50),
            ("starts > 0", "spp_email_queue_begun_index", 1),
        ):
            with self.subTest(condition):
                rows = self.env.execute_query(
                    SQL(
                        "EXPLAIN SELECT id FROM spp_email_queue WHERE %s AND %s AND %s ORDER BY %s LIMIT %s"
                        " FOR NO KEY UPDATE SKIP LOCKED",
                        FREE,
                        SQL(condition),
                        DUE,
                        ORDER,
                        limit,
                    )
                )
                plan = "\n".join(line for (line,) in rows)
                self.assertIn(f"Index Scan using {index}", plan)
                self.assertNotIn("Sort", plan)
