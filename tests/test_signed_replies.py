# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import random
from datetime import timedelta
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import email_normalize, mute_logger

from ..engine.outcome import InboundSource
from ..engine.reply_address import ReplyKey, read_reply_address
from ..engine.subaddress import proof_address
from ..engine.token import TokenRing
from .common import eml
from .replies import ReplyCase

ROUTING_LOGGER = "odoo.addons.mail.models.mail_thread"


@tagged("post_install", "-at_install")
class TestSignedAddresses(ReplyCase):
    """What leaves."""

    def key_in(self, email):
        return read_reply_address(self.ring, email_normalize(email["reply_to"]), self.env.cr.now())

    def test_each_recipient_gets_an_address_of_its_own(self):
        self.begin_signing()
        message = self.post(self.ann | self.ben)
        leaves = self.outgoing(message)
        self.assertEqual(set(leaves), {"Ann", "Ben"})
        for partner in self.ann | self.ben:
            email = leaves[partner.name]
            self.assertRegex(email["reply_to"], r"catchall\+[a-z2-7]{40}@gateway\.test")
            self.assertEqual(self.key_in(email), ReplyKey(message.id, partner.id))

    def test_plain_until_it_is_proved_and_switched_on(self):
        plain = ["catchall@gateway.test"] * 2
        message = self.post(self.ann | self.ben)

        def addresses():
            return sorted(email_normalize(email["reply_to"]) for email in self.outgoing(message).values())

        self.assertEqual(addresses(), plain)
        with self.refusing("It is not proved yet that mail for addresses such as catchall"):
            self.alias_domain.gateway_reply_signing = "catchall"
        proof = self.prove(state="waiting")
        with self.refusing("It is not proved yet"):
            self.alias_domain.gateway_reply_signing = "all"
        proof.state = "proven"
        self.assertEqual(addresses(), plain)
        self.alias_domain.gateway_reply_signing = "catchall"
        self.assertTrue(self.alias_domain.gateway_reply_signing_date)
        self.assertNotEqual(addresses(), plain)
        # Another catchall is another address, which nobody has tried.
        self.alias_domain.catchall_alias = "answers"
        message = self.post(self.ann | self.ben)
        self.assertEqual(addresses(), ["answers@gateway.test"] * 2)
        self.assertEqual(self.alias_domain.gateway_subaddress_state, "untried")

    def test_one_message_for_several_people_names_no_holder(self):
        self.begin_signing()
        message = self.post(self.ann)
        mail = self.env["mail.mail"].create(
            {
                "mail_message_id": message.id,
                "is_notification": True,
                "email_to": "x@example.com, y@example.com",
                "email_cc": "z@example.com",
                "reply_to": "Ann <catchall@gateway.test>",
            }
        )
        (email,) = mail._prepare_outgoing_list()
        self.assertEqual(self.key_in(email), ReplyKey(message.id, 0))

    def test_what_stays_plain(self):
        self.begin_signing()
        message = self.post(self.ann)
        for name, values in (
            ("another reply address", {"reply_to": "ann@example.com"}),
            ("several", {"reply_to": "catchall@gateway.test, ann@example.com"}),
            ("an alias", {"reply_to": "help@gateway.test"}),
            ("answers become new records", {"reply_to_force_new": True}),
            ("its message goes with the mail", {"auto_delete": True, "is_notification": False}),
            ("no record", {"model": False, "res_id": 0, "mail_message_id": False}),
        ):
            self.env["mail.alias"].search([("alias_name", "=", "help")]).unlink()
            self.alias("help")
            with self.subTest(name=name):
                mail = self.env["mail.mail"].create(
                    {
                        "mail_message_id": message.id,
                        "is_notification": True,
                        "auto_delete": False,
                        "email_to": "x@example.com",
                        "reply_to": "catchall@gateway.test",
                        **values,
                    }
                )
                (email,) = mail._prepare_outgoing_list()
                self.assertEqual(email["reply_to"], mail.reply_to)
                self.assertNotIn("+", email["reply_to"])

    def test_in_the_place_of_an_alias(self):
        self.begin_signing("all")
        self.alias("help")
        # It leads to one record: its mail is that record's.
        self.alias("fixed", alias_force_thread_id=self.thread.id)
        message = self.post(self.ann)
        for reply_to, is_signed in (
            ('"Help" <help@gateway.test>', True),
            ("HELP@gateway.test", True),
            ("catchall@gateway.test", True),
            ("fixed@gateway.test", False),
            ("help@elsewhere.test", False),
        ):
            mail = self.env["mail.mail"].create(
                {"mail_message_id": message.id, "is_notification": True, "email_to": "x@y.test", "reply_to": reply_to}
            )
            with self.subTest(reply_to=reply_to):
                (email,) = mail._prepare_outgoing_list()
                self.assertIs("catchall+" in email["reply_to"], is_signed, email["reply_to"])

    def test_how_long_they_hold(self):
        self.begin_signing()
        for days, holds, over in ((False, 179, 181), ("30", 29, 31), ("0", 179, 181), ("x", 179, 181)):
            with self.subTest(days=days):
                self.env["ir.config_parameter"].set_param("spp_email_gateway.reply_address_days", days)
                email = self.outgoing(self.post(self.ann))["Ann"]
                address = email_normalize(email["reply_to"])
                now = self.env.cr.now()
                self.assertTrue(read_reply_address(self.ring, address, now + timedelta(days=holds)))
                self.assertIsNone(read_reply_address(self.ring, address, now + timedelta(days=over)))

    def test_who_sends_mail_needs_no_right_to_the_settings(self):
        self.begin_signing()
        message = self.post(self.ann)
        mail = self.env["mail.mail"].search([("mail_message_id", "=", message.id)])
        with self.assertRaises(AccessError):
            self.env["spp.email.subaddress"].with_user(self.plain).search([])
        domains = self.env["mail.alias.domain"].with_user(self.plain)
        self.assertEqual(domains._gateway_signing_domain("catchall@gateway.test").id, self.alias_domain.id)
        self.assertIn("catchall+", mail.with_user(self.system)._prepare_outgoing_list()[0]["reply_to"])


