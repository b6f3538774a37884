# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .sending import DeliveryCase


@tagged("post_install", "-at_install")
class TestResend(DeliveryCase):
    def dialogue(self, message, user=None):
        """Click on the red envelope; return the dialogue as that user's."""
        user = user or self.writer
        action = message.with_user(user).action_gateway_resend()
        self.assertTrue(action, "no dialogue was opened")
        return self.env[action["res_model"]].with_user(user).browse(action["res_id"])

    def lines(self, wizard):
        return {line.name: line for line in wizard.line_ids}

    def status(self, message):
        return {one.res_partner_id.name: one.notification_status for one in message.notification_ids}

    def new_mails(self, message, old):
        return self.env["mail.mail"].search([("mail_message_id", "=", message.id), ("id", "not in", old.ids)])

    # What is shown

    def test_each_recipient_has_its_reason(self):
        message, mail = self.message(self.bob, self.eve, statuses=("exception", "sent"))
        self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        self.row("eve@example.com", "sent", mail, partner_id=self.eve.id)
        wizard = self.dialogue(message)
        (line,) = wizard.line_ids
        self.assertEqual((line.name, line.email, line.is_again), ("Bob", "bob@exmaple.com", True))
        self.assertEqual(line.reason, "The address does not exist.")
        self.assertEqual((line.code, line.server_name, line.answer), ("550 5.1.1", "Relay", "no such user here"))
        self.assertEqual((wizard.subject, wizard.others_text), ("News", "One other recipient was reached."))

    def test_a_failure_of_odoos_own_is_explained_too(self):
        for failure, words in (
            ("mail_email_invalid", "The address is not valid. Correct it."),
            ("mail_smtp", "The outgoing mail server could not be reached or did not accept the login."),
            ("unknown", "It could not be sent."),
        ):
            message, _mail = self.message(self.bob)
            message.notification_ids.failure_type = failure
            (line,) = self.dialogue(message).line_ids
            with self.subTest(failure=failure):
                self.assertEqual((line.reason, line.answer), (words, "what the stock queue wrote"))

    def test_a_contact_that_was_corrected_since_shows_its_new_address(self):
        message, mail = self.message(self.bob)
        self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        self.bob.email = "Bob@Example.com"
        (line,) = self.dialogue(message).line_ids
        self.assertEqual((line.email, line.tried_email), ("bob@example.com", "bob@exmaple.com"))

    def test_what_may_have_arrived_is_not_sent_twice_by_accident(self):
        message, mail = self.message(self.bob)
        self.row("bob@exmaple.com", "unknown", mail, partner_id=self.bob.id, reason="lost_after_data")
        (line,) = self.dialogue(message).line_ids
        self.assertFalse(line.is_again)

    # Who may

    def test_whoever_may_write_on_the_record_may_decide(self):
        message, _mail = self.message(self.bob, author=self.officer)
        self.assertTrue(self.dialogue(message, self.writer).line_ids)
        for user in (self.plain, self.viewer, self.officer, self.manager, self.portal):
            with self.subTest(user=user.login):
                self.assertFalse(message.with_user(user).action_gateway_resend())

    def test_a_right_that_is_gone_is_gone(self):
        message, _mail = self.message(self.bob)
        wizard = self.dialogue(message)
        self.writer.group_ids -= self.env.ref("base.group_partner_manager")
        for method in ("action_send", "action_ignore_all"):
            with self.subTest(method=method), self.assertRaisesRegex(AccessError, "may not write on this record"):
                getattr(wizard, method)()
        self.assertEqual(self.status(message), {"Bob": "exception"})

    def test_nobody_makes_up_a_dialogue(self):
        message, _mail = self.message(self.bob)
        with self.assertRaises(AccessError):
            self.env["spp.email.resend"].with_user(self.writer).create({"message_id": message.id})

    def test_a_line_about_another_message_is_refused(self):
        message, _mail = self.message(self.bob)
        other, _mail = self.message(self.eve)
        wizard = self.dialogue(message)
        wizard.line_ids.notification_id = other.notification_ids.id
        with self.assertRaisesRegex(AccessError, "about another message"):
            wizard.action_send()
        self.assertEqual(self.status(other), {"Eve": "exception"})

    def test_anothers_dialogue_is_not_seen(self):
        message, _mail = self.message(self.bob)
        wizard = self.dialogue(message)
        with self.assertRaises(AccessError):
            wizard.with_user(self.manager).subject  # noqa: B018

    def test_nothing_failed_nothing_to_decide(self):
        message, _mail = self.message(self.bob, statuses=("sent",))
        self.assertFalse(message.with_user(self.writer).action_gateway_resend())

    def test_a_record_that_is_gone_opens_nothing(self):
        record = self.env["res.partner"].create({"name": "Gone"})
        message, _mail = self.message(self.bob, record=record)
        message.res_id = 2**30
        self.assertFalse(message.with_user(self.writer).action_gateway_resend())

    # Send and close

    def test_try_again_for_some_and_ignore_the_others(self):
        message, mail = self.message(self.bob, self.eve)
        bob = self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        eve = self.refused("eve@example.com", mail, partner_id=self.eve.id)
        wizard = self.dialogue(message)
        self.lines(wizard)["Eve"].is_again = False
        before = self.triggers()
        wizard.action_send()
        self.assertEqual((bob.state, eve.state, eve.is_settled), ("queued", "failed", True))
        self.assertEqual(self.status(message), {"Bob": "ready", "Eve": "canceled"})
        self.assertEqual(mail.state, "outgoing")
        self.assertFalse(self.new_mails(message, mail))
        self.assertGreater(self.triggers(), before)

    def test_a_corrected_address_is_written_on_the_contact(self):
        message, mail = self.message(self.bob, self.eve, statuses=("exception", "sent"))
        bob = self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        self.row("eve@example.com", "sent", mail, partner_id=self.eve.id)
        wizard = self.dialogue(message)
        self.assertTrue(wizard.line_ids.is_contact_writable)
        wizard.line_ids.email = "Bob@Example.com"
        wizard.action_send()
        new = self.new_mails(message, mail)
        self.assertEqual(self.bob.email, "bob@example.com")
        self.assertEqual((new.recipient_ids, new.email_to, new.state), (self.bob, False, "outgoing"))
        self.assertEqual((new.body_html, new.is_notification), ("<p>hello</p>", True))
        self.assertEqual((bob.state, bob.is_settled, mail.state), ("failed", True, "sent"))
        self.assertEqual(self.status(message), {"Bob": "ready", "Eve": "sent"})

    def test_without_the_right_to_the_contact_it_is_for_this_mail_only(self):
        message, mail = self.message(self.bob)
        self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        rule = self.env["ir.rule"].create(
            {
                "name": "not Bob",
                "model_id": self.partner_model.id,
                "domain_force": f"[('id', '!=', {self.bob.id})]",
                "perm_read": False,
            }
        )
        wizard = self.dialogue(message)
        self.assertFalse(wizard.line_ids.is_contact_writable)
        wizard.line_ids.email = "bob@example.com"
        wizard.action_send()
        new = self.new_mails(message, mail)
        self.assertEqual(self.bob.email, "bob@exmaple.com")
        self.assertEqual((new.recipient_ids, new.email_to), (self.env["res.partner"], "bob@example.com"))
        self.assertTrue(rule)

    def test_a_mail_that_was_deleted_is_made_anew(self):
        message, mail = self.message(self.bob, statuses=("bounce",))
        row = self.row("bob@exmaple.com", "bounced", mail, partner_id=self.bob.id)
        mail.unlink()
        wizard = self.dialogue(message)
        wizard.action_send()
        new = self.new_mails(message, mail)
        self.assertEqual(new.recipient_ids, self.bob)
        self.assertIn("hello", new.body_html)
        self.assertEqual(new.subject, "News")
        self.assertTrue(row.is_settled)
        self.assertEqual(self.status(message), {"Bob": "ready"})

    def test_a_failure_without_rows_is_sent_again(self):
        message, mail = self.message(self.bob, self.eve, statuses=("exception", "sent"))
        self.dialogue(message).action_send()
        new = self.new_mails(message, mail)
        self.assertEqual((new.recipient_ids, new.state, mail.state), (self.bob, "outgoing", "cancel"))
        self.assertEqual(self.status(message), {"Bob": "ready", "Eve": "sent"})

    def test_an_address_without_a_contact(self):
        message, mail = self.message()
        notification = self.env["mail.notification"].create(
            {
                "mail_message_id": message.id,
                "mail_mail_id": mail.id,
                "mail_email_address": "bob@exmaple.com",
                "notification_type": "email",
                "notification_status": "exception",
                "failure_type": "mail_smtp",
            }
        )
        row = self.refused("bob@exmaple.com", mail)
        wizard = self.dialogue(message)
        self.assertEqual(wizard.line_ids.code, "550 5.1.1")
        wizard.line_ids.email = "bob@example.com"
        wizard.action_send()
        new = self.new_mails(message, mail)
        self.assertEqual((new.email_to, notification.mail_email_address), ("bob@example.com",) * 2)
        self.assertEqual((notification.mail_mail_id, notification.notification_status), (new, "ready"))
        self.assertTrue(row.is_settled)

    def test_a_wrong_address_is_named_and_nothing_happens(self):
        message, mail = self.message(self.bob, self.eve)
        wizard = self.dialogue(message)
        lines = self.lines(wizard)
        lines["Bob"].email, lines["Eve"].email = "bob at example", False
        with self.assertRaises(UserError) as caught:
            wizard.action_send()
        self.assertEqual(
            str(caught.exception),
            "Correct these addresses, or turn Try Again off for them:\nBob: bob at example\nEve: no address",
        )
        self.assertEqual(self.status(message), {"Bob": "exception", "Eve": "exception"})
        self.assertEqual(self.bob.email, "bob@exmaple.com")

    def test_two_people_at_once_send_once(self):
        message, mail = self.message(self.bob)
        row = self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        first, second = self.dialogue(message), self.dialogue(message)
        first.action_send()
        self.assertEqual(row.state, "queued")
        with self.assertRaisesRegex(UserError, "somebody else has just decided"):
            second.action_send()

    def test_the_form_opens_for_whoever_may_decide(self):
        message, _mail = self.message(self.bob)
        form = Form(self.dialogue(message))
        with form.line_ids.edit(0) as line:
            line.email = "bob@example.com"
            line.is_again = False
        self.assertEqual(form.save().line_ids.email, "bob@example.com")

    # Ignore

    def test_ignore_all_turns_the_envelope_white(self):
        message, mail = self.message(self.bob, self.eve, statuses=("exception", "bounce"), author=self.officer)
        bob = self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        eve = self.row("eve@example.com", "unknown", mail, partner_id=self.eve.id)
        told = []
        with patch.object(
            type(message), "_notify_message_notification_update", lambda messages: told.append(messages)
        ):
            self.dialogue(message).action_ignore_all()
        self.assertEqual(self.status(message), {"Bob": "canceled", "Eve": "canceled"})
        self.assertIn(message, told)
        self.assertTrue(bob.is_settled and eve.is_settled)
        self.assertEqual((bob.state, eve.state), ("failed", "cancelled"))
        self.assertFalse(message.with_user(self.writer).action_gateway_resend())

    def test_the_cross_in_the_discuss_menu_settles_the_rows(self):
        message, mail = self.message(self.bob, author=self.writer)
        row = self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        self.env["res.partner"].with_user(self.writer).notify_cancel_by_type("email")
        self.assertEqual((self.status(message), row.is_settled), ({"Bob": "canceled"}, True))
