# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The notice that a message has no route, for mailboxes that want it."""

from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from ..engine.own_mark import HEADER, own_mark
from ..engine.pipeline import Verdict
from ..engine.sender_verdict import SenderResult, SenderVerdict
from ..engine.smtp_session import NOTICE_HEADER
from .common import GatewayCase, eml

WHY = "whether the sender may be answered"


@tagged("post_install", "-at_install")
class TestUnroutable(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox(object_id=False, gateway_notify_unroutable=True)

    def unroutable(self, box=None, **fields):
        inbound = self.receive(eml(**fields), self.box if box is None else box)
        self.assertOutcome(inbound, "quarantined", "no_route")
        return inbound

    def mails(self, address="ann@example.com"):
        return self.env["mail.mail"].search([("email_to", "=", address)])

    def why(self, inbound, looked_at=WHY):
        return next(
            ((step["found"], step["followed"]) for step in inbound.trace if step["looked_at"] == looked_at), None
        )

    def test_a_person_gets_one_queued_notice(self):
        inbound = self.unroutable(Subject="Where to?", Message_ID="<where@example.com>")
        mail = self.mails()
        self.assertEqual((mail.state, mail.subject), ("outgoing", "Re: Where to?"))
        self.assertIn("“Where to?”", mail.body_html)
        self.assertEqual(mail.references, "<where@example.com>")
        headers = safe_eval(mail.headers)
        self.assertEqual((headers["Auto-Submitted"], headers[NOTICE_HEADER]), ("auto-replied", "1"))
        notice = self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)])
        self.assertEqual((notice.notice_type, notice.mail_id), ("unroutable", mail))
        self.assertEqual(self.why(inbound), ("a person, not told before", "notice queued"))

    def test_who_is_forged_is_not_told(self):
        def judge(model, inbound, content):
            def step(summary, facts):
                facts["sender_verdict"] = SenderVerdict(SenderResult.FAIL)
                return Verdict()

            return [step]

        with patch.object(type(self.env["spp.email.processing"]), "_sender_steps", judge):
            inbound = self.unroutable()
        self.assertEqual(self.why(inbound), ("the sender is not who the message says", "no notice"))
        self.assertFalse(self.mails())

    def test_off_by_default(self):
        box = self.mailbox(object_id=False)
        self.assertFalse(box.gateway_notify_unroutable)
        self.assertIsNone(self.why(self.unroutable(box)))
        self.assertFalse(self.mails())

    def test_what_has_no_mailbox_makes_none(self):
        self.unroutable(self.env["fetchmail.server"])
        self.assertFalse(self.mails())

    def test_who_gets_none(self):
        self.alias("sales")
        mark = own_mark(self.env["spp.email.token.key"]._ring(), self.cr.now())
        # Otherwise our own mail is held as a loop before anybody could be answered.
        self.env["mail.gateway.allowed"].create({"email": "ann@example.com"})
        for name, fields, found in (
            ("a machine", {"Auto_Submitted": "auto-generated"}, "a machine wrote it (Auto-Submitted: auto-generated)"),
            ("a list", {"List_Id": "<a.example.com>"}, "a machine wrote it (List-Id)"),
            ("bulk", {"Precedence": "bulk"}, "a machine wrote it (Precedence: bulk)"),
            ("null return path", {"Return_Path": "<>"}, "a machine wrote it (Return-Path: <>)"),
            ("this database", {HEADER.replace("-", "_"): mark}, "this database sent it"),
            ("an alias of ours", {"From": "sales@gateway.test"}, "the sender is an address of this database"),
        ):
            before = self.env["mail.mail"].search_count([])
            with self.subTest(name=name):
                self.assertEqual(self.why(self.unroutable(**fields)), (found, "no notice"))
                self.assertEqual(self.env["mail.mail"].search_count([]), before)

    def test_one_a_day(self):
        self.unroutable()
        second = self.unroutable(From="ANN@example.com")
        self.assertEqual(len(self.mails()), 1)
        self.assertEqual(self.why(second), ("the sender had such a notice within a day", "no notice"))
        self.sql(
            "UPDATE spp_email_notice SET create_date = %s RETURNING id", self.cr.now() - timedelta(days=1, minutes=1)
        )
        self.unroutable()
        self.assertEqual(len(self.mails()), 2)

    def test_a_retry_tells_nothing_again(self):
        inbound = self.unroutable()
        self.sql("UPDATE spp_email_notice SET create_date = '2000-01-01' RETURNING id")
        inbound.action_retry()
        self.process()
        self.assertOutcome(inbound, "quarantined", "no_route")
        self.assertEqual(len(self.mails()), 1)

    def test_the_text_can_be_edited(self):
        self.env.ref("spp_email_gateway.mail_template_unroutable").write(
            {"subject": "Patience", "body_html": "<p>Soon, <t t-out='object.email_from'/></p>"}
        )
        self.unroutable(From="Ann <ann@example.com>")
        self.assertEqual(self.mails().subject, "Patience")
        self.assertIn("Ann &lt;ann@example.com&gt;", self.mails().body_html)

    def test_a_text_that_fails_keeps_the_message_from_nothing(self):
        template = self.env.ref("spp_email_gateway.mail_template_unroutable")
        template.body_html = "<p><t t-out='object.no_such_field'/></p>"
        inbound = self.unroutable()
        self.assertEqual(self.why(inbound, "text of the notice to the sender"), ("UserError", "no notice"))
        template.unlink()
        inbound = self.unroutable()
        self.assertEqual(self.why(inbound, "text of the notice to the sender"), ("deleted", "no notice"))
        self.assertFalse(self.mails())

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_processing")
    def test_other_failures_tell_nobody(self):
        self.alias("sales")
        with patch.object(type(self.env["res.partner"]), "create", side_effect=UserError("No more contacts.")):
            inbound = self.receive(eml(To="sales@gateway.test"), self.box)
        self.assertOutcome(inbound, "quarantined", "creation_failed")
        self.assertFalse(self.mails())
