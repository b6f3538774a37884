# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import base64
from contextlib import contextmanager
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ..engine.delivery import RecipientResult
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.round_trip import HEADER
from .common import GatewayCase, eml

ACCEPTED = RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED, "message", 250, "2.0.0", "Ok: queued as 4D2")
REFUSED = RecipientResult(OutboundState.FAILED, OutboundReason.REFUSED, "recipient", 550, "5.1.1", "No such user")


@tagged("post_install", "-at_install")
class TestRoundTrip(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.env["ir.mail_server"].create({"name": "Out", "smtp_host": "smtp.gateway.test"})
        cls.inbox = cls.mailbox()
        cls.trip = cls.env["spp.email.round.trip"].create({"server_id": cls.server.id, "mailbox_id": cls.inbox.id})

    @contextmanager
    def answering(self, result=ACCEPTED):
        """Context: the server gives this answer about every recipient; yields what was handed to it."""
        handed = []

        def transmit(server, message, smtp_from, recipients):
            handed.append(message)
            return dict.fromkeys(recipients, result)

        with self.own_cursors(), patch.object(type(self.server), "_gateway_transmit", transmit):
            yield handed

    def send(self, result=ACCEPTED, user=None):
        with self.answering(result) as handed:
            self.trip.with_user(user or self.manager).action_send()
        self.trip.invalidate_recordset()
        return handed

    def arrival(self, message, server=None, **fields_):
        """Let the message come in, as a mail server hands it on; return its row."""
        return self.receive(
            eml(Subject=message["Subject"], **{HEADER: message[HEADER], **fields_}), server or self.inbox
        )

    # ------------------------------------------------------------------
    # Round trip
    # ------------------------------------------------------------------

    def test_its_address_is_the_mailboxs(self):
        self.assertEqual(self.trip.address, "box@gateway.test")
        with Form(self.env["spp.email.round.trip"].with_user(self.manager)) as form:
            form.server_id = self.server
            form.mailbox_id = self.mailbox(name="By name", user="no-address")
            form.address = "shared@gateway.test"
        self.assertEqual(form.record.address, "shared@gateway.test")

    def test_out_and_in_again(self):
        (message,) = self.send()
        self.assertEqual((self.trip.state, self.trip.turn), ("waiting", 1))
        self.assertEqual(
            self.trip.result, "box@gateway.test: The server accepted it (250 2.0.0 Ok: queued as 4D2)"
        )
        self.assertEqual(message["To"], "box@gateway.test")
        self.assertEqual(message["Auto-Submitted"], "auto-generated")
        before = self.env["res.partner"].search_count([])
        inbound = self.arrival(message)
        self.assertOutcome(inbound, "done", "round_trip")
        self.trip.invalidate_recordset()
        self.assertEqual((self.trip.state, self.trip.inbound_id), ("done", inbound))
        self.assertRegex(self.trip.duration_text, r"^\d+ s$")
        self.assertEqual(self.env["res.partner"].search_count([]), before)

    def test_a_relay_that_takes_the_header_off(self):
        (message,) = self.send()
        self.assertOutcome(self.arrival(message, **{HEADER: None}), "done", "round_trip")
        self.assertEqual(self.trip.state, "done")

    def test_in_another_mailbox_it_is_no_arrival(self):
        (message,) = self.send()
        self.assertOutcome(self.arrival(message, self.mailbox(user="other@gateway.test")), "done", "round_trip")
        self.trip.invalidate_recordset()
        self.assertEqual(self.trip.state, "waiting")

    def test_a_removed_trips_mail_makes_no_record(self):
        (message,) = self.send()
        self.trip.unlink()
        self.assertOutcome(self.arrival(message), "done", "round_trip")

    def test_a_dry_run_notes_nothing(self):
        (message,) = self.send()
        content = eml(Subject=message["Subject"], **{HEADER: message[HEADER]})
        run = self.env["spp.email.dry.run"].create(
            {"message_file": base64.b64encode(content), "mailbox": str(self.inbox.id)}
        )
        with self.own_cursors():
            run.action_try()
        self.assertIn("a round trip that this database began", run.trace_html)
        self.trip.invalidate_recordset()
        self.assertEqual(self.trip.state, "waiting")

    def test_what_the_server_refuses_is_not_awaited(self):
        self.send(REFUSED)
        self.assertEqual(self.trip.state, "failed")
        self.assertEqual(
            self.trip.result,
            "box@gateway.test: The server refused it (550 5.1.1 No such user). The address does not exist. Check its "
            "spelling, or ask the recipient for the present address.",
        )
        (finding,) = self.env["spp.email.round.trip"]._gateway_health()
        self.assertEqual(finding.title, "A round trip could not be sent: Out")
        self.trip.active = False
        self.assertFalse(self.env["spp.email.round.trip"]._gateway_health())

    def test_a_mailbox_that_is_not_confirmed(self):
        self.inbox.state = "draft"
        with self.assertRaises(UserError) as caught:
            self.send()
        self.assertEqual(
            str(caught.exception), "The mailbox is not confirmed: press Test & Confirm on its form first."
        )
        self.assertEqual(self.trip.state, "new")

    def test_the_mailbox_is_read_at_once(self):
        self.send()
        watch = self.env["spp.email.watch"].search([("server_id", "=", self.inbox.id)])
        self.assertTrue(watch.is_awaited)

    def test_bad_input(self):
        with self.assertRaises(ValidationError) as caught:
            self.trip.address = "nonsense"
        self.assertEqual(str(caught.exception), "“nonsense” is no email address.")
        for values in ({"interval_hours": -1}, {"limit_minutes": 0}):
            with (
                self.subTest(values),
                mute_logger("odoo.sql_db"),
                self.assertRaises(IntegrityError) as caught,
                self.env.cr.savepoint(),
            ):
                self.trip.write(values)
                self.trip.flush_recordset()
            self.assertIn("interval_range", str(caught.exception))

    def test_the_button_opens_the_one_that_is_there_or_a_new_one(self):
        action = self.server.with_user(self.manager).action_test_round_trip()
        self.assertEqual((action["res_id"], action["views"][0][1]), (self.trip.id, "form"))
        other = self.server.copy()
        action = other.action_test_round_trip()
        self.assertFalse(action["res_id"])
        self.assertEqual(action["context"]["default_server_id"], other.id)
        self.env["spp.email.round.trip"].create(
            {"server_id": self.server.id, "mailbox_id": self.inbox.id, "address": "b@gateway.test"}
        )
        self.assertEqual(self.server.action_test_round_trip()["domain"], [("server_id", "=", self.server.id)])

    def test_only_managers(self):
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user.login):
                with self.assertRaises(AccessError):
                    self.send(user=user)
                with self.assertRaises(AccessError):
                    self.trip.with_user(user).action_look()
        self.assertEqual(self.trip.turn, 0)

    # ------------------------------------------------------------------
    # Test mail
    # ------------------------------------------------------------------

    def trial(self, user=None, **values):
        trials = self.env["spp.email.test.mail"].with_user(user or self.manager)
        return trials.create({"server_id": self.server.id, **values})

    def test_it_goes_to_oneself_unless_told_otherwise(self):
        with self.answering() as handed:
            trial = self.trial()
            self.assertEqual(trial.recipients, self.manager.email)
            action = trial.action_send()
        self.assertEqual((action["res_id"], action["target"]), (trial.id, "new"))
        self.assertEqual(trial.outcome, "sent")
        self.assertEqual(handed[0]["To"], self.manager.email)
        self.assertIn(self.manager.email, handed[0]["From"])

    def test_nothing_is_sent_while_tests_run(self):
        with self.assertRaises(UserError) as caught, self.own_cursors():
            self.trial().action_send()
        self.assertEqual(
            str(caught.exception), "This database sends no mail: it runs tests, or a rehearsal."
        )

    def test_bad_input_of_a_test_mail(self):
        for recipients, active, words in (
            ("nobody", True, "Enter the address that the mail is to be sent to."),
            ("a@remote.test", False, "This server is archived."),
        ):
            with self.subTest(words), self.answering(), self.assertRaises(UserError) as caught:
                self.server.active = active
                self.trial(recipients=recipients).action_send()
            self.assertEqual(str(caught.exception), words)

    def test_only_managers_send_test_mails(self):
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.trial(user)

    def test_refusals_of_the_gates_are_told_too(self):
        refused = RecipientResult(OutboundState.SUPPRESSED, OutboundReason.SUPPRESSED, text="It bounced before.")

        def ask(gate, departure):
            permit = original(gate, departure)
            permit.refused["b@remote.test"] = refused
            return permit

        gates = type(self.env["spp.email.gate"])
        original = gates._ask
        with self.answering() as handed, patch.object(gates, "_ask", ask):
            trial = self.trial(recipients="a@remote.test, b@remote.test")
            trial.action_send()
        self.assertEqual(handed[0]["To"], "a@remote.test")
        self.assertEqual(trial.outcome, "partly")
        self.assertIn("b@remote.test: The address is on the suppression list (It bounced before.)", trial.result)
