# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Forged reports: nobody can have an address called dead by writing to us."""

from unittest.mock import patch

from odoo.tests import tagged

from ..engine.errors import SealError
from ..engine.message_kind import Classification, MessageKind, RecipientReport, ReportAction
from ..engine.return_path import sign_return_path
from ..engine.token import TokenRing
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
