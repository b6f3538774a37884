# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from odoo.tests import Form, tagged

from .sending import DeliveryCase


@tagged("post_install", "-at_install")
class TestDeliveryHealth(DeliveryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["spp.email.delivery"].search([]).unlink()

    def finding(self):
        findings = self.env["spp.email.delivery"]._gateway_health()
        return findings[0] if findings else None

    def unheard(self, recipient="bob@example.com", **values):
        return self.refused(recipient, self.mail("exception", author_id=False, email_to=recipient), **values)

    def test_a_failure_that_nobody_hears_of_is_a_finding(self):
        self.assertIsNone(self.finding())
        self.unheard()
        found = self.finding()
        self.assertEqual(found.code, "failed_mails")
        self.assertIn("bob@example.com: The address does not exist.", found.text)

    def test_what_has_a_red_envelope_and_an_author_is_none(self):
        message, mail = self.message(self.bob, author=self.writer)
        self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        self.assertIsNone(self.finding())
        message.author_id = False
        self.assertIsNotNone(self.finding())

    def test_other_states_and_mailings_are_none(self):
        for state in ("queued", "sending", "sent", "deferred", "suppressed", "cancelled"):
            self.row(f"{state}@example.com", state)
        self.unheard(mail_class="mass")
        self.assertIsNone(self.finding())

    def test_it_ends_when_somebody_decides(self):
        for method in ("action_retry", "action_settle"):
            row = self.unheard()
            self.assertIsNotNone(self.finding())
            getattr(row.with_user(self.officer), method)()
            with self.subTest(method=method):
                self.assertIsNone(self.finding())

    def test_a_mail_that_is_gone_is_still_told(self):
        row = self.unheard()
        row.mail_id.unlink()
        row.invalidate_recordset()
        self.assertIsNotNone(self.finding())

    def test_one_activity_for_managers_with_the_list(self):
        for number in range(25):
            self.unheard(f"{number}@example.com")
        self.env["spp.email.health"]._check()
        self.env["spp.email.health"]._check()
        row = self.env["spp.email.health"].search([("code", "=", "failed_mails")])
        self.assertEqual(len(row.activity_ids.filtered(lambda one: one.user_id == self.manager)), 1)
        self.assertEqual(len(row.text.split("\n")), 21)
        self.assertTrue(row.text.endswith("and 5 more"))
        self.assertNotIn(self.officer, row.activity_ids.user_id)

    # The user's form

    def new_user(self):
        return self.env["res.users"].create({"name": "New", "login": "new_user", "email": "new@exmaple.com"})

    def about(self, user, state, **values):
        mail = self.mail("exception", model="res.users", res_id=user.id, message_type="user_notification")
        return self.row(user.email, state, mail, **values)

    def note(self, user, viewer=None):
        user.invalidate_recordset(["gateway_invitation_note"])
        return user.with_user(viewer or self.system).gateway_invitation_note

    def test_the_form_says_that_the_invitation_did_not_arrive(self):
        user = self.new_user()
        self.assertFalse(self.note(user))
        self.about(user, "failed", reason="refused", smtp_code=550)
        self.assertEqual(self.note(user), "Invitation not delivered: The server refused the message.")
        form = Form(user.with_user(self.system), view="base.view_users_form")
        self.assertEqual(form.gateway_invitation_note, self.note(user))

    def test_the_last_one_counts(self):
        user = self.new_user()
        self.about(user, "failed", reason="refused")
        self.about(user, "sent")
        self.assertFalse(self.note(user))

    def test_who_has_logged_in_was_invited(self):
        user = self.new_user()
        self.env["res.users.log"].with_user(user).sudo().create({})
        user.invalidate_recordset()
        self.about(user, "bounced", smtp_code=552)
        self.assertEqual(
            self.note(user),
            "The last email about this account was not delivered: It came back: The recipient's mailbox is full.",
        )

    def test_others_are_told_nothing(self):
        user = self.new_user()
        self.about(user, "failed", reason="refused")
        for viewer in (self.plain, self.viewer, self.officer):
            with self.subTest(user=viewer.login):
                self.assertFalse(self.note(user, viewer))

    def test_failures_that_the_ledger_does_not_know(self):
        mails = self.env["mail.mail"]
        mails.search([("state", "=", "exception")]).state = "cancel"
        self.assertEqual(mails._gateway_health(), [])
        failed = self.mail("exception", author_id=False, email_to="bob@example.com")
        # With a row it is the other finding's; with a red envelope its author sees it; and what is old is no news.
        self.unheard("eve@example.com")
        self.message(self.bob, author=self.writer)
        old = self.mail("exception", author_id=False, email_to="old@example.com")
        self.env.flush_all()
        self.sql("UPDATE mail_mail SET create_date = '2020-01-01' WHERE id = %s RETURNING id", old.id)
        self.env.invalidate_all()
        (found,) = mails._gateway_health()
        self.assertEqual((found.code, found.model, found.ids), ("failed_mails_unlisted", "mail.mail", (failed.id,)))
        self.assertNotIn("bob@example.com", found.text)
        self.assertIn("mail.mail", self.env["spp.email.health"]._health_models())
        failed.cancel()
        self.assertEqual(mails._gateway_health(), [])
