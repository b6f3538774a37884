# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail that others passed on: for whom records are made, and what a forged claim does not gain."""

from unittest.mock import patch

from odoo import SUPERUSER_ID
from odoo.exceptions import ValidationError
from odoo.tests import tagged

from ..engine import forwarded
from ..engine.pipeline import Verdict
from ..engine.sender_verdict import SenderResult, SenderVerdict
from .common import GatewayCase, eml

DESK = "Help Desk <desk@office.test>"
BLOCK = "Please see to it.\r\n\r\nFrom: {sender}\r\nSent: Monday\r\nTo: Desk\r\n\r\nThe card."


@tagged("post_install", "-at_install")
class TestForwardedMail(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox(gateway_forwarders="desk@office.test")
        cls.ann = cls.env["res.partner"].create({"name": "Ann Lee", "email": "ann@remote.test"})
        cls.officer.email = "officer@staff.test"

    def forward(self, sender="Ann Lee <ann@remote.test>", server=None, verdict=None, **fields):
        """Receive what the desk forwarded by hand; return its row. A verdict is what the sender's check says."""
        number = self.env["spp.email.inbound"].search_count([])
        values = {"From": DESK, "Subject": f"FW: Card {number}", "body": BLOCK.format(sender=sender).encode(), **fields}
        processing = type(self.env["spp.email.processing"])
        steps = processing._sender_steps

        def check(_message, facts):
            facts["sender_verdict"] = SenderVerdict(verdict)
            return Verdict()

        def with_check(self, inbound, content):
            return [*steps(self, inbound, content), *([check] if verdict else [])]

        with patch.object(processing, "_sender_steps", with_check):
            return self.receive(eml(**values), server or self.box)

    def made(self, inbound):
        """Return (address of the record, author, who made it) of a message."""
        self.assertOutcome(inbound, "done", "record_created")
        record = self.env["res.partner"].browse(inbound.res_id)
        message = inbound.mail_message_id
        return record.email, message.author_id, record.create_uid.id

    def test_the_record_is_of_who_wrote(self):
        inbound = self.forward()
        self.assertEqual(self.made(inbound), ('"Ann Lee" <ann@remote.test>', self.ann, SUPERUSER_ID))
        self.assertEqual(inbound.original_sender, "ann@remote.test")
        self.assertEqual(inbound.mail_message_id.email_from, '"Ann Lee" <ann@remote.test>')
        self.assertEqual(inbound.sender, "desk@office.test")
        self.assertIn("passed on by desk@office.test, written by ann@remote.test", str(inbound.trace))

    def test_an_attached_message(self):
        inner = "From: Ann Lee <ann@remote.test>\r\nMessage-ID: <i@x>\r\n\r\nhi"
        body = f"--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--b--".encode()
        inbound = self.forward(Content_Type="multipart/mixed; boundary=b", body=body, Subject="no prefix")
        self.assertEqual(self.made(inbound)[:2], ('"Ann Lee" <ann@remote.test>', self.ann))

    def test_an_intake_has_forwarders_of_its_own(self):
        intake, _token = self.intake(target_model="res.partner", forwarders="office.test")
        inbound = self.journal(eml(From=DESK, Subject="FW: Card", body=BLOCK.format(sender="ann@remote.test").encode()))
        inbound.intake_id = intake
        self.process()
        self.assertEqual(self.made(inbound)[1], self.ann)

    def test_a_strangers_claim_is_for_the_trace_only(self):
        plain = self.mailbox(user="plain@gateway.test")
        for case, server, fields in (
            ("by hand", plain, {}),
            ("a header", plain, {"X_Original_From": "ann@remote.test"}),
            ("from elsewhere", self.box, {"From": "eve@evil.test", "X_Original_From": "ann@remote.test"}),
            ("resent by the desk", self.box, {"From": "eve@evil.test", "Resent_From": DESK}),
            ("a look-alike", self.box, {"From": "desk@office.test.evil.test"}),
        ):
            with self.subTest(case=case):
                inbound = self.forward(server=server, **fields)
                email, author, _uid = self.made(inbound)
                self.assertNotIn("ann@remote.test", email)
                self.assertNotEqual(author, self.ann)

    def test_a_forwarder_never_makes_the_writer_one_of_ours(self):
        for case, sender in (
            ("a user", "Officer <officer@staff.test>"),
            ("another case", "OFFICER@Staff.test"),
            ("a user's login", self.officer.email),
            ("of our domain", "Boss <boss@gateway.test>"),
            ("in the portal", self.portal.email or "portal@x.test"),
        ):
            for verdict in (None, SenderResult.NONE, SenderResult.PASS):
                with self.subTest(case=case, verdict=verdict):
                    self.env["res.partner"].create({"name": "Boss", "email": "boss@gateway.test"})
                    inbound = self.forward(sender, verdict=verdict)
                    email, author, uid = self.made(inbound)
                    self.assertFalse(author)
                    self.assertEqual(uid, SUPERUSER_ID)
                    self.assertIn(inbound.original_sender, email.lower())

    def test_a_user_who_writes_without_a_forwarder_is_the_author(self):
        # So that the test above can fail.
        self.box.gateway_authenticates_users = True
        inbound = self.receive(eml(From="officer@staff.test", Subject="Direct"), self.box)
        self.assertEqual(self.made(inbound)[1], self.officer.partner_id)

    def test_a_forwarder_that_is_shown_to_be_false_is_not_believed(self):
        email, author, _uid = self.made(self.forward(verdict=SenderResult.FAIL))
        self.assertIn("desk@office.test", email)
        self.assertNotEqual(author, self.ann)

    def test_a_closed_alias_does_not_open_by_a_claim(self):
        record = self.env["res.partner"].create({"name": "Staff only"})
        record.message_subscribe(self.officer.partner_id.ids)
        self.alias(
            "closed",
            alias_contact="followers",
            alias_parent_model_id=self.partner_model.id,
            alias_parent_thread_id=record.id,
        )
        inbound = self.forward("officer@staff.test", To="closed@gateway.test")
        self.assertOutcome(inbound, "quarantined", "sender_not_proved")

    def test_a_settings_words(self):
        for text, words in (
            ("desk", "“desk” is neither an address"),
            ("*", "Not everybody can be a forwarder"),
        ):
            for model, field, values in (
                ("fetchmail.server", "gateway_forwarders", {"name": "x"}),
                ("spp.email.intake", "forwarders", {"name": "x"}),
            ):
                with self.subTest(text=text, model=model), self.assertRaises(ValidationError) as caught:
                    self.env[model].create({**values, field: text})
                self.assertIn(words, str(caught.exception))

    def test_mail_that_nobody_passed_on_costs_nothing(self):
        with patch.object(forwarded, "preview") as parsed:
            inbound = self.receive(eml(Subject="Direct 2"), self.box)
        parsed.assert_not_called()
        self.assertFalse(inbound.original_sender)