@tagged("post_install", "-at_install")
class TestAnswers(ReplyCase):
    """What comes in."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.begin_signing()

    def test_an_answer_without_known_identifiers_finds_its_thread(self):
        message = self.post(self.ann)
        address = self.address(message, self.ann)
        for name, fields in (
            ("no identifiers", {}),
            ("rewritten ones", {"In_Reply_To": "<b@p.test>", "References": "<a@p.test> <b@p.test>"}),
            ("folded to capitals", {"To": address.upper()}),
            ("in Cc", {"To": "x@example.com", "Cc": f"OpenSPP <{address}>"}),
            ("in Delivered-To", {"To": "x@example.com", "Delivered_To": address}),
        ):
            with self.subTest(name=name):
                inbound = self.receive(eml(**{"To": address, "Subject": "Re: Question", **fields}), self.box)
                posted = self.assertPosted(inbound)
                self.assertEqual(posted.parent_id, message)
                self.assertEqual(posted.author_id, self.ann)
                # The signed address is nobody's contact, and no recipient of an answer to all.
                self.assertFalse(posted.incoming_email_to and "catchall" in posted.incoming_email_to)
                self.assertFalse(posted.incoming_email_cc)
        self.assertFalse(self.env["res.partner"].search([("email", "ilike", "catchall+")]))

    def test_the_fact_for_others(self):
        message = self.post(self.ann)
        seen = {}
        original = type(self.env["spp.email.processing"])._finish

        def _finish(self, claim, attempt, *args, **values):
            seen.update(attempt.facts)
            return original(self, claim, attempt, *args, **values)

        for sender, partner, is_holder in (
            ("ann@example.com", self.ann, True),
            ("ANN <Ann@Example.com>", self.ann, True),
            ("eve@example.com", self.ann, False),
            ("ann@example.com", None, False),
        ):
            with self.subTest(sender=sender), patch.object(type(self.env["spp.email.processing"]), "_finish", _finish):
                self.answer(self.address(message, partner), sender)
                self.assertEqual(
                    seen["reply_key"],
                    {
                        "message": message.id,
                        "message_id": message.message_id,
                        "model": "res.partner",
                        "res_id": self.thread.id,
                        "partner_id": partner.id if partner else 0,
                        "address": "ann@example.com" if partner else "",
                        "is_holder": is_holder,
                    },
                )
        with patch.object(type(self.env["spp.email.processing"]), "_finish", _finish):
            self.answer("catchall@gateway.test", In_Reply_To=message.message_id)
        self.assertIsNone(seen["reply_key"])

    def test_who_answers_all_holds_one_of_the_addresses(self):
        message = self.post(self.ann | self.ben)
        to = f"{self.address(message, self.ben)}, {self.address(message, self.ann)}"
        inbound = self.answer(to)
        self.assertPosted(inbound)
        self.assertEqual(
            self.steps(inbound, "signed reply address"),
            [
                (
                    f"valid, of message {message.id}, given to contact {self.ann.id}, who is the sender",
                    "its thread is known",
                )
            ],
        )

    def test_an_answer_to_an_internal_note_stays_one(self):
        customer = self.ben
        self.thread.message_subscribe(customer.ids)
        note = self.post(self.plain.partner_id, subtype_xmlid="mail.mt_note")
        inbound = self.answer(self.address(note, self.plain.partner_id), "gateway_plain <gateway_plain@x.test>")
        posted = self.assertPosted(inbound)
        self.assertTrue(posted.subtype_id.internal)
        self.assertNotIn(customer, posted.notified_partner_ids)
        # It names another message of the thread, and that is the one that counts.
        comment = self.post(self.ann)
        inbound = self.answer(self.address(comment, self.ann), In_Reply_To=note.message_id)
        posted = self.assertPosted(inbound)
        self.assertTrue(posted.subtype_id.internal)
        self.assertNotIn(customer, posted.notified_partner_ids)

    def test_the_address_counts_for_more_than_the_references(self):
        message = self.post(self.ann)
        foreign = self.post(self.ben, thread=self.other_thread)
        inbound = self.answer(self.address(message, self.ann), In_Reply_To=foreign.message_id)
        self.assertPosted(inbound)
        self.assertEqual(len(self.other_thread.message_ids.filtered(lambda one: one.message_type == "email")), 0)

    def test_it_follows_the_message_where_records_are_merged(self):
        message = self.post(self.ann)
        message.res_id = self.other_thread.id
        self.assertPosted(self.answer(self.address(message, self.ann)), self.other_thread)

    def test_sent_under_a_former_name(self):
        message = self.post(self.ann)
        address = self.address(message, self.ann)
        self.alias_domain.catchall_alias = "answers"
        self.assertPosted(self.answer(address))
        intake, _token = self.intake(unknown_policy="refuse")
        self.assertEqual(intake._judge(address).value, "accept")
        with self.own_cursors():
            row, _new = self.env["spp.email.reception"]._receive(
                intake, eml(To=address), "ann@example.com", address, InboundSource.LMTP
            )
        self.process()
        self.assertPosted(self.env["spp.email.inbound"].browse(row))
        # What is not signed waits there, as it did.
        with self.own_cursors():
            row, _new = self.env["spp.email.reception"]._receive(
                intake, eml(To=address), "ann@example.com", "catchall+abc@gateway.test", InboundSource.LMTP
            )
        self.process()
        self.assertOutcome(self.env["spp.email.inbound"].browse(row), "quarantined", "unknown_recipient")

    @mute_logger(ROUTING_LOGGER)
    def test_the_message_is_gone(self):
        message = self.post(self.ann)
        address = self.address(message, self.ann)
        message.unlink()
        inbound = self.answer(address)
        self.assertOutcome(inbound, "quarantined", "not_for_writing")
        self.assertEqual(
            self.steps(inbound, "signed reply address"), [("the message that it names is gone", "ignored")]
        )

    def test_an_answer_to_a_notice_of_ours_is_still_a_loop(self):
        message = self.post(self.ann)
        inbound = self.answer(
            self.address(message, self.ann), References="<1-loop-detection-bounce-email@gateway.test>"
        )
        self.assertOutcome(inbound, "quarantined", "loop")

    def test_a_decision_of_a_person_is_above_it(self):
        message = self.post(self.ann)
        inbound = self.journal(eml(To=self.address(message, self.ann)), self.box)
        inbound.route = {"model": "res.partner", "record_id": self.other_thread.id, "forced": True, "why": "person"}
        self.process()
        self.assertPosted(inbound, self.other_thread)


@tagged("post_install", "-at_install")
class TestGuessing(ReplyCase):
    """Who has no address, or somebody else's, learns and reaches nothing."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.begin_signing()

    def guesses(self, message):
        address = self.address(message, self.ann)
        local, _at, domain = address.partition("@")
        token = local.partition("+")[2]
        chance = random.Random(7)
        return {
            "plain": "catchall@gateway.test",
            "random": "catchall+" + "".join(chance.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(40))
            + "@gateway.test",
            "expired": self.address(message, self.ann, days=-1),
            "of another database": self.address(message, self.ann, ring=TokenRing({1: b"x" * 32})),
            "the signature cut": f"catchall+{token[:-1]}@{domain}",
            "another message's": f"catchall+{token[:9]}{'b' if token[9] != 'b' else 'c'}{token[10:]}@{domain}",
            "a proof's": proof_address(
                self.ring, "catchall@gateway.test", message.id, self.env.cr.now() - timedelta(days=99)
            ),
        }

    @mute_logger(ROUTING_LOGGER)
    def test_all_that_is_not_valid_ends_alike(self):
        message = self.post(self.ann)
        outcomes = {}
        for number, (name, address) in enumerate(self.guesses(message).items()):
            sender = f"guess{number}@example.com"
            inbound = self.answer(address, sender)
            self.assertOutcome(inbound, "quarantined", "not_for_writing")
            notice = self.env["mail.mail"].search([("email_to", "=", sender)])
            # The body quotes the address that was written to.
            outcomes[name] = (
                inbound.res_model,
                inbound.res_id,
                notice.subject,
                notice.reply_to,
                str(notice.body_html).replace(address, "").replace(sender, "").replace("catchall@gateway.test", ""),
                self.steps(inbound, "signed reply address"),
            )
        self.assertEqual(set(map(repr, outcomes.values())), {repr(outcomes["plain"])})
        self.assertEqual(len(self.thread.message_ids.filtered(lambda one: one.message_type == "email")), 0)

    def test_the_door_tells_nothing(self):
        """A server that asks for recipients hears the same for a valid address and for a guess."""
        message = self.post(self.ann)
        for policy in ("ours", "refuse", "quarantine"):
            intake, _token = self.intake(unknown_policy=policy)
            valid = self.address(message, self.ann)
            heard = {intake._judge(address).value for address in [valid, *self.guesses(message).values()]}
            self.assertEqual(heard, {"accept"})
            nobody = {
                intake._judge(address.replace("catchall", "nobody")).value
                for address in [valid, *self.guesses(message).values()]
            }
            self.assertEqual(len(nobody), 1)


