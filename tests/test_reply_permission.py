# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import new_test_user, tagged

from ..engine.pipeline import Verdict
from ..engine.sender_verdict import SenderResult, SenderVerdict
from .common import eml
from .replies import ReplyCase


@tagged("post_install", "-at_install")
class TestReplyPermission(ReplyCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.begin_signing()
        cls.alias_domain.gateway_reply_signing_date = fields.Datetime.now() - timedelta(days=1)

    def refused(self, inbound):
        self.assertOutcome(inbound, "quarantined", "reply_not_allowed")
        self.assertFalse(inbound.res_id)
        return inbound

    def answer_to(self, message, sender, **fields_):
        return self.answer("catchall@gateway.test", sender, In_Reply_To=message.message_id, **fields_)

    def with_verdict(self, result):
        """Context: the sender check says so."""
        processing = type(self.env["spp.email.processing"])
        original = processing._sender_steps

        def step(_message, facts):
            facts["sender_verdict"] = SenderVerdict(result)
            return Verdict()

        return patch.object(
            processing, "_sender_steps", lambda self, inbound, content: [*original(self, inbound, content), step]
        )

    # Anyone

    def test_by_default_anyone_may_as_with_odoo(self):
        self.assertEqual(self.alias_domain.gateway_reply_policy, "anyone")
        message = self.post(self.ann)
        inbound = self.answer_to(message, "stranger@example.com")
        self.assertPosted(inbound)
        self.assertEqual(self.steps(inbound, "who may write to this record"), [])

    def test_the_default_asks_nothing_of_the_database(self):
        permission = self.env["spp.email.reply.permission"]
        permission._is_asked()
        with self.assertQueryCount(1):
            permission._is_asked()

    # Participants

    def test_who_takes_part(self):
        self.alias_domain.gateway_reply_policy = "participants"
        follower, recipient, author = (
            self.env["res.partner"].create({"name": name, "email": f"{name}@example.com"})
            for name in ("follower", "recipient", "author")
        )
        self.thread.message_subscribe(follower.ids)
        self.thread.email = "contact@example.com"
        self.thread.user_id = self.officer
        message = self.post(recipient)
        self.thread.message_post(body="x", author_id=author.id)
        self.thread.message_post(body="x", email_from="Nobody <written@example.com>", message_type="email")
        self.thread.message_post(
            body="x",
            message_type="email",
            email_from="x@example.com",
            incoming_email_cc="Copy <copied@example.com>, b@example.com",
            incoming_email_to="named@example.com",
        )
        self.env["spp.email.delivery"].create(
            {"mail_message_id": message.id, "recipient": "Delivered@example.com", "state": "sent"}
        )
        for sender in (
            "follower@example.com",
            "Recipient <RECIPIENT@example.com>",
            "author@example.com",
            "contact@example.com",
            "written@example.com",
            "copied@example.com",
            "b@example.com",
            "named@example.com",
            "delivered@example.com",
            self.officer.email,
        ):
            with self.subTest(sender=sender):
                inbound = self.answer_to(message, sender)
                self.assertPosted(inbound)
                self.assertEqual(
                    self.steps(inbound, "who may write to this record"), [("the sender takes part", "allowed")]
                )
        for sender in (
            "stranger@example.com",
            "follower@example.com.evil.test",
            "xfollower@example.com",
            "follower_example.com@evil.test",
            "f%@example.com",
            "_ollower@example.com",
            '"follower@example.com" <eve@evil.test>',
            "copied@example.co",
        ):
            with self.subTest(sender=sender):
                self.refused(self.answer_to(message, sender))

    def test_who_takes_part_elsewhere_is_a_stranger_here(self):
        self.alias_domain.gateway_reply_policy = "participants"
        self.post(self.eve, thread=self.other_thread)
        message = self.post(self.ann)
        self.refused(self.answer_to(message, "eve@example.com"))

    def test_an_address_of_another_thread_opens_nothing(self):
        elsewhere = self.post(self.eve, thread=self.other_thread)
        message = self.post(self.ann)
        for policy in ("participants", "holders"):
            self.alias_domain.gateway_reply_policy = policy
            # The key leads to its own thread, whatever the references say.
            inbound = self.answer(
                self.address(elsewhere, self.eve), "eve@example.com", In_Reply_To=message.message_id
            )
            self.assertPosted(inbound, self.other_thread)
        self.assertFalse(self.thread.message_ids.filtered(lambda one: one.message_type == "email"))

    def test_a_program_that_names_the_record_is_asked_as_well(self):
        """Whoever may call message_process may name any record; an administrator's mailbox that names one may."""
        self.alias_domain.gateway_reply_policy = "participants"
        self.post(self.ann)
        for source, sender, posted in (
            ("rpc", "stranger@example.com", False),
            ("rpc", "ann@example.com", True),
            ("http", "stranger@example.com", True),
        ):
            with self.subTest(source=source, sender=sender):
                inbound = self.journal(eml(From=sender, To="x@elsewhere.test"))
                inbound.write({"source": source, "fallback": {"model": "res.partner", "thread_id": self.thread.id}})
                self.process()
                self.assertPosted(inbound) if posted else self.refused(inbound)

    def test_a_sender_that_is_not_who_it_says(self):
        self.alias_domain.gateway_reply_policy = "participants"
        message = self.post(self.ann)
        for result, posted in ((SenderResult.FAIL, False), (SenderResult.NONE, True), (SenderResult.PASS, True)):
            with self.subTest(result=result), self.with_verdict(result):
                inbound = self.answer_to(message, "ann@example.com")
                self.assertPosted(inbound) if posted else self.refused(inbound)

    def test_what_a_strangers_header_says_opens_nothing(self):
        self.alias_domain.gateway_reply_policy = "participants"
        user = new_test_user(self.env, "named_user", "base.group_user,base.group_partner_manager")
        message = self.post(self.ann)
        for named in ("ann@example.com", user.email):
            for result in (SenderResult.NONE, SenderResult.PASS):
                with self.subTest(named=named, result=result), self.with_verdict(result):
                    self.refused(self.answer_to(message, "eve@evil.test", X_Original_From=named))

    def test_signs_in_an_address_stand_for_nobody(self):
        self.alias_domain.gateway_reply_policy = "participants"
        message = self.post(self.ann)
        self.env["spp.email.delivery"].create(
            {"recipient": "someone@customer.test", "mail_message_id": message.id, "state": "sent"}
        )
        for sender in ("%@%.%", "_%@customer.test"):
            with self.subTest(sender=sender):
                self.refused(self.answer_to(message, sender))
        self.assertPosted(self.answer_to(message, "someone@customer.test"))

    def test_a_user_who_is_proved_writes_where_the_user_may_write(self):
        self.alias_domain.gateway_reply_policy = "participants"
        user = new_test_user(self.env, "proved_user", "base.group_user,base.group_partner_manager")
        message = self.post(self.ann)
        with self.with_verdict(SenderResult.NONE):
            self.refused(self.answer_to(message, user.email))
        with self.with_verdict(SenderResult.PASS):
            self.assertPosted(self.answer_to(message, user.email))
            self.portal.email = "portal@example.com"
            self.refused(self.answer_to(message, "portal@example.com"))

    # Holders

    def test_only_who_has_a_signed_address(self):
        self.alias_domain.gateway_reply_policy = "holders"
        message = self.post(self.ann)
        self.refused(self.answer_to(message, "ann@example.com"))
        self.assertPosted(self.answer(self.address(message, self.ann)))
        self.assertPosted(self.answer(self.address(message, self.ann), "ann@private.test"))
        self.assertPosted(self.answer(self.address(message)))
        # Expired: the answer is no holder's, whatever it refers to.
        expired = self.address(message, self.ann, days=-1)
        self.refused(self.answer(expired, In_Reply_To=message.message_id))

    def test_mail_from_before_is_answered_by_participants(self):
        self.alias_domain.gateway_reply_policy = "holders"
        message = self.post(self.ann)
        self.alias_domain.gateway_reply_signing_date = fields.Datetime.now() + timedelta(hours=1)
        self.assertPosted(self.answer_to(message, "ann@example.com"))
        self.refused(self.answer_to(message, "eve@example.com"))

    def test_an_old_message_of_another_thread_opens_nothing(self):
        self.alias_domain.gateway_reply_policy = "holders"
        message = self.post(self.ann)
        other = self.env["res.partner"].create({"name": "Other"}).message_post(body="x", message_type="comment")
        self.env.cr.execute(
            "UPDATE mail_message SET create_date = create_date - interval '9 days' WHERE id = %s", (other.id,)
        )
        other.invalidate_recordset()
        self.refused(
            self.answer(
                "catchall@gateway.test", "ann@example.com", In_Reply_To=other.message_id, References=message.message_id
            )
        )

    def test_a_renamed_catchall_shuts_nobody_out(self):
        self.alias_domain.gateway_reply_policy = "holders"
        self.alias_domain.catchall_alias = "answers"
        # The company keeps its own copy of the address in the cache.
        self.env.invalidate_all()
        message = self.post(self.ann)
        self.assertNotIn("+", self.outgoing(message)["Ann"]["reply_to"])
        self.assertPosted(self.answer_to(message, "ann@example.com"))
        self.refused(self.answer_to(message, "eve@example.com"))
        # Proved again: what left in between had plain addresses.
        proof = self.prove(state="waiting")
        with patch.object(fields.Datetime, "now", lambda: self.env.cr.now() + timedelta(minutes=1)):
            proof._note_arrival(proof.id)
        self.assertGreater(self.alias_domain.gateway_reply_signing_date, message.create_date)
        self.assertIn("answers+", self.outgoing(message)["Ann"]["reply_to"])
        self.assertPosted(self.answer_to(message, "ann@example.com"))

    def test_without_signed_addresses_nobody_could_answer(self):
        self.alias_domain.gateway_reply_signing = "plain"
        with self.refusing("Nobody has a signed reply address, so all answers would be held"):
            self.alias_domain.gateway_reply_policy = "holders"
        self.alias_domain.gateway_reply_signing = "catchall"
        self.alias_domain.gateway_reply_policy = "holders"
        with self.refusing("Nobody has a signed reply address"):
            self.alias_domain.gateway_reply_signing = "plain"

    # Ways around

    def test_another_domain_is_no_way_in(self):
        """The thread's own domain decides, not the one that was written to."""
        easy = self.env["mail.alias.domain"].create({"name": "easy.test"})
        self.other_company.alias_domain_id = easy
        self.alias_domain.gateway_reply_policy = "participants"
        message = self.post(self.ann)
        self.refused(
            self.answer(easy.catchall_email, "stranger@example.com", In_Reply_To=message.message_id)
        )
        # And the other way round: a thread of the easy domain is answered by anyone.
        thread = self.env["res.partner"].create({"name": "Easy", "company_id": self.other_company.id})
        message = self.post(self.ann, thread=thread)
        self.assertPosted(
            self.answer("catchall@gateway.test", "stranger@example.com", In_Reply_To=message.message_id), thread
        )

    def test_an_alias_for_everyone_is_no_way_into_a_thread(self):
        self.alias("help")
        self.alias_domain.gateway_reply_policy = "participants"
        message = self.post(self.ann)
        self.refused(self.answer("help@gateway.test", "stranger@example.com", In_Reply_To=message.message_id))
        # What answers nothing makes records as always.
        inbound = self.answer("help@gateway.test", "stranger@example.com")
        self.assertOutcome(inbound, "done", "record_created")

    def test_what_administrators_decided_is_no_answer(self):
        self.alias_domain.gateway_reply_policy = "holders"
        self.alias("fixed", alias_force_thread_id=self.thread.id)
        self.assertPosted(self.answer("fixed@gateway.test", "stranger@example.com"))
        box = self.mailbox(
            object_id=self.partner_model.id, gateway_action="attach", gateway_record=f"res.partner,{self.thread.id}"
        )
        self.assertPosted(self.receive(eml(From="stranger@example.com"), box))

    # What becomes of it

    def test_an_officer_attaches_it(self):
        self.alias_domain.gateway_reply_policy = "participants"
        self.thread.message_subscribe(self.ben.ids)
        message = self.post(self.ann)
        inbound = self.refused(self.answer_to(message, "stranger@example.com"))
        self.assertEqual(
            inbound.detail,
            f"It answers res.partner, record {self.thread.id}: the sender takes no part. If it belongs there, attach "
            "it to that record.",
        )
        # Nobody heard of it: neither the sender nor the followers.
        self.assertFalse(self.env["mail.mail"].search([("email_to", "=", "stranger@example.com")]))
        self.assertFalse(self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)]))
        self.assertEqual(self.thread.message_ids.sorted("id")[-1], message)
        self.officer.group_ids += self.env.ref("base.group_partner_manager")
        action = inbound.with_user(self.officer).action_ask_attach()
        wizard = self.env[action["res_model"]].with_user(self.officer).with_context(**action["context"])
        with self.own_cursors():
            wizard.create({"record": f"res.partner,{self.thread.id}"}).action_confirm()
        inbound.invalidate_recordset()
        self.assertPosted(inbound)

    def test_what_is_attached_to_a_note_stays_a_note(self):
        """The journal sends it on; the message that it names is still looked at."""
        note = self.post(self.plain.partner_id, subtype_xmlid="mail.mt_note")
        self.thread.message_subscribe(self.ben.ids)
        inbound = self.journal(eml(To="catchall@gateway.test", In_Reply_To=note.message_id), self.box)
        inbound.route = {"model": "res.partner", "record_id": self.thread.id, "forced": True, "why": "person"}
        self.process()
        posted = self.assertPosted(inbound)
        self.assertTrue(posted.subtype_id.internal)
        self.assertNotIn(self.ben, posted.notified_partner_ids)

    def test_an_answer_by_a_providers_identifier_to_a_note_stays_a_note(self):
        note = self.post(self.plain.partner_id, subtype_xmlid="mail.mt_note")
        self.thread.message_subscribe(self.ben.ids)
        self.env["spp.email.delivery"].create(
            {"recipient": "x@y.test", "message_id": note.message_id, "remote_message_id": "<made@provider.test>"}
        )
        inbound = self.answer("catchall@gateway.test", "ann@example.com", In_Reply_To="<made@provider.test>")
        posted = self.assertPosted(inbound)
        self.assertTrue(posted.subtype_id.internal)
        self.assertNotIn(self.ben, posted.notified_partner_ids)
