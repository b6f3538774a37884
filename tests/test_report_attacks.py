# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Forged reports: nobody can have an address called dead by writing to us."""

from unittest.mock import patch

from odoo.tests import tagged

from ..engine.errors import SealError
from ..engine.message_kind import Classification, MessageKind, RecipientReport, ReportAction
from ..engine.pipeline import Verdict
from ..engine.return_path import sign_return_path
from ..engine.sender_verdict import SenderResult, SenderVerdict
from ..engine.token import TokenRing
from .common import eml
from .reports import BOUNCES, ReportCase, failed, report, says


@tagged("post_install", "-at_install")
class TestReportAttacks(ReportCase):
    def setUp(self):
        super().setUp()
        self.learned = []
        learn = patch.object(
            type(self.env["spp.email.report"]), "_learn", lambda _self, *arguments: self.learned.append(arguments)
        )
        learn.start()
        self.addCleanup(learn.stop)

    def test_a_flood_about_an_address_of_ours(self):
        message, rows = self.sent(self.bob)
        inbounds = self.env["spp.email.inbound"]
        for number in range(30):
            inbounds |= self.journal(report(f"<made-up-{number}@gateway.test>"), self.box)
        with self.taken_for(says(failed("bob@exmaple.com"), ids=["<made-up@gateway.test>"])):
            while self.process():
                pass
        self.assertEqual(set(inbounds.mapped("reason")), {"foreign_report"})
        self.assertEqual(set(inbounds.mapped("state")), {"done"})
        self.assertUntouched(message, rows)
        self.assertFalse(self.learned)

    def test_a_flood_by_who_has_the_message_id_counts_once(self):
        message, rows = self.sent(self.bob)
        with self.taken_for(says(failed("bob@exmaple.com"), ids=[message.message_id])):
            for _number in range(12):
                self.journal(report(message.message_id), self.box)
            while self.process():
                pass
        self.assertEqual(rows[self.bob].state, "bounced")
        self.assertEqual(self.bob.message_bounce, 1)
        self.assertEqual(len(self.learned), 1)
        # One more failure, and no dead address: see engine.report.learnable.
        self.assertFalse(self.learned[0][3].is_hard)
        self.assertLess(len(rows[self.bob].trace), 200)

    def test_who_got_the_mail_cannot_report_on_others(self):
        """Eve has the Message-ID and Bob's address from To; what she has not is the return path of Bob's copy."""
        message, rows = self.sent(self.bob, self.eve, signed=True)
        forged = sign_return_path(TokenRing({1: b"x" * 32}), BOUNCES, 1, self.env.cr.now())
        for name, to, enclosed in (
            ("to the plain address", BOUNCES, ""),
            ("with a made-up detail", f"bounce+{'a' * 40}@gateway.test", ""),
            ("signed with another key", forged, ""),
            ("enclosed", BOUNCES, f"Return-Path: <{forged}>\r\n"),
        ):
            inbound = self.report_in(
                says(failed("bob@exmaple.com"), ids=[message.message_id]),
                report(message.message_id, to, enclosed=enclosed),
            )
            with self.subTest(name):
                self.assertOutcome(inbound, "done", "foreign_report")
                self.assertUntouched(message, rows)
                self.assertIn("which the report lacks", inbound.trace_text)
        self.assertFalse(self.learned)

    def test_with_her_own_return_path_she_only_reports_on_herself(self):
        message, rows = self.sent(self.bob, self.eve, signed=True)
        mine = rows[self.eve].envelope_sender
        self.report_in(
            says(failed("bob@exmaple.com"), failed("bob@exmaple.com"), ids=[message.message_id]), report(to=mine)
        )
        self.assertUntouched(message, rows)
        self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]), report(to=mine))
        self.assertEqual([rows[self.bob].state, rows[self.eve].state], ["sent", "bounced"])
        self.assertEqual(self.bob.message_bounce, 0)

    def test_the_message_id_of_another_mail_names_nobody_else(self):
        message, rows = self.sent(self.bob)
        inbound = self.report_in(says(failed("eve@example.com"), ids=[message.message_id]))
        self.assertOutcome(inbound, "done", "foreign_report")
        self.assertUntouched(message, rows)
        self.assertEqual(self.eve.message_bounce, 0)

    def test_an_address_alone_proves_nothing(self):
        message, rows = self.sent(self.bob)
        inbound = self.report_in(says(failed("bob@exmaple.com")))
        self.assertOutcome(inbound, "done", "foreign_report")
        self.assertUntouched(message, rows)

    def test_complaints_are_proved_by_the_copy_that_they_enclose(self):
        message, rows = self.sent(self.bob, signed=True)
        complaint = RecipientReport("bob@exmaple.com", ReportAction.COMPLAINED)
        found = says(complaint, ids=[message.message_id], kind=MessageKind.ABUSE_COMPLAINT)
        forged = self.report_in(found, report(message.message_id, "abuse@gateway.test"))
        self.assertOutcome(forged, "done", "foreign_report")
        self.assertUntouched(message, rows)
        enclosed = f"Return-Path: <{rows[self.bob].envelope_sender}>\r\n"
        proved = self.report_in(found, report(message.message_id, "abuse@gateway.test", enclosed=enclosed))
        self.assertOutcome(proved, "done", "complaint_handled")
        self.assertEqual(rows[self.bob].reason, "complaint")

    # ------------------------------------------------------------------
    # A Message-ID is no secret
    # ------------------------------------------------------------------

    def every_kind(self, address, message_id):
        """Yield (name, Classification): what somebody who has a Message-ID can say of an address."""
        complaint = RecipientReport(address, ReportAction.COMPLAINED)
        arrived = RecipientReport(address, ReportAction.DELIVERED)
        for name, entry, kind in (
            ("dead", failed(address), MessageKind.DELIVERY_FAILURE),
            ("full", failed(address, hard=False), MessageKind.DELIVERY_FAILURE),
            ("complaint", complaint, MessageKind.ABUSE_COMPLAINT),
            ("delay", RecipientReport(address, ReportAction.DELAYED), MessageKind.DELIVERY_DELAY),
            ("arrived", arrived, MessageKind.DELIVERY_SUCCESS),
            ("read", arrived, MessageKind.READ_RECEIPT),
        ):
            yield name, says(entry, ids=[message_id], kind=kind)

    def assertNothingFollows(self, message, rows, words):
        for name, found in self.every_kind("bob@exmaple.com", message.message_id):
            inbound = self.report_in(found)
            with self.subTest(name):
                read = found.kind is MessageKind.READ_RECEIPT
                self.assertOutcome(inbound, "done", "receipt_noted" if read else "foreign_report")
                self.assertUntouched(message, rows)
                self.assertFalse(rows[self.bob].read_date or rows[self.bob].delayed_date or rows[self.bob].arrived_date)
                self.assertIn(words, inbound.trace_text)
        self.assertFalse(self.learned)

    def test_who_writes_to_us_has_chosen_the_message_id_of_what_our_users_get(self):
        message, rows = self.sent(self.bob)
        message.message_type = "email"
        self.assertNothingFollows(message, rows, "whose writer chose its Message-ID")

    def test_also_where_the_message_was_deleted(self):
        self.receive(eml(Message_ID="<chosen@example.com>"), self.box)
        gone = self.env["mail.mail"]
        row = self.row("bob@exmaple.com", "sent", gone, message_id="<chosen@example.com>", reason="accepted")
        inbound = self.report_in(says(failed("bob@exmaple.com"), ids=["<chosen@example.com>"]))
        self.assertOutcome(inbound, "done", "foreign_report")
        self.assertEqual((row.state, self.bob.message_bounce), ("sent", 0))
        self.assertFalse(self.learned)

    def test_before_the_queue_has_made_its_rows(self):
        """Eve writes to a record that Bob follows, and reports within the same minute that his copy came back."""
        start = self.record.message_post(body="x", subject="x", message_type="comment", subtype_xmlid="mail.mt_comment")
        self.record.message_subscribe(self.bob.ids)
        answer = eml(From="eve@example.com", Message_ID="<chosen@example.com>", In_Reply_To=start.message_id)
        self.assertOutcome(self.receive(answer, self.box), "done", "record_updated")
        message = self.env["mail.message"].search([("message_id", "=", "<chosen@example.com>")])
        notification = self.notification(message, self.bob)
        self.assertTrue(notification)
        self.assertFalse(self.env["spp.email.delivery"].search([("message_id", "=", "<chosen@example.com>")]))
        for status in ("ready", "sent"):
            notification.notification_status = status
            inbound = self.report_in(says(failed("bob@exmaple.com"), ids=["<chosen@example.com>"]))
            with self.subTest(status):
                self.assertOutcome(inbound, "done", "foreign_report")
                self.assertEqual((notification.notification_status, self.bob.message_bounce), (status, 0))
        self.assertFalse(self.learned)

    def test_a_message_of_ours_that_waits_has_not_come_back(self):
        for status, expected in (("ready", "ready"), ("process", "process"), ("sent", "exception")):
            message, _mail = self.message(self.bob, statuses=(status,))
            self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
            with self.subTest(status):
                self.assertEqual(self.notification(message, self.bob).notification_status, expected)
                self.assertEqual(self.bob.message_bounce, 0)
        # Once, and softly.
        self.assertEqual([arguments[3].is_hard for arguments in self.learned], [False])

    def test_whose_sender_is_shown_to_be_false(self):
        def judge(model, inbound, content):
            def step(summary, facts):
                facts["sender_verdict"] = SenderVerdict(SenderResult.FAIL)
                return Verdict()

            return [step]

        message, rows = self.sent(self.bob)
        with patch.object(type(self.env["spp.email.processing"]), "_sender_steps", judge):
            self.assertNothingFollows(message, rows, "not who it claims to be")
            # What is proved by the return path needs no sender.
            message, rows = self.sent(self.bob, signed=True)
            self.report_in(says(failed("bob@exmaple.com")), report(to=rows[self.bob].envelope_sender))
        self.assertEqual(rows[self.bob].state, "bounced")

    def test_years_later(self):
        message, rows = self.sent(self.bob, created_date="2020-01-01 00:00:00", attempt_date="2020-01-01 00:00:00")
        inbound = self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
        self.assertOutcome(inbound, "done", "foreign_report")
        self.assertIn("too long ago", inbound.trace_text)
        self.assertUntouched(message, rows)
        self.assertFalse(self.learned)

    def test_a_message_id_alone_has_nobody_listed_and_nothing_forgotten(self):
        for name, found in self.every_kind("bob@exmaple.com", "<x@gateway.test>"):
            self.learned.clear()
            message, rows = self.sent(self.bob)
            self.report_in(says(*found.reports, ids=[message.message_id], kind=found.kind))
            with self.subTest(name):
                # The row says it all the same, for people.
                self.assertTrue(rows[self.bob].report_id)
                hard = [arguments[3].is_hard for arguments in self.learned]
                self.assertEqual(hard, [False] if name in ("dead", "full") else [])

    def test_a_forged_receipt_forgets_no_soft_failures(self):
        """Receipts come from whoever read the mail: they are noted without the return path, and prove nothing."""
        message, rows = self.sent(self.bob, self.eve, signed=True)
        entry = RecipientReport("bob@exmaple.com", ReportAction.DELIVERED)
        found = says(entry, ids=[message.message_id], kind=MessageKind.READ_RECEIPT)
        self.report_in(found)
        self.assertTrue(rows[self.bob].read_date)
        self.assertFalse(self.learned)

    # ------------------------------------------------------------------
    # And what is proved
    # ------------------------------------------------------------------

    def test_the_signed_return_path_proves_it_without_a_message_id(self):
        for hidden in (False, True):
            message, rows = self.sent(self.bob, self.eve, signed=True)
            path = rows[self.bob].envelope_sender
            # Some servers fold local parts; others name another address in To and deliver for the right one.
            content = report(to="undisclosed-recipients:;", Delivered_To=path) if hidden else report(to=path.upper())
            inbound = self.report_in(says(failed("bob@exmaple.com")), content)
            with self.subTest(hidden=hidden):
                self.assertOutcome(inbound, "done", "bounce_handled")
                self.assertEqual([row.state for row in rows.values()], ["bounced", "sent"])

    def test_a_mail_that_was_passed_on(self):
        message, rows = self.sent(self.bob, signed=True)
        self.report_in(says(failed("bob.private@gmail.test")), report(to=rows[self.bob].envelope_sender))
        self.assertEqual(rows[self.bob].state, "bounced")
        # What counts is the address that we wrote to.
        self.assertEqual(self.bob.message_bounce, 1)

    def test_without_the_credential_key_nothing_is_proved(self):
        message, rows = self.sent(self.bob, signed=True)
        texts = (rows[self.bob].envelope_sender,)
        reports = self.env["spp.email.report"]
        self.assertEqual(reports._proved_paths(texts), texts)
        with patch.object(type(self.env["spp.email.token.key"]), "_ring", side_effect=SealError("no key")):
            self.assertEqual(reports._proved_paths(texts), ())

    # ------------------------------------------------------------------
    # Size
    # ------------------------------------------------------------------

    def test_a_report_on_thousands_is_bounded(self):
        message, rows = self.sent(self.bob)
        many = [failed(f"x{number}@remote.test") for number in range(5000)]
        ids = [message.message_id, *(f"<{number}@remote.test>" for number in range(5000))]
        inbound = self.report_in(says(*many, ids=ids))
        self.assertOutcome(inbound, "done", "foreign_report")
        self.assertEqual(len(inbound.reports), 200)
        self.assertUntouched(message, rows)

    def test_what_no_column_takes(self):
        message, rows = self.sent(self.bob)
        text = "\0\ud800" + "x" * 100_000
        entry = failed("bob@exmaple.com", text=text, status="5.1.1" * 100, remote_server="\0" * 10 + "y" * 5000)
        inbound = self.report_in(says(entry, ids=[message.message_id, "<" + "z" * 100_000 + ">", "\0"]))
        self.assertOutcome(inbound, "done", "bounce_handled")
        self.assertEqual(rows[self.bob].state, "bounced")
        self.assertLess(len(rows[self.bob].bounce_text), 5000)

    def test_a_report_that_names_nothing(self):
        inbound = self.report_in(Classification(MessageKind.DELIVERY_FAILURE), report())
        self.assertOutcome(inbound, "done", "foreign_report")
