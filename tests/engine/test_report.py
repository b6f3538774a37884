# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.bounce_cure import explain_bounce
from ...engine.bounce_reason import BounceReason
from ...engine.message_kind import REPORTS, Classification, MessageKind, RecipientReport, ReportAction
from ...engine.outcome import OutboundReason, OutboundState
from ...engine.report import (
    CONSEQUENCE_WORDS,
    REPORT_REASONS,
    Consequence,
    consequence,
    learnable,
    recipient_reports,
    server_words,
    status_words,
)
from .case import EngineCase

HARD = RecipientReport("x@y.test", ReportAction.FAILED, is_hard=True)
SOFT = RecipientReport("x@y.test", ReportAction.FAILED)
DELAYED = RecipientReport("x@y.test", ReportAction.DELAYED)
DELIVERED = RecipientReport("x@y.test", ReportAction.DELIVERED)
COMPLAINED = RecipientReport("x@y.test", ReportAction.COMPLAINED)
FAILURE, DELAY = MessageKind.DELIVERY_FAILURE, MessageKind.DELIVERY_DELAY
SENT_BACK = OutboundReason.SENT_BACK


class TestReport(EngineCase):
    def test_what_follows_for_a_row(self):
        for report, kind, state, reason, expected in (
            (HARD, FAILURE, "sent", None, "hard"),
            (SOFT, FAILURE, "sent", None, "soft"),
            # The server's answer is not written yet, or never came.
            (HARD, FAILURE, "sending", None, "hard"),
            (HARD, FAILURE, "unknown", None, "hard"),
            # Once: a flood of reports on one mail counts as one.
            (HARD, FAILURE, "bounced", SENT_BACK, "known"),
            (SOFT, FAILURE, "bounced", SENT_BACK, "known"),
            (SOFT, FAILURE, "failed", SENT_BACK, "known"),
            # A hard one after a soft one is news.
            (HARD, FAILURE, "failed", SENT_BACK, "hard"),
            # It never left.
            (HARD, FAILURE, "failed", OutboundReason.REFUSED, "known"),
            (HARD, FAILURE, "queued", None, "known"),
            (HARD, FAILURE, "deferred", None, "known"),
            (HARD, FAILURE, "cancelled", None, "known"),
            (HARD, FAILURE, "suppressed", None, "known"),
            (DELAYED, DELAY, "sent", None, "delay"),
            (DELAYED, DELAY, "bounced", SENT_BACK, "known"),
            # One that arrived for some and failed for others.
            (DELIVERED, FAILURE, "sent", None, "arrived"),
            (DELIVERED, MessageKind.DELIVERY_SUCCESS, "sent", None, "arrived"),
            (DELIVERED, MessageKind.READ_RECEIPT, "sent", None, "read"),
            (COMPLAINED, MessageKind.ABUSE_COMPLAINT, "sent", OutboundReason.ACCEPTED, "complaint"),
            (COMPLAINED, MessageKind.ABUSE_COMPLAINT, "sent", OutboundReason.COMPLAINT, "known"),
        ):
            with self.subTest(action=report.action, hard=report.is_hard, state=state):
                self.assertEqual(consequence(kind, report, OutboundState(state), reason).value, expected)

    def test_what_the_list_of_suppressed_addresses_may_learn(self):
        for report, is_proved, expected in (
            (HARD, True, HARD),
            (COMPLAINED, True, COMPLAINED),
            (DELIVERED, True, DELIVERED),
            # Whoever has the Message-ID can write these: one more failure is counted, nothing is entered or forgotten.
            (HARD, False, SOFT),
            (SOFT, False, SOFT),
            (COMPLAINED, False, None),
            (DELIVERED, False, None),
            (DELAYED, False, None),
        ):
            with self.subTest(action=report.action, hard=report.is_hard, proved=is_proved):
                self.assertEqual(learnable(report, is_proved), expected)

    def test_a_report_that_names_nobody_is_about_somebody(self):
        for kind, expected in (
            (FAILURE, [("", ReportAction.FAILED, False)]),
            (DELAY, [("", ReportAction.DELAYED, False)]),
            (MessageKind.READ_RECEIPT, [("ann@x.test", ReportAction.DELIVERED, False)]),
            (MessageKind.ABUSE_COMPLAINT, [("", ReportAction.COMPLAINED, False)]),
            (MessageKind.OTHER_REPORT, []),
        ):
            found = recipient_reports(Classification(kind), "ann@x.test")
            with self.subTest(kind=kind):
                self.assertEqual([(one.recipient, one.action, one.is_hard) for one in found], expected)
        self.assertEqual(recipient_reports(Classification(FAILURE, reports=(HARD,)), ""), (HARD,))
        self.assertEqual(len(recipient_reports(Classification(FAILURE, reports=(HARD,) * 5000), "")), 200)

    def test_every_report_has_its_reason_and_every_consequence_words(self):
        self.assertEqual(set(REPORT_REASONS), REPORTS)
        self.assertEqual(list(CONSEQUENCE_WORDS), list(Consequence))

    def test_why_it_came_back_and_the_cure(self):
        for reason in BounceReason:
            words = explain_bounce(reason)
            with self.subTest(reason=reason):
                self.assertTrue(words.text.endswith("."))
                self.assertEqual(bool(words.cure), reason is not BounceReason.DELIVERED)
        words = explain_bounce(BounceReason.ADDRESS_UNKNOWN, 550, "5.1.1", "no such user")
        self.assertEqual(words.text, "The address does not exist.")
        self.assertIn("spelling", words.cure)
        # Where the classification has no reason, the answer's own words do.
        self.assertEqual(explain_bounce(BounceReason.UNDEFINED, 552, "5.2.2").text, "The recipient's mailbox is full.")
        self.assertEqual(explain_bounce(BounceReason.UNDEFINED).text, "No reason was given.")

    def test_code_and_status_are_said_once(self):
        for text, expected in (
            ("550 5.1.1 no such user", "no such user"),
            ("550-5.1.1 no such user", "no such user"),
            ("5.1.1 no such user", "no such user"),
            ("550 no such user", "no such user"),
            ("no such user", "no such user"),
            ("5500 users", "5500 users"),
            ("550", "550"),
            ("550 5.1.1", "550 5.1.1"),
            ("", ""),
        ):
            report = RecipientReport("x@y.test", ReportAction.FAILED, status="5.1.1", code=550, text=text)
            with self.subTest(text=text):
                self.assertEqual(server_words(report), expected)
        report = RecipientReport("x@y.test", ReportAction.FAILED, status="5.1.1", code=550, text="550 5.1.1 gone")
        self.assertEqual(status_words(report), "550 5.1.1 gone")
        self.assertEqual(status_words(RecipientReport("x@y.test", ReportAction.FAILED)), "")
