# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Automatic replies: a quiet note of their record, never a new one."""

from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.mail.models.mail_thread import MailThread
from odoo.addons.mail.tools.discuss import Store

from .common import GatewayCase, eml
from .kinds import classified

AWAY = b"I am away until Monday."


class AutomaticCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()
        cls.record = cls.env["res.partner"].create({"name": "Case 12", "email": "ann@example.com"})
        cls.record.message_subscribe((cls.plain + cls.officer).partner_id.ids)
        cls.plain.notification_type = "email"
        cls.officer.notification_type = "inbox"
        cls.sent = cls.record.message_post(body="Is the card all right?", subtype_xmlid="mail.mt_comment")

    def reply(self, kind="automatic_reply", to="catchall@gateway.test", server=None, **fields):
        """Receive an answer to the record's message; return its row."""
        values = {"To": to, "Subject": "Out of office", "In_Reply_To": self.sent.message_id, "body": AWAY, **fields}
        with classified(kind):
            return self.receive(eml(**values), server or self.box)

    def waking(self):
        """Return what was told to anybody since the test began: notifications, mails, activities."""
        return tuple(self.env[model].search_count([]) for model in ("mail.notification", "mail.mail", "mail.activity"))


@tagged("post_install", "-at_install")
class TestAutomaticReplies(AutomaticCase):
    def test_it_is_a_quiet_note_of_its_record(self):
        before, contacts = self.waking(), self.env["res.partner"].search_count([])
        with (
            patch.object(MailThread, "message_update", autospec=True) as updated,
            patch.object(MailThread, "message_post", autospec=True) as posted,
            patch.object(MailThread, "_notify_thread", autospec=True) as notified,
        ):
            inbound = self.reply()
        self.assertOutcome(inbound, "done", "record_updated")
        for hook in (updated, posted, notified):
            hook.assert_not_called()
        self.assertEqual(self.waking(), before)
        self.assertEqual(self.env["res.partner"].search_count([]), contacts)
        message = self.record.message_ids[0]
        self.assertEqual(inbound.mail_message_id, message)
        self.assertEqual(message.subtype_id, self.env.ref("spp_email_gateway.mt_automatic_reply"))
        self.assertEqual((message.message_type, message.message_id), ("email", inbound.message_id))
        self.assertEqual((message.author_id, message.parent_id), (self.record, self.sent))
        self.assertTrue(message.is_internal)
        self.assertIn("I am away until Monday.", message.body)
        self.assertEqual(message.reply_to and "catchall@gateway.test" in message.reply_to, True)

    def test_as_real_programs_write_them(self):
        for program, fields in (
            ("Sieve vacation (RFC 5230)", {"Auto_Submitted": "auto-replied (vacation)"}),
            (
                "Exchange",
                {
                    "X_Auto_Response_Suppress": "All",
                    "Auto_Submitted": "auto-generated",
                    "X_MS_Exchange_Generated_Message_Source": "Mailbox Rules Agent",
                    "Subject": "Automatic reply: Card",
                },
            ),
            ("Gmail", {"Precedence": "bulk", "X_Autoreply": "yes", "Auto_Submitted": "auto-replied"}),
        ):
            values = {"To": "catchall@gateway.test", "In_Reply_To": self.sent.message_id, "body": AWAY, **fields}
            with self.subTest(program=program):
                inbound = self.receive(eml(**values), self.box)
                self.assertOutcome(inbound, "done", "record_updated")
                self.assertEqual(
                    inbound.mail_message_id.subtype_id, self.env.ref("spp_email_gateway.mt_automatic_reply")
                )

    def test_a_persons_answer_tells_the_followers(self):
        # So that the test above can fail.
        before = self.waking()
        with patch.object(MailThread, "message_update", autospec=True) as updated:
            inbound = self.reply("person")
        self.assertOutcome(inbound, "done", "record_updated")
        updated.assert_called_once()
        self.assertGreater(self.waking()[0], before[0])
        self.assertEqual(self.record.message_ids[0].subtype_id, self.env.ref("mail.mt_comment"))

    def test_a_program_that_answers_nobody_is_as_today(self):
        for kind in ("auto_generated", "mailing_list"):
            with self.subTest(kind=kind), classified(kind):
                inbound = self.receive(eml(Subject=f"Scan {kind}"), self.box)
                self.assertOutcome(inbound, "done", "record_created")
                self.assertTrue(self.partners(f"Scan {kind}"))

    def test_its_attachments_come_along(self):
        body = b"--b\r\nContent-Type: text/plain\r\n\r\naway\r\n--b\r\n"
        body += b"Content-Type: image/png; name=logo.png\r\n\r\nx\r\n--b--"
        inbound = self.reply(Content_Type="multipart/mixed; boundary=b", body=body)
        self.assertEqual(inbound.mail_message_id.attachment_ids.mapped("name"), ["logo.png"])
        self.assertEqual(inbound.mail_message_id.attachment_ids.res_id, self.record.id)

    def test_what_comes_twice_is_written_once(self):
        content = eml(To="catchall@gateway.test", In_Reply_To=self.sent.message_id)
        with classified("automatic_reply"):
            self.assertOutcome(self.receive(content, self.box), "done", "record_updated")
            second = self.receive(content, self.mailbox(user="other@gateway.test"))
        self.assertOutcome(second, "duplicate", "known_message_id")

    def test_the_chatter_is_told(self):
        for kind, expected in (("automatic_reply", True), ("person", None)):
            message = self.reply(kind).mail_message_id
            told = Store().add(message).get_result()["mail.message"][0]
            with self.subTest(kind=kind):
                self.assertEqual(told.get("gateway_is_automatic"), expected)

    def test_the_portal_does_not_see_it(self):
        self.record.message_subscribe(self.portal.partner_id.ids)
        message = self.reply().mail_message_id
        with self.assertRaises(AccessError):
            message.with_user(self.portal).read(["body"])

    def test_without_a_sender_it_has_no_author(self):
        message = self.reply(From=None).mail_message_id
        self.assertFalse(message.author_id)

    def test_to_the_bounce_address(self):
        # RFC 3834 §4: a responder answers the return path. Odoo takes all mail there for failures.
        for to in ("bounce@gateway.test", "bounce+detail@gateway.test"):
            with self.subTest(to=to):
                inbound = self.reply(to=to)
                self.assertOutcome(inbound, "done", "record_updated")
                self.assertEqual(self.record.message_bounce, 0)

    def test_it_makes_no_record(self):
        self.alias("help")
        notices = self.env["spp.email.notice"].search_count([])
        for case, fields in (
            ("by an alias", {"To": "help@gateway.test"}),
            ("by the mailbox", {"To": "box@gateway.test"}),
            ("by the catchall's rule", {"To": "catchall@gateway.test"}),
            ("by the bounce address", {"To": "bounce@gateway.test"}),
            ("by an answer to nothing known", {"In_Reply_To": "<unknown@example.com>"}),
        ):
            with self.subTest(case=case):
                inbound = self.reply(Subject=f"Away {case}", **{"In_Reply_To": None, **fields})
                self.assertOutcome(inbound, "discarded", "automatic_reply")
                self.assertFalse(self.partners(f"Away {case}"))
                self.assertTrue(self.env["spp.email.content"]._load(inbound.id))
        self.assertEqual(self.env["spp.email.notice"].search_count([]), notices)

    def test_no_route_at_all(self):
        inbound = self.reply(server=self.mailbox(object_id=False, user="x@gateway.test"), In_Reply_To=None)
        self.assertOutcome(inbound, "discarded", "automatic_reply")

    def test_no_action_of_the_mailbox(self):
        action = self.env["ir.actions.server"].create(
            {
                "name": "Make",
                "model_id": self.env["ir.model"]._get("spp.email.inbound").id,
                "state": "code",
                "code": "env['res.partner'].create({'name': 'Made by the action'})",
            }
        )
        box = self.mailbox(
            object_id=False, gateway_action="server_action", gateway_server_action_id=action.id, user="y@gateway.test"
        )
        self.assertOutcome(self.reply(server=box, In_Reply_To=None), "discarded", "automatic_reply")
        self.assertOutcome(self.reply(server=box), "done", "record_updated")
        self.assertFalse(self.partners("Made by the action"))

    def test_an_alias_that_refuses_strangers_tells_nobody(self):
        self.alias("staff", alias_contact="partners")
        mails = self.env["mail.mail"].search_count([])
        inbound = self.reply(In_Reply_To=None, To="staff@gateway.test", From="stranger@remote.test")
        self.assertOutcome(inbound, "discarded", "automatic_reply")
        self.assertEqual(self.env["mail.mail"].search_count([]), mails)

    def test_a_rules_values_are_not_written(self):
        self.env["spp.email.rule"].create(
            {
                "name": "All mail",
                "condition_ids": [(0, 0, {"place": "subject", "operator": "contains", "value": "office"})],
                "model_id": self.partner_model.id,
                "value_ids": [
                    (
                        0,
                        0,
                        {
                            "field_id": self.env["ir.model.fields"]._get("res.partner", "function").id,
                            "value": "Clerk",
                            "use": "both",
                        },
                    )
                ],
            }
        )
        self.assertOutcome(self.reply(), "done", "record_updated")
        self.assertFalse(self.record.function)
        self.assertOutcome(self.reply("person"), "done", "record_updated")
        self.assertEqual(self.record.function, "Clerk")


