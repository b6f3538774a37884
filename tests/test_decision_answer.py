# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Answering the sender of a message that became no record."""

from odoo.exceptions import UserError
from odoo.tests import Form, tagged
from odoo.tools.safe_eval import safe_eval

from .common import eml
from .deciding import NOTHING, DecisionCase


@tagged("post_install", "-at_install")
class TestAnswer(DecisionCase):
    def mails(self, address="ann@example.com"):
        return self.env["mail.mail"].search([("email_to", "=", address)])

    def test_an_answer_is_queued_in_reply_to_the_message(self):
        inbound = self.waiting(
            eml(Subject="Who reads this?", Message_ID="<ask@example.com>", References="<older@example.com>")
        )
        form = Form(
            self.env["spp.email.inbound.answer"].with_user(self.officer).with_context(default_inbound_ids=inbound.ids)
        )
        self.assertEqual((form.recipient_text, form.subject), ("ann@example.com", "Re: Who reads this?"))
        form.body = "<p>Nobody, yet.</p>"
        action = form.save().action_send()
        mail = self.mails()
        self.assertEqual((mail.state, mail.subject), ("outgoing", "Re: Who reads this?"))
        self.assertIn("Nobody, yet.", mail.body_html)
        self.assertEqual(mail.references, "<older@example.com> <ask@example.com>")
        self.assertEqual(safe_eval(mail.headers)["In-Reply-To"], "<ask@example.com>")
        self.assertEqual((inbound.state, inbound.reason), ("discarded", "answered"))
        self.assertDecided(inbound, self.officer, "Answer the sender")
        self.assertEqual(action["params"]["message"], "1 answers are on their way.")

    def test_an_officer_is_warned_of_a_forged_sender(self):
        box = self.mailbox(user="strict@gateway.test", gateway_sender_policy="quarantine", object_id=False)
        box.gateway_trusted_servers = "mx.gateway.test"
        forged = self.receive(
            eml(Subject="Forged", Authentication_Results="mx.gateway.test; dmarc=fail header.from=example.com"), box
        )
        claims = self.receive(eml(Subject="Claims", From="staff@gateway.test"), box)
        self.assertEqual((forged | claims).mapped("reason"), ["sender_not_proved"] * 2)
        honest = self.waiting()
        self.assertFalse(self.wizard("answer", honest).warning_text)
        wizard = self.wizard("answer", forged | claims | honest)
        first, second = wizard.warning_text.split("\n")
        self.assertIn("Forged: the sender is shown not to be who the message says. mx.gateway.test found", first)
        self.assertIn("Claims: it claims to be of ours, and nothing proves it.", second)
        # A warning, and no refusal: a person knows more.
        self.assertIn("ann@example.com", wizard.recipient_text)

    def test_it_can_stay_in_quarantine(self):
        inbound = self.waiting()
        self.wizard("answer", inbound, subject="Re", body="<p>Wait</p>", is_discarded=False).action_send()
        self.assertEqual((inbound.state, inbound.reason), ("quarantined", "no_route"))
        self.assertEqual(len(self.mails()), 1)

    def test_a_template_speaks_for_many(self):
        template = self.env.ref("spp_email_gateway.mail_template_answer")
        inbounds = self.waiting(eml(Subject="One")) + self.waiting(eml(Subject="Two", From="ben@example.com"))
        self.wizard("answer", inbounds, template_id=template.id).action_send()
        self.assertEqual(self.mails().subject, "Re: One")
        self.assertIn("“Two”", self.mails("ben@example.com").body_html)
        self.assertIn(self.officer.name, self.mails().body_html)

    def test_a_hostile_subject_is_text(self):
        template = self.env.ref("spp_email_gateway.mail_template_answer")
        inbound = self.waiting(eml(Subject="<script>alert(1)</script> {{ 7 * 7 }}"))
        wizard = self.wizard("answer", inbound, template_id=template.id)
        wizard.action_send()
        self.assertNotIn("<script>", self.mails().body_html)
        self.assertEqual(self.mails().subject, "Re: <script>alert(1)</script> {{ 7 * 7 }}")

    def test_replies_go_to_reply_to_and_come_back_to_the_mailbox(self):
        box = self.mailbox()
        inbound = self.journal(eml(Reply_To="Office <office@example.com>"), box)
        inbound.state = "quarantined"
        self.wizard("answer", inbound, subject="Re", body="<p>x</p>").action_send()
        self.assertEqual(self.mails("office@example.com").reply_to, "box@gateway.test")

    def test_machines_are_never_answered(self):
        self.alias("sales")
        for name, fields, why in (
            ("automatic", {"Auto_Submitted": "auto-replied"}, "a machine wrote it (Auto-Submitted: auto-replied)"),
            ("a list", {"List_Id": "<a.example.com>"}, "a machine wrote it (List-Id)"),
            ("bounce", {"Return_Path": "<>"}, "a machine wrote it (Return-Path: <>)"),
            ("no-reply", {"From": "no-reply@example.com"}, "a machine wrote it (address that takes no replies)"),
            ("ourselves", {"From": "sales@gateway.test"}, "the sender is an address of this database"),
            ("Reply-To us", {"Reply_To": "sales@gateway.test"}, "the sender is an address of this database"),
            ("nobody", {"From": None}, "the message names no sender"),
        ):
            inbound = self.waiting(eml(Subject=name, **fields))
            before = self.env["mail.mail"].search_count([])
            with self.subTest(name=name), self.assertRaises(UserError) as caught:
                self.wizard("answer", inbound, subject="Re", body="<p>x</p>").action_send()
            self.assertEqual(str(caught.exception), f"This cannot be answered: {name}: {why}")
            self.assertEqual(self.env["mail.mail"].search_count([]), before)
            self.assertEqual(inbound.state, "quarantined")

    def test_of_many_only_people_are_answered(self):
        person, machine = self.waiting(), self.waiting(eml(List_Id="<a.example.com>"))
        template = self.env.ref("spp_email_gateway.mail_template_answer")
        self.wizard("answer", person + machine, template_id=template.id).action_send()
        self.assertEqual((person.state, machine.state), ("discarded", "quarantined"))

    def test_an_empty_answer_is_none(self):
        with self.assertRaises(UserError) as caught:
            self.wizard("answer", self.waiting(), subject="Re", body="<p><br></p>").action_send()
        self.assertEqual(str(caught.exception), "The answer has no text.")

    def test_decided_twice_is_answered_once(self):
        inbound = self.waiting()
        first, second = (self.wizard("answer", inbound, subject="Re", body="<p>x</p>") for _number in range(2))
        first.action_send()
        with self.assertRaises(UserError) as caught:
            second.action_send()
        self.assertIn(NOTHING, str(caught.exception))
        self.assertEqual(len(self.mails()), 1)

    def test_the_subject_is_there_without_a_dialog(self):
        inbound = self.waiting(eml(Subject="Open?"))
        wizard = self.wizard("answer", inbound, body="<p>x</p>")
        self.assertEqual(wizard.subject, "Re: Open?")
        wizard.action_send()
        self.assertEqual(self.mails().subject, "Re: Open?")
