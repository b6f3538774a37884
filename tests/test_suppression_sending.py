# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.base.tests.common import MockSmtplibCase

from ..engine.bounce_reason import BounceReason
from ..engine.gate import Departure
from ..engine.message_kind import RecipientReport, ReportAction
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.suppression_words import CURE
from ..models.transaction_answers import DISPATCHING
from .sending import DeliveryCase


class SuppressedSendingCase(DeliveryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listed = cls.env["spp.email.suppression"]

    def hard(self, address="bob@exmaple.com", company=None, action="failed", mail_class="transactional"):
        report = RecipientReport(address, ReportAction(action), is_hard=True, reason=BounceReason.ADDRESS_UNKNOWN)
        return self.listed._learn(self.company if company is None else company, address, report, mail_class)

    def ask(self, *recipients, company=None, mail_class="transactional"):
        company = self.company if company is None else company
        departure = Departure(1, None, "a@gateway.test", recipients, company.id, mail_class == "mass", mail_class)
        return self.env["spp.email.gate"]._ask(departure)


@tagged("post_install", "-at_install")
class TestSuppressionGate(SuppressedSendingCase, MockSmtplibCase):
    def test_who_is_listed_is_left_out_and_the_others_are_not(self):
        row = self.hard()
        permit = self.ask("bob@exmaple.com", "eve@example.com")
        self.assertEqual(list(permit.refused), ["bob@exmaple.com"])
        refusal = permit.refused["bob@exmaple.com"]
        self.assertEqual((refusal.state, refusal.reason), (OutboundState.SUPPRESSED, OutboundReason.SUPPRESSED))
        self.assertEqual(refusal.text, f"{row.words} {CURE}")
        self.assertEqual((permit.steps[-1].found, permit.steps[-1].followed), ("1 are on it", "left out"))
        self.assertIsNone(permit.hold)

    def test_it_is_asked_before_anything_is_reserved(self):
        gates = self.env["spp.email.gate"]._gates()
        self.assertLess(gates.index("_gate_suppression"), gates.index("_gate_breaker"))
        self.assertEqual(gates[-1], "_gate_quota")

    def test_entries_of_other_companies_do_not_count(self):
        self.hard(company=self.other_company)
        self.hard("eve@example.com", self.env["res.company"])
        self.assertEqual(list(self.ask("bob@exmaple.com", "eve@example.com").refused), ["eve@example.com"])
        self.assertEqual(
            set(self.ask("bob@exmaple.com", "eve@example.com", company=self.other_company).refused),
            {"bob@exmaple.com", "eve@example.com"},
        )

    def test_the_same_mailbox_in_another_form_is_listed(self):
        self.hard("bob@bücher.example")
        for form in ("bob@xn--bcher-kva.example", "bob@bücher.example"):
            with self.subTest(form):
                self.assertEqual(list(self.ask(form).refused), [form])

    def test_what_is_over_binds_nobody(self):
        self.hard().sudo().expiry_date = "2020-01-01 00:00:00"
        self.assertFalse(self.ask("bob@exmaple.com").refused)

    def test_a_removed_entry_binds_nobody(self):
        self.hard()._remove_by_hand("x")
        self.assertFalse(self.ask("bob@exmaple.com").refused)

    def test_which_mail_obeys_is_the_companys_to_say(self):
        self.hard()
        self.hard("eve@example.com", action="complained", mail_class="mass")
        both, bob = {"bob@exmaple.com", "eve@example.com"}, {"bob@exmaple.com"}
        policy = self.env["spp.email.suppression.policy"].create({"company_id": self.company.id})
        for values, mail_class, expected in (
            ({}, "transactional", bob),
            ({}, "mass", both),
            ({}, "legal", set()),
            ({}, "login", set()),
            ({"apply_legal": True}, "legal", bob),
            ({"apply_login": True}, "login", bob),
            ({"apply_transactional": False}, "transactional", set()),
            ({"apply_mass": False}, "mass", set()),
        ):
            policy.write(values)
            with self.subTest(values=values, mail_class=mail_class):
                self.assertEqual(set(self.ask(*both, mail_class=mail_class).refused), expected)

    def test_a_batch_is_asked_for_at_once(self):
        self.hard()
        mails = self.mail(email_to="bob@exmaple.com, eve@example.com")
        for number in range(5):
            mails |= self.mail(email_to=f"p{number}@example.com", recipient_ids=[(6, 0, self.eve.ids)])
        listed = self.listed.with_context(**{DISPATCHING: True})
        mails.recipient_ids.mapped("email")
        self.env.flush_all()
        with self.assertQueryCount(1):
            listed._ask_for(mails)
        with self.assertQueryCount(0):
            for number in range(5):
                self.assertFalse(listed._refusals([f"p{number}@example.com"], self.company.id, "mass"))
        self.assertTrue(listed._refusals(["bob@exmaple.com"], self.company.id, "mass"))

    def test_a_removal_is_known_at_once_in_the_transaction_that_sends(self):
        row = self.hard()
        listed = self.listed.with_context(**{DISPATCHING: True})
        self.assertTrue(listed._refusals(["bob@exmaple.com"], self.company.id, "mass"))
        row._remove_by_hand("x")
        self.assertFalse(listed._refusals(["bob@exmaple.com"], self.company.id, "mass"))

    # Past the queue

    def test_mail_past_the_queue_is_bound_too(self):
        self.hard()
        servers = self.env["ir.mail_server"]
        with self.mock_smtplib_connection():
            message = servers._build_email__("x@gateway.test", ["Bob <Bob@exmaple.com>", "eve@example.com"], "S", "T")
            servers.send_email(message)
        self.assertEqual([sent["smtp_to_list"] for sent in self.emails], [["eve@example.com"]])

    def test_within_a_request_the_ledger_says_it_and_the_others_get_it(self):
        row = self.hard()
        message, mail = self.message(self.bob, self.eve, statuses=("ready", "ready"))
        mail.write({"state": "outgoing", "is_notification": True})
        sending = type(self.env["spp.email.sending"])
        with self.mock_smtplib_connection(), patch.object(sending, "_is_active", lambda _self: True):
            mail.send(raise_exception=True)
        self.assertEqual([sent["smtp_to_list"] for sent in self.emails], [["eve@example.com"]])
        rows = {one.recipient: (one.state, one.reason, one.smtp_text) for one in mail.gateway_delivery_ids}
        self.assertEqual(rows["bob@exmaple.com"], ("suppressed", "suppressed", f"{row.words} {CURE}"))
        self.assertEqual(mail.state, "sent")
        found = {one.res_partner_id: one.notification_status for one in message.notification_ids}
        self.assertEqual(found, {self.bob: "exception", self.eve: "sent"})

    def test_within_a_request_with_nobody_left_the_mail_is_cancelled_and_says_why(self):
        row = self.hard()
        mail = self.mail(email_to="bob@exmaple.com", auto_delete=False)
        sending = type(self.env["spp.email.sending"])
        with self.mock_smtplib_connection(), patch.object(sending, "_is_active", lambda _self: True):
            mail.send(raise_exception=True)
        self.assertFalse(self.emails)
        self.assertEqual((mail.state, mail.failure_type), ("cancel", "mail_bl"))
        self.assertIn(row.words, mail.failure_reason)


@tagged("post_install", "-at_install")
class TestLegalNotice(SuppressedSendingCase):
    """Which mail is a legal notice, and how it is marked."""

    def template(self, **values):
        return self.env["mail.template"].create(
            {
                "name": "Decision",
                "model_id": self.partner_model.id,
                "subject": "Your decision",
                "body_html": "<p>No.</p>",
                "partner_to": "{{ object.id }}",
                "auto_delete": False,
                **values,
            }
        )

    def test_a_template_marks_what_it_makes(self):
        for is_legal, expected in ((True, "legal"), (False, "transactional")):
            template = self.template(gateway_overrides_suppression=is_legal)
            mail = self.env["mail.mail"].browse(template.send_mail(self.bob.id))
            with self.subTest(is_legal=is_legal):
                self.assertEqual(mail._gateway_class(), expected)

    def compose(self, mode, template=None, **values):
        composer = self.env["mail.compose.message"].with_context(
            default_model="res.partner", default_res_ids=self.record.ids, default_composition_mode=mode
        )
        composer = composer.create(
            {"template_id": template.id if template else False, "body": "<p>x</p>", "subject": "S", **values}
        )
        mails, messages = composer._action_send_mail()
        return mails or self.env["mail.mail"].sudo().search([("mail_message_id", "in", messages.ids)])

    def test_the_composer_marks_what_its_template_says(self):
        template = self.template(gateway_overrides_suppression=True)
        for mode in ("comment", "mass_mail"):
            with self.subTest(mode):
                mails = self.compose(mode, template)
                self.assertTrue(mails)
                self.assertEqual({mail._gateway_class() for mail in mails}, {"legal"})

    def test_the_composer_marks_a_message_without_a_template(self):
        mails = self.compose("comment", partner_ids=[(6, 0, self.bob.ids)], gateway_overrides_suppression=True)
        self.assertEqual([mail._gateway_class() for mail in mails], ["legal"])
        mails = self.compose("comment", partner_ids=[(6, 0, self.bob.ids)])
        self.assertEqual([mail._gateway_class() for mail in mails], ["transactional"])

    def test_a_message_that_is_posted_later_keeps_the_mark(self):
        composer = self.env["mail.compose.message"].with_context(
            default_model="res.partner", default_res_ids=self.record.ids, default_composition_mode="comment"
        )
        composer = composer.create(
            {
                "template_id": self.template(gateway_overrides_suppression=True).id,
                "partner_ids": [(6, 0, self.bob.ids)],
                "scheduled_date": "2099-01-01 00:00:00",
            }
        )
        scheduled = composer._action_schedule_message()
        before = self.env["mail.mail"].search([])
        scheduled.post_message()
        mails = self.env["mail.mail"].search([]) - before
        self.assertEqual({mail._gateway_class() for mail in mails}, {"legal"})

    def test_a_program_marks_its_message(self):
        message = self.record.message_post(
            body="x", partner_ids=self.bob.ids, gateway_overrides_suppression=True, subtype_xmlid="mail.mt_comment"
        )
        mails = self.env["mail.mail"].search([("mail_message_id", "=", message.id)])
        self.assertEqual([mail._gateway_class() for mail in mails], ["legal"])

    def test_mail_with_a_way_to_log_in_is_a_class_of_its_own(self):
        mail = self.mail(email_to="bob@exmaple.com", gateway_is_secret=True)
        self.assertEqual(mail._gateway_class(), "login")


@tagged("post_install", "-at_install")
class TestSuppressionShown(SuppressedSendingCase):
    """Whoever wrote the message sees it, and finds the way out."""

    def suppressed(self, **values):
        """Return a message to Bob, who is listed, and Eve, who got it; with its mail and Bob's row."""
        row = self.hard()
        message, mail = self.message(self.bob, self.eve, statuses=("ready", "sent"))
        mail.state = "outgoing"
        delivery = self.row(
            "bob@exmaple.com",
            "suppressed",
            mail,
            partner_id=self.bob.id,
            reason="suppressed",
            smtp_text=f"{row.words} {CURE}",
            **values,
        )
        self.row("eve@example.com", "sent", mail, partner_id=self.eve.id, reason="accepted")
        mail._gateway_follow()
        return row, message, mail, delivery

    def dialogue(self, message, user):
        action = message.with_user(user).action_gateway_resend()
        return self.env[action["res_model"]].with_user(user).browse(action["res_id"])

    def writing_officer(self):
        self.writer.group_ids += self.env.ref("spp_email_gateway.group_email_gateway_officer")
        return self.writer

    def test_the_envelope_is_red_and_says_why(self):
        row, message, mail, delivery = self.suppressed()
        bob = message.notification_ids.filtered(lambda one: one.res_partner_id == self.bob)
        self.assertEqual((bob.notification_status, bob.failure_type), ("exception", "mail_bl"))
        self.assertEqual(bob.failure_reason, f"{row.words} {CURE}")
        eve = message.notification_ids - bob
        self.assertEqual((mail.state, eve.notification_status), ("sent", "sent"))
        self.assertEqual(delivery.answer_words, f"{row.words} {CURE}")

    def test_of_a_mailing_nobody_is_told_one_by_one(self):
        _row, message, _mail, _delivery = self.suppressed(mail_class="mass")
        bob = message.notification_ids.filtered(lambda one: one.res_partner_id == self.bob)
        self.assertEqual((bob.notification_status, bob.failure_type), ("canceled", "mail_bl"))

    def test_the_dialogue_says_why_and_offers_the_removal_to_officers(self):
        row, message, _mail, _delivery = self.suppressed()
        wizard = self.dialogue(message, self.writer)
        (line,) = wizard.line_ids
        self.assertEqual(
            (line.reason, line.cure, line.is_suppressed),
            ("On the suppression list", row.words.replace("On the suppression list since", "Since"), True),
        )
        self.assertEqual((line.is_again, line.can_remove, wizard.has_suppressed), (False, False, True))
        wizard = self.dialogue(message, self.writing_officer())
        self.assertEqual((wizard.line_ids.can_remove, wizard.can_remove), (True, True))

    def test_an_officer_removes_it_there_and_the_mail_is_tried_again(self):
        row, message, mail, delivery = self.suppressed()
        wizard = self.dialogue(message, self.writing_officer())
        wizard.line_ids.write({"is_again": True, "is_removal": True})
        wizard.action_send()
        self.assertEqual((row.active, row.removed_user_id, row.removal_note), (False, self.writer, "Sent again to it"))
        self.assertEqual((delivery.state, mail.state), ("queued", "outgoing"))

    def test_without_the_removal_it_is_not_tried_again(self):
        _row, message, _mail, delivery = self.suppressed()
        wizard = self.dialogue(message, self.writer)
        wizard.line_ids.is_again = True
        with self.assertRaises(UserError) as caught:
            wizard.action_send()
        self.assertEqual(
            str(caught.exception),
            "These addresses are on the suppression list. Correct them, have an officer of the email gateway remove "
            "them, or turn Try Again off for them:\nBob: bob@exmaple.com",
        )
        self.assertEqual(delivery.state, "suppressed")

    def test_who_is_no_officer_removes_nothing_there(self):
        row, message, _mail, _delivery = self.suppressed()
        wizard = self.dialogue(message, self.writer)
        wizard.line_ids.write({"is_again": True, "is_removal": True})
        with self.assertRaises(AccessError):
            wizard.action_send()
        self.assertTrue(row.active)

    def test_a_corrected_address_is_tried(self):
        _row, message, mail, _delivery = self.suppressed()
        wizard = self.dialogue(message, self.writer)
        wizard.line_ids.write({"is_again": True, "email": "bob@example.com"})
        wizard.action_send()
        new = self.env["mail.mail"].search([("mail_message_id", "=", message.id), ("id", "!=", mail.id)])
        self.assertEqual((self.bob.email, new.state), ("bob@example.com", "outgoing"))

    def test_a_failure_of_an_address_that_was_listed_since_says_so(self):
        message, mail = self.message(self.bob)
        self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        self.hard()
        (line,) = self.dialogue(message, self.writer).line_ids
        self.assertEqual((line.is_suppressed, line.is_again), (True, False))

    def test_ignored_stays_ignored(self):
        _row, message, mail, delivery = self.suppressed()
        wizard = self.dialogue(message, self.writer)
        wizard.action_ignore_all()
        mail._gateway_follow()
        bob = message.notification_ids.filtered(lambda one: one.res_partner_id == self.bob)
        self.assertEqual((bob.notification_status, delivery.is_settled), ("canceled", True))

    def test_the_delivery_leads_to_the_entry(self):
        row, _message, _mail, delivery = self.suppressed()
        self.assertEqual(delivery.with_user(self.viewer).action_open_suppression()["res_id"], row.id)