@tagged("post_install", "-at_install")
class TestProof(ReplyCase):
    def test_the_way_of_a_proof(self):
        domain = self.alias_domain
        self.assertEqual(domain.gateway_subaddress_state, "untried")
        self.assertIn("Nobody knows yet whether your mail server delivers mail for catchall+k7f", self.text())
        proof = self.prove(state="waiting")
        self.assertEqual(domain.gateway_subaddress_state, "waiting")
        self.assertIn("has left and is not back yet", self.text())
        address = proof_address(self.ring, "catchall@gateway.test", proof.id, self.env.cr.now())
        before = self.env["mail.message"].search_count([])
        inbound = self.receive(eml(To=address, Auto_Submitted="auto-generated"), self.box)
        self.assertOutcome(inbound, "done", "round_trip")
        self.assertEqual(self.env["mail.message"].search_count([]), before)
        self.assertEqual(proof.state, "proven")
        domain.invalidate_recordset()
        self.assertEqual(domain.gateway_subaddress_state, "proven")
        self.assertIn("comes in: a test came back on", self.text())
        proof.write({"state": "refused", "result": "no such user"})
        domain.invalidate_recordset()
        self.assertIn("The server did not take the test to catchall+k7f…@gateway.test.\nno such user", self.text())

    def text(self):
        return self.alias_domain.gateway_subaddress_text

    def test_a_forged_proof_proves_nothing(self):
        proof = self.prove(state="waiting")
        ring = TokenRing({1: b"x" * 32})
        with mute_logger(ROUTING_LOGGER):
            self.answer(proof_address(ring, "catchall@gateway.test", proof.id, self.env.cr.now()))
        self.assertEqual(proof.state, "waiting")

    def test_what_cannot_be_tried(self):
        self.env["ir.mail_server"].search([]).active = False
        self.alias_domain.catchall_alias = "c" * 24
        proof = self.prove(state="waiting")
        with self.assertRaisesRegex(UserError, "The catchall's name is too long"):
            proof._prove()
        self.alias_domain.catchall_alias = "catchall"
        with self.assertRaisesRegex(UserError, "There is no outgoing email server to send the test with."):
            self.prove(state="waiting")._prove()

    def test_health_says_when_addresses_are_plain(self):
        self.begin_signing()
        self.assertEqual(self.env["spp.email.subaddress"]._gateway_health(), [])
        self.alias_domain.catchall_alias = "answers"
        (finding,) = self.env["spp.email.subaddress"]._gateway_health()
        self.assertEqual(finding.title, "Reply addresses of “gateway.test” are not signed")
        self.assertIn("spp.email.subaddress", self.env["spp.email.health"]._health_models())

    def test_who_may_try(self):
        for user in (self.plain, self.officer, self.portal):
            with self.assertRaises(AccessError):
                self.alias_domain.with_user(user).action_prove_subaddress()
        proof = self.prove()
        with self.assertRaises(AccessError):
            proof.with_user(self.manager).state = "refused"
        self.assertEqual(proof.with_user(self.manager).state, "proven")

    def test_one_row_an_address(self):
        proof = self.prove()
        with mute_logger("odoo.sql_db"), self.assertRaises(Exception) as caught, self.env.cr.savepoint():
            self.prove()
        self.assertEqual(type(caught.exception).__name__, "UniqueViolation")
        self.assertEqual(proof.state, "proven")