@tagged("post_install", "-at_install")
class TestAutomaticPolicy(AutomaticCase):
    def test_what_each_policy_does(self):
        for domain, mailbox, expected in (
            ("attach", False, ("done", "record_updated")),
            ("discard", False, ("discarded", "automatic_reply")),
            ("quarantine", False, ("quarantined", "automatic_reply")),
            ("accept", False, ("done", "record_updated")),
            ("discard", "attach", ("done", "record_updated")),
            ("attach", "quarantine", ("quarantined", "automatic_reply")),
        ):
            with self.subTest(domain=domain, mailbox=mailbox):
                self.alias_domain.gateway_automatic_policy = domain
                self.box.gateway_automatic_policy = mailbox
                self.assertOutcome(self.reply(), *expected)

    def test_like_other_mail_it_notifies_and_makes_records(self):
        self.alias_domain.gateway_automatic_policy = "accept"
        before = self.waking()
        self.reply()
        self.assertGreater(self.waking()[0], before[0])
        self.assertOutcome(self.reply(In_Reply_To=None, To="box@gateway.test"), "done", "record_created")

    def test_the_alias_domain_it_was_written_to_decides(self):
        other = self.env["mail.alias.domain"].create(
            {"name": "other.test", "bounce_alias": "b", "catchall_alias": "c", "gateway_automatic_policy": "quarantine"}
        )
        self.assertOutcome(self.reply(to="c@other.test"), "quarantined", "automatic_reply")
        other.gateway_automatic_policy = "attach"
        self.assertOutcome(self.reply(to="c@other.test"), "done", "record_updated")


