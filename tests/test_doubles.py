# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.tests import tagged

from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestDoubles(GatewayCase):
    """One message to one recipient makes one record; to two aliases it makes both, however it was delivered."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox(object_id=False)
        cls.alias("water", alias_defaults="{'function': 'Water'}")
        cls.alias("cards", alias_defaults="{'function': 'Cards'}")

    def functions(self, subject):
        return sorted(self.partners(subject).mapped("function"))

    def copies(self, subject, *recipients, header="X-Original-To", **fields):
        content = eml(Subject=subject, Message_ID=f"<{subject.replace(' ', '-')}@example.com>", **fields)
        return [self.receive(f"{header}: {recipient}\r\n".encode() + content, self.box) for recipient in recipients]

    def test_two_copies_for_two_aliases_make_both_records(self):
        rows = self.copies(
            "to both", "water@gateway.test", "cards@gateway.test", To="water@gateway.test, cards@gateway.test"
        )
        self.assertEqual([row.state for row in rows], ["done", "done"])
        self.assertEqual(self.functions("to both"), ["Cards", "Water"])
        self.assertEqual([row.envelope_recipient for row in rows], ["water@gateway.test", "cards@gateway.test"])

    def test_a_third_copy_for_one_of_them_is_a_duplicate(self):
        rows = self.copies("three", "water@gateway.test", "cards@gateway.test", "cards@gateway.test")
        self.assertOutcome(rows[2], "duplicate", "known_message_id")
        self.assertTrue(rows[2].duplicate_message_id)
        self.assertEqual(self.functions("three"), ["Cards", "Water"])

    def test_one_copy_without_envelope_makes_both_records(self):
        content = eml(Subject="one copy", To="water@gateway.test", Cc="cards@gateway.test")
        self.receive(content, self.box)
        self.assertEqual(self.functions("one copy"), ["Cards", "Water"])

    def test_one_copy_that_names_both_makes_both_records(self):
        self.copies("exim", "water@gateway.test, cards@gateway.test", header="Envelope-To")
        self.assertEqual(self.functions("exim"), ["Cards", "Water"])

    def test_an_alias_in_bcc_gets_its_message(self):
        (row,) = self.copies("in bcc", "cards@gateway.test", To="somebody@example.com")
        self.assertOutcome(row, "done", "record_created")
        self.assertEqual(self.functions("in bcc"), ["Cards"])
        self.assertIn("envelope recipient", [step["looked_at"] for step in row.trace])

    def test_a_mailbox_that_is_no_alias_leaves_the_routing_to_the_headers(self):
        (row,) = self.copies("to the box", "box@gateway.test", header="Delivered-To", To="water@gateway.test")
        self.assertOutcome(row, "done", "record_created")
        self.assertFalse(row.envelope_recipient)
        self.assertEqual(self.functions("to the box"), ["Water"])

    def test_the_catchall_in_the_envelope_does_not_hide_an_alias(self):
        (row,) = self.copies("by catchall", "catchall@gateway.test", To="water@gateway.test")
        self.assertEqual(self.functions("by catchall"), ["Water"])
        self.assertOutcome(row, "done", "record_created")

    def test_the_headers_are_a_setting_of_the_mailbox(self):
        self.box.gateway_envelope_headers = "X-Forwarded-To"
        (row,) = self.copies("setting", "cards@gateway.test", header="X-Forwarded-To", To="water@gateway.test")
        self.assertEqual(self.functions("setting"), ["Cards"])
        self.assertEqual(row.envelope_recipient, "cards@gateway.test")

    def test_an_answer_stays_with_its_record_whatever_the_envelope_says(self):
        first = self.receive(eml(Subject="asked", Message_ID="<asked@example.com>", To="water@gateway.test"), self.box)
        (answer,) = self.copies("answered", "cards@gateway.test", References="<asked@example.com>")
        self.assertOutcome(answer, "done", "record_updated")
        self.assertEqual(answer.res_id, first.res_id)

    def test_our_own_mail_that_comes_back_is_a_duplicate_for_whomever(self):
        record = self.env["res.partner"].create({"name": "Ours"})
        message = record.message_post(body="sent by us")
        content = eml(Message_ID=message.message_id, To="water@gateway.test")
        row = self.receive(b"X-Original-To: water@gateway.test\r\n" + content, self.box)
        self.assertOutcome(row, "duplicate", "known_message_id")
