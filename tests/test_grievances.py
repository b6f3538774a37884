# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""People who write in the words of mail servers and answering machines are heard."""

from unittest.mock import patch

from odoo.tests import tagged

from ..engine.message_kind import Classification, MessageKind
from .common import eml
from .engine.test_classify_grievances import TAKEN_FOR_REPORTS
from .reports import ReportCase, failed, says

ALL = {"X_Auto_Response_Suppress": "All"}


@tagged("post_install", "-at_install")
class TestGrievances(ReportCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.help = cls.alias("help")

    def test_what_words_alone_made_a_report_makes_its_record(self):
        for number, (head, text, otherwise) in enumerate(TAKEN_FOR_REPORTS):
            head = f"{head}To: help@gateway.test\nMessage-ID: <grievance-{number}@ngo.example>\n"
            subject = next(line for line in head.split("\n") if line.startswith("Subject: ")).removeprefix("Subject: ")
            with self.subTest(head=head):
                inbound = self.receive(f"{head}\n{text}".encode().replace(b"\n", b"\r\n"), self.box)
                self.assertOutcome(inbound, "done", "record_created")
                self.assertEqual(inbound.kind, otherwise.value)
                self.assertEqual(self.env["res.partner"].browse(inbound.res_id).name, subject)
                # How it came about is told.
                self.assertIn("delivery failure", str(inbound.trace))
                self.assertIn("people write such words too", str(inbound.trace))

    def test_limits_and_rules_see_a_message_of_a_person(self):
        """All that spares reports comes later: nobody evades it by a subject."""
        tag = self.env["spp.email.rule"].create(
            {
                "name": "People",
                "condition_ids": [(0, 0, {"place": "kind", "operator": "equals", "kind": "person"})],
                "model_id": self.partner_model.id,
            }
        )
        head, text, _kind = TAKEN_FOR_REPORTS[0]
        inbound = self.receive(f"{head}To: help@gateway.test\n\n{text}".encode().replace(b"\n", b"\r\n"), self.box)
        self.assertIn(tag, inbound.rule_ids)

    def test_words_about_mail_of_ours_to_that_recipient_are_a_report(self):
        message, rows = self.sent(self.bob)
        inbound = self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id], is_by_words=True))
        self.assertOutcome(inbound, "done", "bounce_handled")
        self.assertEqual(rows[self.bob].state, "bounced")

    def test_words_about_mail_that_left_before_there_was_a_ledger(self):
        message, rows = self.sent(self.bob)
        rows[self.bob].unlink()
        inbound = self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id], is_by_words=True))
        self.assertOutcome(inbound, "done", "bounce_handled")

    def test_an_answer_in_such_words_reaches_its_thread(self):
        message, rows = self.sent(self.bob)
        content = eml(In_Reply_To=message.message_id, From="admin@ngo.example", To="help@gateway.test")
        for number, report in enumerate((failed(""), failed("office@district.example"))):
            found = says(report, ids=[message.message_id], is_by_words=True)
            with self.subTest(found=found):
                inbound = self.report_in(found, content.replace(b"<message-", b"<%d-" % number))
                self.assertOutcome(inbound, "done", "record_updated")
                self.assertEqual(inbound.res_id, self.record.id)
                self.assertUntouched(message, rows)

    def test_what_is_left_in_doubt_waits_for_a_person(self):
        found = says(failed("office@district.example"), is_by_words=True)
        steps = type(self.env["spp.email.processing"])
        with patch.object(steps, "_is_report_on_ours", lambda *_arguments: True):
            inbound = self.report_in(found, eml(To="help@gateway.test"))
        self.assertOutcome(inbound, "quarantined", "foreign_report")

    def test_a_report_with_a_mail_servers_sign_is_no_record(self):
        inbound = self.report_in(says(failed("office@district.example")), eml(To="help@gateway.test"))
        self.assertOutcome(inbound, "done", "foreign_report")

    # ------------------------------------------------------------------
    # Automatic replies
    # ------------------------------------------------------------------

    def test_a_word_at_the_beginning_of_a_subject_takes_no_record_away(self):
        for subject, fields in (
            ("Absent teacher in Kitui", ALL),
            ("Absenteeism of teachers", {"Precedence": "bulk"}),
            ("Absent doctor at the clinic", {"In_Reply_To": "<unknown@example.com>"}),
        ):
            with self.subTest(subject=subject):
                inbound = self.receive(eml(To="help@gateway.test", Subject=subject, **fields), self.box)
                self.assertOutcome(inbound, "done", "record_created")
                self.assertTrue(self.partners(subject))

    def test_a_persons_answer_with_another_subject_tells_the_followers(self):
        message, _rows = self.sent(self.bob)
        content = eml(To="help@gateway.test", Subject="Absent doctor at the clinic", In_Reply_To=message.message_id)
        inbound = self.receive(content, self.box)
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertEqual(inbound.kind, "person")
        self.assertNotEqual(inbound.mail_message_id.subtype_id, self.env.ref("spp_email_gateway.mt_automatic_reply"))

    def test_an_automatic_reply_by_its_subject_only_is_never_discarded(self):
        for policy in ("attach", "discard", "quarantine"):
            self.alias_domain.gateway_automatic_policy = policy
            with self.subTest(policy=policy):
                inbound = self.receive(eml(To="help@gateway.test", Subject="Absent: the doctor", **ALL), self.box)
                self.assertOutcome(inbound, "quarantined", "automatic_reply")
                self.assertIn("only its subject says so", str(inbound.trace))

    def test_one_that_answers_a_record_is_a_quiet_note_of_it(self):
        message, _rows = self.sent(self.bob)
        found = Classification(MessageKind.AUTOMATIC_REPLY, (), "the subject", is_by_words=True)
        inbound = self.report_in(found, eml(To="catchall@gateway.test", In_Reply_To=message.message_id))
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertEqual(inbound.mail_message_id.subtype_id, self.env.ref("spp_email_gateway.mt_automatic_reply"))
        self.alias_domain.gateway_automatic_policy = "discard"
        inbound = self.report_in(found, eml(To="catchall@gateway.test", In_Reply_To=message.message_id))
        self.assertOutcome(inbound, "quarantined", "automatic_reply")