@tagged("post_install", "-at_install")
class TestReconsidered(AutomaticCase):
    def test_by_hand_it_becomes_a_record_after_all(self):
        inbound = self.reply(In_Reply_To=None, To="box@gateway.test", Subject="After all")
        self.assertOutcome(inbound, "discarded", "automatic_reply")
        inbound.with_user(self.officer).action_reconsider()
        self.assertEqual((inbound.state, inbound.reason), ("quarantined", "automatic_reply"))
        self.assertIn("Back to quarantine", str(inbound.decisions))
        wizard = (
            self.env["spp.email.inbound.route"]
            .with_user(self.officer)
            .create({"inbound_ids": inbound.ids, "target_model": "res.partner"})
        )
        with classified("automatic_reply"), self.own_cursors():
            wizard.action_confirm()
        inbound.invalidate_recordset()
        self.assertOutcome(inbound, "done", "record_created")
        self.assertTrue(self.partners("After all"))

    def test_who_may(self):
        inbound = self.reply(In_Reply_To=None)
        for user in (self.viewer, self.plain):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                inbound.with_user(user).action_reconsider()
        self.assertEqual(inbound.state, "discarded")

    def test_what_is_gone_cannot_be(self):
        inbound = self.reply(In_Reply_To=None)
        self.sql("DELETE FROM spp_email_content WHERE inbound_id = %s RETURNING id", inbound.id)
        with self.assertRaises(UserError) as caught:
            inbound.with_user(self.officer).action_reconsider()
        self.assertEqual(
            str(caught.exception), "Only discarded messages whose content is still there can be reconsidered."
        )

    def test_only_what_is_discarded(self):
        inbound = self.receive(eml(), self.box)
        with self.assertRaises(UserError):
            inbound.with_user(self.officer).action_reconsider()
