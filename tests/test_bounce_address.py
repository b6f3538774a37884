# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is written to the bounce address and is no report is not swallowed."""

from unittest.mock import patch

from odoo.tests import tagged

from ..engine.message_kind import Classification, MessageKind
from ..engine.target import Target
from .common import eml
from .reports import BOUNCES, ReportCase, report, says

PERSON = Classification(MessageKind.PERSON)


@tagged("post_install", "-at_install")
class TestBounceAddress(ReportCase):
    def write(self, server=None, kind=PERSON, **fields):
        fields.setdefault("To", BOUNCES)
        return self.report_in(kind, eml(**fields), server)

    def test_a_person_waits_for_a_person(self):
        for to, cc in (
            (BOUNCES, None),
            ("Bounces <BOUNCE@gateway.test>", None),
            ("bounce+anything@gateway.test", None),
            (BOUNCES, "bounce+x@gateway.test"),
        ):
            inbound = self.write(To=to, Cc=cc)
            with self.subTest(to=to):
                self.assertOutcome(inbound, "quarantined", "not_for_writing")
                self.assertFalse(inbound.res_id)
        self.assertEqual(inbound.kind, "person")
        self.assertFalse(self.env["mail.mail"].search([("email_to", "ilike", "ann@example.com")]))

    def test_so_does_a_machine(self):
        for kind in (MessageKind.AUTO_GENERATED, MessageKind.MAILING_LIST):
            self.assertOutcome(self.write(kind=Classification(kind)), "quarantined", "not_for_writing")

    def test_an_answer_reaches_its_thread(self):
        message, _rows = self.sent(self.bob)
        for name in ("In_Reply_To", "References"):
            inbound = self.write(**{name: message.message_id})
            with self.subTest(name):
                self.assertOutcome(inbound, "done", "record_updated")
                self.assertEqual((inbound.res_model, inbound.res_id), ("res.partner", self.record.id))

    def test_an_answer_to_the_signed_return_path_reaches_its_thread_without_a_message_id(self):
        message, rows = self.sent(self.bob, signed=True)
        inbound = self.write(To=rows[self.bob].envelope_sender, From="bob@exmaple.com")
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertEqual((inbound.res_model, inbound.res_id), ("res.partner", self.record.id))
        self.assertEqual(inbound.mail_message_id.parent_id, message)
        # It is no report: nothing came back.
        self.assertUntouched(message, rows)

    def test_a_forged_detail_reaches_no_thread(self):
        self.sent(self.bob, signed=True)
        inbound = self.write(To=f"bounce+{'a' * 40}@gateway.test")
        self.assertOutcome(inbound, "quarantined", "not_for_writing")

    def test_an_alias_beside_it_gets_the_message(self):
        self.alias("sales")
        inbound = self.write(To=f"sales@gateway.test, {BOUNCES}")
        self.assertOutcome(inbound, "done", "record_created")

    def test_a_mailbox_that_is_written_to_beside_it_takes_it(self):
        inbound = self.write(To=f"box@gateway.test, {BOUNCES}")
        self.assertOutcome(inbound, "done", "record_created")

    def test_a_rule_and_a_person_may_send_it_on(self):
        inbound = self.write()
        self.assertOutcome(inbound, "quarantined", "not_for_writing")
        with self.taken_for(PERSON), self.own_cursors():
            inbound.with_user(self.officer)._send_on("Route", Target("res.partner", forced=True, why="a person"))
        self.assertOutcome(inbound, "done", "record_created")
        self.env["spp.email.rule"].create({"name": "All", "target": "create", "model_id": self.partner_model.id})
        self.assertOutcome(self.write(), "done", "record_created")

    def test_a_report_by_its_content_type_alone_is_none(self):
        """Odoo takes each for a bounce, and whatever a mailer-daemon writes, and nobody hears of it."""
        self.alias("sales")
        inbound = self.report_in(PERSON, report(to="sales@gateway.test"))
        self.assertOutcome(inbound, "done", "record_created")

    def test_it_costs_no_query_that_odoo_does_not_make(self):
        threads = type(self.env["mail.thread"])
        counts = []
        for way in ("warm", "odoo", "ours"):
            for number in range(5):
                self.journal(eml(From=f"{way}@example.com", Subject=f"{way} {number}"), self.box)
            known = None if way == "odoo" else MessageKind.PERSON
            kind = patch.object(threads, "_gateway_kind", lambda _self, known=known: known)
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            with self.taken_for(PERSON), kind:
                self.process()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        # Odoo asks for the alias domains for each message; we ask once for all of them.
        self.assertLessEqual(counts[2], counts[1])
        self.assertGreater(counts[2], 0)

    def test_the_former_bounce_address(self):
        message, rows = self.sent(self.bob, envelope_sender="bounce@gateway.test")
        self.alias_domain.bounce_alias = "returns"
        found = says(ids=[message.message_id])
        self.assertOutcome(self.report_in(found), "done", "bounce_handled")
        self.assertEqual(rows[self.bob].state, "failed")
        # It is nobody's any more: the mailbox decides.
        self.assertOutcome(self.write(), "done", "record_created")
