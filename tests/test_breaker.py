# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.breaker import FAILURES
from ..engine.errors import GatewayError
from ..engine.gate import Departure, Hold, Permit, Refusal
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.smtp_answer import judge, no_session
from .common import GatewayCase

BROKEN = no_session(GatewayError("The host does not answer.", phase="connect"))
SENT = judge(250, b"2.0.0 ok", "message")
REFUSED = judge(550, b"5.1.1 who?", "recipient")


@tagged("post_install", "-at_install")
class TestServerBreaker(GatewayCase):
    def setUp(self):
        super().setUp()
        self.enterContext(self.own_cursors())
        self.server = self.env["ir.mail_server"].create({"name": "Out", "smtp_host": "mx.gateway.test"})
        self.gate = self.env["spp.email.gate"]

    def departure(self, server=None, recipients=("ann@example.com",)):
        server = self.server if server is None else server
        return Departure(1, server.id or None, "box@gateway.test", recipients)

    def note(self, result, times=1, **options):
        for _time in range(times):
            self.gate._note(self.departure(**options), {"ann@example.com": result})

    def ask(self, **options):
        return self.gate._ask(self.departure(**options))

    def end_pause(self):
        self.sql(
            "UPDATE spp_email_breaker SET until = until - interval '1 day' WHERE server_id = %s RETURNING id",
            self.server.id,
        )

    def breaker(self):
        self.env.invalidate_all()
        return self.env["spp.email.breaker"].search([("server_id", "=", self.server.id)])

    def test_a_server_that_works_costs_no_row(self):
        self.note(SENT)
        self.note(REFUSED, 20)
        self.assertIsNone(self.ask().hold)
        self.assertFalse(self.breaker())

    def test_a_server_that_fails_again_and_again_is_paused(self):
        self.note(BROKEN, FAILURES - 1)
        self.assertIsNone(self.ask().hold)
        self.note(BROKEN)
        permit = self.ask()
        breaker = self.breaker()
        self.assertEqual((breaker.state, breaker.failures), ("open", FAILURES))
        self.assertEqual((permit.hold.reason, permit.hold.until), (OutboundReason.PAUSED, breaker.until))
        self.assertEqual(
            permit.hold.text,
            f"The server is paused after 5 failures in a row; next attempt at {breaker.until} UTC. "
            "The last failure: The host does not answer.",
        )
        self.assertEqual(len(permit.steps), 1)

    def test_one_bad_server_is_one_bad_server(self):
        other = self.server.copy()
        self.note(BROKEN, FAILURES)
        self.assertIsNone(self.ask(server=other).hold)
        self.assertIsNone(self.ask(server=self.env["ir.mail_server"]).hold)

    def test_the_configuration_files_server_has_a_breaker_too(self):
        nobody = self.env["ir.mail_server"]
        self.note(BROKEN, FAILURES, server=nobody)
        self.assertTrue(self.ask(server=nobody).hold)
        self.assertIsNone(self.ask().hold)

    def test_success_begins_the_count_anew(self):
        self.note(BROKEN, FAILURES - 1)
        self.note(SENT)
        self.note(BROKEN, FAILURES - 1)
        self.assertIsNone(self.ask().hold)

    def test_after_the_pause_one_message_tries_and_closes_it(self):
        self.note(BROKEN, FAILURES)
        self.end_pause()
        first, second = self.ask(), self.ask()
        self.assertIsNone(first.hold)
        self.assertEqual(second.hold.reason, OutboundReason.PAUSED)
        self.assertEqual(self.breaker().state, "half_open")
        self.note(SENT)
        self.assertIsNone(self.ask().hold)
        self.assertEqual((self.breaker().state, self.breaker().failures, self.breaker().cause or ""), ("closed", 0, ""))

    def test_a_probe_that_fails_pauses_for_longer(self):
        self.note(BROKEN, FAILURES)
        before = self.breaker().until
        self.end_pause()
        self.ask()
        self.note(BROKEN)
        self.assertEqual(self.breaker().state, "open")
        self.assertGreaterEqual(self.breaker().until - before, timedelta(minutes=1))

    def test_a_probe_that_another_gate_stops_leaves_its_place(self):
        self.note(BROKEN, FAILURES)
        gate = type(self.gate)
        hold = Hold(self.env.cr.now(), OutboundReason.QUOTA, "Daily limit reached")
        refusal = Refusal(OutboundState.SUPPRESSED, OutboundReason.SUPPRESSED, "on the list")

        def holds(_self, _departure, permit):
            permit.hold = hold

        def refuses(_self, departure, permit):
            permit.refused = dict.fromkeys(departure.recipients, refusal)

        for stops in (holds, refuses):
            with self.subTest(stops.__name__):
                self.end_pause()
                self.patch(gate, "_gates", lambda _self: ["_gate_breaker", "_gate_of_test"])
                gate._gate_of_test = stops
                self.addCleanup(lambda: vars(gate).get("_gate_of_test") and delattr(gate, "_gate_of_test"))
                self.ask()
                self.patch(gate, "_gates", lambda _self: ["_gate_breaker"])
                self.assertIsNone(self.ask().hold)
                self.note(BROKEN)

    def test_a_gate_before_it_takes_no_probe_away(self):
        self.note(BROKEN, FAILURES)
        self.end_pause()
        self.assertIsNone(self.ask().hold)  # this one probes
        gate = type(self.gate)
        gate._gate_of_test = lambda _self, _departure, permit: setattr(
            permit, "hold", Hold(self.env.cr.now(), OutboundReason.QUOTA, "x")
        )
        self.addCleanup(delattr, gate, "_gate_of_test")
        self.patch(gate, "_gates", lambda _self: ["_gate_of_test", "_gate_breaker"])
        self.ask()
        self.assertEqual(self.breaker().state, "half_open")

    def test_a_permit_without_a_pause_says_nothing(self):
        self.assertEqual(self.ask(), Permit())

    # ------------------------------------------------------------------
    # People
    # ------------------------------------------------------------------

    def test_the_form_shows_state_and_cause(self):
        self.assertEqual(self.server.gateway_breaker_state, "closed")
        self.note(BROKEN, FAILURES)
        self.env.invalidate_all()
        server = self.server.with_user(self.manager)
        self.assertEqual(
            (server.gateway_breaker_state, server.gateway_breaker_failures, server.gateway_breaker_cause),
            ("open", FAILURES, "The host does not answer."),
        )
        self.assertTrue(server.gateway_breaker_until)

    def test_try_now_ends_the_pause(self):
        self.note(BROKEN, FAILURES)
        self.server.with_user(self.manager).action_gateway_try_now()
        self.assertIsNone(self.ask().hold)
        self.assertTrue(self.ask().hold)

    def test_try_now_lets_the_mail_go_that_waits_for_the_server(self):
        later = fields.Datetime.now() + timedelta(hours=2)
        other = self.env["ir.mail_server"].create({"name": "Other", "smtp_host": "other.gateway.test"})
        rows = {}
        for name, reason, server in (
            ("paused", "paused", self.server),
            ("no_login", "no_login", self.server),
            ("no_connection", "no_connection", self.server),
            ("limited", "quota", self.server),
            ("asked to wait", "try_later", self.server),
            ("elsewhere", "paused", other),
        ):
            mail = self.env["mail.mail"].create(
                {"email_to": "ann@example.com", "state": "outgoing", "scheduled_date": later, "body_html": name}
            )
            rows[name] = self.env["spp.email.delivery"].create(
                {
                    "mail_id": mail.id,
                    "recipient": "ann@example.com",
                    "state": "queued",
                    "reason": reason,
                    "server_id": server.id,
                    "next_attempt_date": later,
                }
            )
        planned = self.env["mail.mail"].create({"email_to": "ann@example.com", "scheduled_date": later})
        self.env.flush_all()
        self.note(BROKEN, FAILURES)
        self.server.with_user(self.manager).action_gateway_try_now()
        self.env.invalidate_all()
        now = {name for name, row in rows.items() if not row.next_attempt_date and not row.mail_id.scheduled_date}
        self.assertEqual(now, {"paused", "no_login", "no_connection"})
        waiting = [row for name, row in rows.items() if name not in now]
        self.assertTrue(all(row.next_attempt_date and row.mail_id.scheduled_date for row in waiting))
        # Somebody chose that date.
        self.assertTrue(planned.scheduled_date)

    def test_only_managers_end_a_pause(self):
        self.note(BROKEN, FAILURES)
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError), mute_logger("odoo.models"):
                self.server.with_user(user).action_gateway_try_now()

    def test_only_managers_read_states_and_nobody_writes_them(self):
        self.note(BROKEN)
        breaker = self.breaker()
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                breaker.with_user(user).read(["state"])
        self.assertEqual(breaker.with_user(self.manager).read(["failures"])[0]["failures"], 1)
        for user in (self.manager, self.system):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                breaker.with_user(user).write({"state": "closed"})

    def test_a_plain_users_mail_asks_and_tells(self):
        gate = self.gate.with_user(self.plain)
        for _failure in range(FAILURES):
            gate._note(self.departure(), {"ann@example.com": BROKEN})
        self.assertTrue(gate._ask(self.departure()).hold)

    def test_health_tells_of_a_pause_until_it_is_over(self):
        health = self.env["spp.email.breaker"]
        self.assertEqual(health._gateway_health(), [])
        self.note(BROKEN, FAILURES)
        self.env.invalidate_all()
        (finding,) = health._gateway_health()
        self.assertEqual(
            (finding.code, finding.title),
            (f"outgoing_server_{self.server.id}_paused", "Outgoing server is paused: Out"),
        )
        self.assertIn("The last one: The host does not answer.", finding.text)
        self.assertIn("spp.email.breaker", self.env["spp.email.health"]._health_models())
        self.note(SENT)
        self.env.invalidate_all()
        self.assertEqual(health._gateway_health(), [])

    def test_an_archived_server_is_no_finding(self):
        self.note(BROKEN, FAILURES)
        self.server.active = False
        self.assertEqual(self.env["spp.email.breaker"]._gateway_health(), [])

    def test_a_deleted_server_takes_its_state_along(self):
        self.note(BROKEN)
        breaker = self.breaker()
        departure = self.departure()
        self.server.unlink()
        self.assertFalse(breaker.exists())
        self.gate._note(departure, {"ann@example.com": BROKEN})  # a message that was under way
        self.assertIsNone(self.gate._ask(departure).hold)
