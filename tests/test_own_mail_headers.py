# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What mail that leaves says of itself: as it is composed, whatever Odoo's code made it of."""

from unittest.mock import patch

from odoo import SUPERUSER_ID
from odoo.tests import tagged

from odoo.addons.mail.models.mail_thread import MailThread

from .common import GatewayCase, eml
from .kinds import classified

GENERATED = ("auto-generated", "OOF, AutoReply")
REPLIED = ("auto-replied", "OOF, AutoReply")
NOTHING = (None, None)
message_new = MailThread.message_new


@tagged("post_install", "-at_install")
class TestOwnMailHeaders(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plain.notification_type = "email"
        cls.plain.email = "plain@staff.test"
        cls.officer.email = "officer@staff.test"
        cls.record = cls.env["res.partner"].create({"name": "Case 12", "email": "ann@example.com"})
        cls.record.message_subscribe(cls.plain.partner_id.ids)

    def marks(self, mails):
        """Return what the composed messages of some mails say, each once."""
        self.assertTrue(mails)
        found = set()
        for mail in mails:
            for email in mail._prepare_outgoing_list():
                message = self.env["ir.mail_server"]._build_email__(
                    email["email_from"], email["email_to"], "x", "x", headers=email["headers"]
                )
                found.add((message["Auto-Submitted"], message["X-Auto-Response-Suppress"]))
        self.assertEqual(len(found), 1, found)
        return found.pop()

    def mails_of(self, message):
        return self.env["mail.mail"].search([("mail_message_id", "=", message.id)])

    def post(self, user, **values):
        record = self.record.with_user(user).sudo().with_context(mail_notify_force_send=False)
        return self.marks(
            self.mails_of(record.message_post(**{"body": "hello", "subtype_xmlid": "mail.mt_comment", **values}))
        )

    def test_what_people_write(self):
        self.assertEqual(self.post(self.officer, message_type="comment"), NOTHING)

    def test_what_odoobot_and_programs_write(self):
        root = self.env["res.users"].browse(SUPERUSER_ID)
        for user, message_type, expected in (
            (root, "comment", GENERATED),
            (root, "notification", GENERATED),
            (self.officer, "notification", GENERATED),
            (self.officer, "auto_comment", GENERATED),
            (self.officer, "out_of_office", REPLIED),
        ):
            with self.subTest(user=user.login, message_type=message_type):
                self.assertEqual(self.post(user, message_type=message_type), expected)

    def test_a_message_to_one_user(self):
        record = self.record.with_user(self.officer).sudo().with_context(mail_notify_force_send=False)
        message = record.message_notify(body="You have been assigned.", partner_ids=self.plain.partner_id.ids)
        self.assertEqual(self.marks(self.mails_of(message)), GENERATED)

    def test_templates_by_hand_by_a_job_and_by_an_automation(self):
        template = self.env["mail.template"].create(
            {
                "name": "T",
                "model_id": self.partner_model.id,
                "subject": "x",
                "body_html": "<p>x</p>",
                "email_to": "ann@example.com",
            }
        )
        root = self.env["res.users"].browse(SUPERUSER_ID)
        for case, user, context, expected in (
            ("by hand", self.officer, {}, NOTHING),
            ("by a job", root, {}, GENERATED),
            ("by an automation", self.officer, {"__action_done": {}}, GENERATED),
            ("a link to log in", self.officer, {"gateway_secret": True}, GENERATED),
        ):
            with self.subTest(case=case):
                sender = template.with_user(user).sudo().with_context(**context)
                mail = self.env["mail.mail"].browse(
                    sender.send_mail(self.record.id, email_values={"auto_delete": False})
                )
                self.assertEqual(self.marks(mail), expected)

    def test_a_digest(self):
        if "digest.digest" not in self.env:
            self.skipTest("digest is not installed")
        before = self.env["mail.mail"].search([])
        digest = self.env["digest.digest"].create({"name": "Week", "user_ids": [(6, 0, self.plain.ids)]})
        digest.with_user(SUPERUSER_ID)._action_send(update_periodicity=False)
        # Odoo's own words about Exchange stay.
        self.assertEqual(self.marks(self.env["mail.mail"].search([]) - before), ("auto-generated", "OOF"))

    def test_header_values_of_others_stay(self):
        mail = self.env["mail.mail"].create(
            {
                "email_to": "ann@example.com",
                "email_from": "x@gateway.test",
                "body_html": "x",
                "headers": "{'Auto-Submitted': 'no', 'X-Mine': '1'}",
            }
        )
        self.assertEqual(self.marks(mail), ("no", None))
        mail.headers = "not a dictionary"
        self.assertEqual(self.marks(mail), GENERATED)

    def test_a_mailing_says_so_by_its_own_headers(self):
        if "mailing.mailing" not in self.env:
            self.skipTest("mass_mailing is not installed")
        mailing = self.env["mailing.mailing"].create({"subject": "x", "mailing_model_id": self.partner_model.id})
        mail = self.env["mail.mail"].create({"email_to": "ann@example.com", "body_html": "x", "mailing_id": mailing.id})
        self.assertEqual(self.marks(mail), NOTHING)

    def test_followers_of_an_incoming_mail(self):
        box = self.mailbox()
        sent = self.record.message_post(body="hello", subtype_xmlid="mail.mt_comment")
        for kind, expected in (("person", NOTHING), ("auto_generated", GENERATED)):
            with self.subTest(kind=kind), classified(kind):
                inbound = self.receive(eml(In_Reply_To=sent.message_id), box)
                self.assertEqual(self.marks(self.mails_of(inbound.mail_message_id)), expected)

    def test_an_acknowledgement_of_an_incoming_mail_is_an_answer(self):
        def acknowledge(thread, msg_dict, custom_values=None):
            record = message_new(thread, msg_dict, custom_values)
            thread.env["mail.mail"].create(
                {
                    "subject": "We have it",
                    "body_html": "Thank you",
                    "email_to": "ann@example.com",
                    "author_id": self.officer.partner_id.id,
                }
            )
            return record

        before = self.env["mail.mail"].search([])
        with patch.object(MailThread, "message_new", acknowledge):
            self.assertOutcome(self.receive(eml(Subject="Acknowledged"), self.mailbox()), "done", "record_created")
        self.assertEqual(self.marks(self.env["mail.mail"].search([]) - before), REPLIED)
