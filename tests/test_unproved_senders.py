# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who a message acts as, when it claims to be from one of us."""

from unittest.mock import patch

from odoo import fields, sql_db
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import email_normalize

from odoo.addons.mail.tools.discuss import Store

from ..engine.attempt import Attempt
from ..engine.message_kind import Classification, MessageKind
from ..engine.own_mark import HEADER, own_mark
from ..engine.pipeline import Verdict
from ..engine.sender_address import SenderAddress, sender_address
from ..engine.sender_policy import SenderDecision
from ..engine.sender_verdict import SenderVerdict
from ..engine.summary import summarize
from ..models.mail_thread import ATTEMPT
from ..models.spp_email_sender_resolver import SERVERS_PARAMETER
from ..models.spp_email_sender_step import ADDRESS, DECISION, PROGRAMS_PARAMETER
from .common import GatewayCase, eml
from .engine.name_server import NameServer
from .engine.signed import letter, signed, zone

MX = "mx.gateway.test"


def noted(result, domain="gateway.test"):
    """Return what the trusted server notes."""
    return f"{MX}; dmarc={result} header.from={domain}"


class SenderCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.boss = new_test_user(cls.env, "gateway_boss", "base.group_user", name="Boss", email="boss@gateway.test")
        cls.carl = new_test_user(cls.env, "gateway_carl", "base.group_user", name="Carl", email="carl@home.test")
        cls.ann = cls.env["res.partner"].create({"name": "Ann", "email": "ann@example.com"})
        cls.ben = cls.env["res.partner"].create({"name": "Ben", "email": "ben@example.com"})
        cls.box = cls.mailbox(gateway_trusted_servers=MX)
        cls.number = 0

    def take(self, sender="Boss <boss@gateway.test>", result=None, box=None, **fields):
        """Receive a message; return its journal row."""
        type(self).number += 1
        domain = (email_normalize(sender) or "").rpartition("@")[2]
        head = {"Authentication_Results": noted(result, domain)} if result else {}
        fields = {"Subject": f"Message {self.number}", **head, "From": sender, **fields}
        return self.receive(eml(**fields), box or self.box)

    def made(self, inbound):
        """Return the record that a message made or reached."""
        return self.env[inbound.res_model].browse(inbound.res_id)

    def thread(self):
        """Return the journal row of a message that others answer."""
        inbound = self.take("Ann <ann@example.com>")
        self.assertOutcome(inbound, "done", "record_created")
        return inbound

    def answer(self, inbound, *arguments, **fields):
        fields = {"References": inbound.message_id, "In_Reply_To": inbound.message_id, **fields}
        return self.take(*arguments, **fields)


@tagged("post_install", "-at_install")
class TestUnprovedSenders(SenderCase):
    def assertActsAs(self, inbound, user):
        record, message = self.made(inbound), inbound.mail_message_id
        self.assertEqual(record.create_uid, user or self.env.user)
        self.assertEqual(message.author_id, user.partner_id if user else self.env["res.partner"])
        self.assertEqual(inbound.is_author_withheld, not user)

    def test_a_proved_user_acts_as_that_user(self):
        for sender, user in (("Boss <boss@gateway.test>", self.boss), ("carl@home.test", self.carl)):
            with self.subTest(sender=sender):
                inbound = self.take(sender, "pass")
                self.assertOutcome(inbound, "done", "record_created")
                self.assertActsAs(inbound, user)
                self.assertEqual(
                    (inbound.sender_result, inbound.mail_message_id.gateway_sender_mark), ("pass", "proved")
                )
                self.assertIn("mx.gateway.test found", inbound.mail_message_id.gateway_sender_words)

    def test_who_only_says_so_acts_as_nobody(self):
        for sender, result, expected, mark in (
            ("Boss <boss@gateway.test>", None, "none", "unproved"),
            ("Boss <boss@gateway.test>", "none", "none", "unproved"),
            ("Boss <boss@gateway.test>", "fail", "fail", "forged"),
            ("BOSS@GATEWAY.TEST", None, "none", "unproved"),
            ("carl@home.test", None, "none", "unproved"),
            ("carl@home.test", "fail", "fail", "forged"),
            ("nobody@gateway.test", None, "none", "unproved"),
        ):
            with self.subTest(sender=sender, result=result):
                inbound = self.take(sender, result)
                self.assertOutcome(inbound, "done", "record_created")
                self.assertActsAs(inbound, None)
                message = inbound.mail_message_id
                self.assertEqual((inbound.sender_result, message.gateway_sender_mark), (expected, mark))
                self.assertTrue(inbound.sender_reasons)
                # What it says of itself is kept as text.
                self.assertEqual(email_normalize(message.email_from), email_normalize(sender))
                self.assertNotIn(self.boss.partner_id, self.made(inbound).message_partner_ids)

    def test_strangers_are_taken_as_before(self):
        for result, mark in ((None, False), ("none", False), ("pass", "proved"), ("fail", "forged")):
            with self.subTest(result=result):
                inbound = self.take("Ann <ann@example.com>", result)
                self.assertOutcome(inbound, "done", "record_created")
                self.assertEqual(inbound.mail_message_id.author_id, self.ann)
                self.assertEqual(inbound.mail_message_id.gateway_sender_mark, mark)
                self.assertFalse(inbound.is_author_withheld)

    def test_a_user_whose_domain_has_other_letters_is_one_of_us(self):
        """The DNS and mail programs write xn--bcher-kva.example, people bücher.example: one and the same."""
        for number, (known, written) in enumerate(
            (
                ("dora@bücher.example", "dora@xn--bcher-kva.example"),
                ("emil@xn--bcher-kva.example", "Emil <emil@xn--bcher-kva.example>"),
                ("finn@xn--bcher-kva.example", "finn@bücher.example".encode()),
                ("gina@bücher.example", "gina@BÜCHER.example".encode()),
            )
        ):
            user = new_test_user(self.env, f"gateway_idn_{number}", "base.group_user", email=known)
            with self.subTest(known=known, written=written):
                inbound = self.receive(eml(From=written, Subject=f"IDN {number}"), self.box)
                self.assertOutcome(inbound, "done", "record_created")
                self.assertNotEqual(self.made(inbound).create_uid, user)
                self.assertActsAs(inbound, None)
                self.assertEqual(inbound.mail_message_id.gateway_sender_mark, "unproved")
                proof = f"Authentication-Results: {MX}; dmarc=pass header.from=xn--bcher-kva.example\r\n".encode()
                proved = self.receive(proof + eml(From=written, Subject=f"IDN {number} proved"), self.box)
                self.assertEqual(proved.sender_result, "pass", proved.sender_reasons)

    def test_a_note_that_came_with_the_message_is_not_believed(self):
        forged = noted("pass")
        for name, head in (
            ("alone, of a stranger", [("Authentication-Results", forged.replace(MX, "mx.evil.test"))]),
            ("below the server's own", [("Authentication-Results", noted("fail")), ("Authentication-Results", forged)]),
            ("in another field", [("X-Authentication-Results", forged)]),
            ("folded into the subject", [("Subject", f"x\r\n Authentication-Results: {forged}")]),
        ):
            with self.subTest(name=name):
                lines = [f"{field}: {value}".encode() for field, value in head]
                inbound = self.receive(b"\r\n".join([*lines, eml(From="boss@gateway.test")]), self.box)
                self.assertActsAs(inbound, None)

    def test_the_verdict_is_about_the_address_that_odoo_believes(self):
        """Whatever the From field looks like: Boss is only author or user where Boss was proved."""
        for value in (
            "boss@gateway.test",
            "ann@example.com, boss@gateway.test",
            "boss@gateway.test, ann@example.com",
            "boss@gateway.test <ann@example.com>",
            '"boss@gateway.test" <ann@example.com>',
            "Ann (boss@gateway.test) <ann@example.com>",
            "ann@example.com (boss@gateway.test)",
            "<boss@gateway.test> <ann@example.com>",
            "=?utf-8?q?boss=40gateway=2Etest?= <ann@example.com>",
            "=?utf-8?q?boss=40gateway=2Etest=2C?= <ann@example.com>",
            "=?utf-8?q?=22=3Cboss=40gateway=2Etest=3E=2C=22?= <ann@example.com>",
            "team: boss@gateway.test, ann@example.com;",
            "boss@gateway.test\0 <ann@example.com>",
            "Ann ann@example.com boss@gateway.test",
            '"boss@gateway.test ann"@example.com',
            "boss@gateway.test@example.com",
            "ann@example.com\r\nFrom: boss@gateway.test",
            "boss@gateway.test\r\nFrom: ann@example.com",
            "ann@example.com\r\nX: y\rFrom: boss@gateway.test",
            "boss@gateway.test\rX: y\r\nFrom: ann@example.com",
        ):
            with self.subTest(value=value):
                for domain in ("example.com", "gateway.test"):
                    content = f"Authentication-Results: {noted('pass', domain)}\r\n".encode() + eml(
                        From=value, Subject=f"x{len(value)}"
                    )
                    inbound = self.receive(content, self.box)
                    self.assertEqual(inbound.state, "done", inbound.detail)
                    message, checked = inbound.mail_message_id, sender_address(content, summarize(content))
                    believed = email_normalize(message.email_from, strict=False)
                    is_boss = message.author_id == self.boss.partner_id or self.made(inbound).create_uid == self.boss
                    proved = inbound.sender_result == "pass" and checked.address == believed
                    if is_boss:
                        self.assertTrue(proved and believed == "boss@gateway.test")
                    if message.gateway_sender_mark == "proved":
                        self.assertTrue(proved)

    def test_what_was_proved_of_one_address_says_nothing_about_another(self):
        """Another step, or another addon, may put an original sender in place of From."""
        threads = type(self.env["mail.thread"])
        parse = threads.message_parse
        for original, author in (("Boss <boss@gateway.test>", False), ("ben@example.com", self.ben), ("", False)):

            def parse_forwarded(model, message, save_original=False, original=original):
                return {**parse(model, message, save_original), "email_from": original, "from": original}

            with self.subTest(original=original), patch.object(threads, "message_parse", parse_forwarded):
                inbound = self.take("ann@example.com", "pass")
                self.assertEqual(inbound.sender_result, "pass")
                message = inbound.mail_message_id
                self.assertEqual(message.author_id, author or self.env["res.partner"])
                self.assertNotEqual(message.gateway_sender_mark, "proved")
                self.assertNotEqual(self.made(inbound).create_uid, self.boss)

    def test_a_message_without_a_sender_is_nobodys(self):
        inbound = self.take(From=None)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertFalse(inbound.mail_message_id.author_id)
        self.assertEqual((inbound.sender_result, inbound.sender_reasons[:22]), ("none", "It has no From field. "))

    def test_each_search_of_odoo_for_author_and_user(self):
        """One is enough to act as somebody; each is closed by itself."""
        attempt = Attempt(1)
        address = SenderAddress("boss@gateway.test", ("boss@gateway.test",))
        for decision, found in (
            (SenderDecision(), True),
            (SenderDecision(is_author=False, is_user=False, opens_restricted=False), False),
        ):
            attempt.facts = {DECISION: decision, ADDRESS: address, "sender_verdict": SenderVerdict()}
            threads = self.env["mail.thread"].with_context(**{ATTEMPT: attempt})
            with self.subTest(found=found):
                # Of a user by any address: who acts is nobody, not somebody else.
                self.assertEqual(bool(threads._mail_find_user_for_gateway("carl@home.test")), found)
                known = threads._partner_find_from_emails_single(["Boss <boss@gateway.test>"], no_create=True)
                self.assertEqual(bool(known), found)
                # A customer is looked for all the same, or a second contact would be made.
                customer = threads._partner_find_from_emails_single(["boss@gateway.test"], no_create=False)
                self.assertEqual(customer, self.boss.partner_id)
                values = {"author_id": self.boss.partner_id.id, "email_from": "x", "recipients": ""}
                parsed = threads._message_parse_post_process(None, values, [])
                self.assertEqual(bool(parsed["author_id"]), found)
        # A caller of an RPC may put anything into the context.
        for value in (True, {"facts": {}}, "x"):
            found = self.env["mail.thread"].with_context(spp_email_sender=value)._gateway_sender()
            self.assertEqual(found, (None, None))

    def test_the_server_authenticates_our_users(self):
        box = self.mailbox(user="intranet@gateway.test", gateway_authenticates_users=True, gateway_trusted_servers=MX)
        inbound = self.take(box=box)
        self.assertActsAs(inbound, self.boss)
        self.assertFalse(inbound.mail_message_id.gateway_sender_mark)
        # None is not fail; and what is not one address is nobody's.
        self.assertActsAs(self.take(result="fail", box=box), None)
        twice = self.receive(b"From: carl@home.test\r\n" + eml(From="boss@gateway.test"), box)
        self.assertActsAs(twice, None)

    # ------------------------------------------------------------------
    # Replies
    # ------------------------------------------------------------------

    def test_a_reply_stays_in_its_thread_without_an_author(self):
        first = self.thread()
        for result in (None, "fail"):
            with self.subTest(result=result):
                reply = self.answer(first, "boss@gateway.test", result)
                self.assertOutcome(reply, "done", "record_updated")
                self.assertEqual(self.made(reply), self.made(first))
                self.assertFalse(reply.mail_message_id.author_id)
                self.assertTrue(reply.is_author_withheld)

    def test_a_reply_that_is_not_false_stays_whatever_the_policy_is(self):
        first = self.thread()
        for policy in ("quarantine", "refuse"):
            self.alias_domain.gateway_sender_policy = policy
            with self.subTest(policy=policy):
                self.assertOutcome(self.answer(first), "done", "record_updated")

    def test_who_is_not_proved_lets_no_bounces_be_forgotten(self):
        """That the person writes says that the mailbox lives: not where somebody else writes in that name."""
        carl = self.carl.partner_id
        for sender, result, partner, count in (
            ("carl@home.test", None, carl, 3),
            ("carl@home.test", "fail", carl, 3),
            ("carl@home.test", "pass", carl, 0),
            ("ann@example.com", "fail", self.ann, 3),
            ("ann@example.com", None, self.ann, 0),
        ):
            partner.message_bounce = 3
            with self.subTest(sender=sender, result=result):
                self.assertEqual(self.take(sender, result).state, "done")
                self.assertEqual(partner.message_bounce, count)

    def test_a_portal_user_is_not_written_for(self):
        portal = new_test_user(self.env, "remote_portal", "base.group_portal", email="portal@remote.test")
        for result, user in ((None, self.env.user), ("fail", self.env.user), ("pass", portal)):
            with self.subTest(result=result):
                inbound = self.take("portal@remote.test", result)
                self.assertEqual(self.made(inbound).create_uid, user)

    def test_what_calls_itself_a_report_is_judged(self):
        self.alias_domain.gateway_sender_policy = "quarantine"
        self.alias("help")
        for fields_ in ({}, {"TLS_Report_Domain": "x", "TLS_Report_Submitter": "y"}):
            with self.subTest(fields=fields_):
                inbound = self.take("ben@example.com", "fail", To="help@gateway.test", **fields_)
                self.assertOutcome(inbound, "quarantined", "sender_not_proved")

    def test_who_writes_by_a_forwarder_of_our_own_is_the_author(self):
        box = self.mailbox(user="fwd@gateway.test", gateway_forwarders="info@gateway.test")
        body = b"See.\r\n\r\nFrom: Ann <ann@example.com>\r\nSent: Monday\r\nTo: Info\r\n\r\nThe card."
        for result in (None, "pass"):
            with self.subTest(result=result):
                inbound = self.take("info@gateway.test", result, box, Subject=f"FW: {result}", body=body)
                self.assertOutcome(inbound, "done", "record_created")
                self.assertEqual(inbound.mail_message_id.author_id, self.ann)
                self.assertFalse(inbound.mail_message_id.gateway_sender_mark)

    def test_a_signed_reply_address_proves_its_holder(self):
        processing, first = type(self.env["spp.email.processing"]), self.thread()

        def answer(sender, key, result=None):
            def steps(model, inbound, content):
                return [lambda summary, facts: facts.update(reply_key=key) or Verdict()]

            with patch.object(processing, "_loop_steps", steps):
                return self.answer(first, sender, result)

        message = first.mail_message_id
        key = {
            "message": message.id,
            "message_id": message.message_id,
            "model": message.model,
            "res_id": message.res_id,
            "partner_id": self.boss.partner_id.id,
            "address": "",
            "is_holder": True,
        }
        reply = answer("boss@gateway.test", key)
        self.assertEqual(reply.mail_message_id.author_id, self.boss.partner_id)
        # Whoever sees a copy of an answer has the address.
        self.assertEqual(reply.mail_message_id.gateway_sender_mark, "unproved")
        self.assertFalse(reply.is_author_withheld)
        # Their answer it is in the record that it was given for, and nowhere else.
        elsewhere = answer("boss@gateway.test", {**key, "res_id": self.ann.id})
        self.assertFalse(elsewhere.mail_message_id.author_id)
        # A mail that was passed on: who answers is not who had it.
        self.assertFalse(answer("carl@home.test", key).mail_message_id.author_id)
        self.assertEqual(answer("ann@example.com", key).mail_message_id.author_id, self.ann)
        self.assertFalse(answer("boss@gateway.test", key, "fail").mail_message_id.author_id)
        self.assertFalse(answer("boss@gateway.test", {}).mail_message_id.author_id)
        self.assertFalse(answer("boss@gateway.test", {**key, "partner_id": 10**9}).mail_message_id.author_id)

    # ------------------------------------------------------------------
    # Aliases that are not for everybody
    # ------------------------------------------------------------------

    def test_a_forged_sender_opens_no_restricted_alias(self):
        group = self.env["res.partner"].create({"name": "Group"})
        group.message_subscribe(self.boss.partner_id.ids)
        self.alias("partners-only", alias_contact="partners")
        self.alias(
            "followers-only",
            alias_contact="followers",
            alias_parent_model_id=self.partner_model.id,
            alias_parent_thread_id=group.id,
        )
        mails = self.env["mail.mail"].search_count([])
        for name in ("partners-only", "followers-only"):
            for sender, result in (
                ("boss@gateway.test", None),
                ("boss@gateway.test", "fail"),
                ("ann@example.com", "fail"),
            ):
                with self.subTest(name=name, sender=sender, result=result):
                    inbound = self.take(sender, result, To=f"{name}@gateway.test")
                    self.assertOutcome(inbound, "quarantined", "sender_not_proved")
            with self.subTest(name=name):
                opened = self.take("boss@gateway.test", "pass", To=f"{name}@gateway.test")
                self.assertOutcome(opened, "done", "record_created")
        self.assertEqual(self.env["mail.mail"].search_count([]), mails, "nobody is told")
        self.assertOutcome(self.take("ann@example.com", To="partners-only@gateway.test"), "done", "record_created")

    def test_a_reply_to_a_restricted_alias(self):
        self.alias("partners-only", alias_contact="partners")
        first = self.take("ann@example.com", To="partners-only@gateway.test")
        record = self.made(first)
        reply = self.answer(first, To="partners-only@gateway.test")
        self.assertOutcome(reply, "done", "record_updated")
        self.assertFalse(reply.mail_message_id.author_id)
        forged = self.answer(first, "boss@gateway.test", "fail", To="partners-only@gateway.test")
        self.assertOutcome(forged, "quarantined", "sender_not_proved")
        # Odoo makes a new record of an answer to one that is gone.
        record.unlink()
        self.assertOutcome(self.answer(first, To="partners-only@gateway.test"), "quarantined", "sender_not_proved")

    def test_who_says_to_be_of_ours_answers_no_alias_that_is_closed_to_whom_he_names(self):
        """Else claiming one of our addresses would open what an honest stranger finds closed."""
        self.alias("partners-only", alias_contact="partners")
        self.alias("followers-only", alias_contact="followers")
        for name, honest in (("partners-only", "boss@gateway.test"), ("followers-only", "ben@example.com")):
            first = self.thread()
            self.made(first).message_subscribe(self.ben.ids)
            to = f"{name}@gateway.test"
            stranger = self.answer(first, "stranger@example.org", To=to)
            self.assertOutcome(stranger, "quarantined", "route_refused")
            mails = self.env["mail.mail"].search_count([])
            claims = self.answer(first, "nobody@gateway.test", To=to)
            self.assertOutcome(claims, "quarantined", "sender_not_proved")
            self.assertEqual(self.env["mail.mail"].search_count([]), mails, "nobody is told")
            self.assertOutcome(self.answer(first, honest, To=to), "done", "record_updated")
        # The boss follows nothing, proved or not.
        self.assertOutcome(self.answer(first, To="followers-only@gateway.test"), "quarantined", "sender_not_proved")
        self.made(first).message_subscribe(self.boss.partner_id.ids)
        reply = self.answer(first, To="followers-only@gateway.test")
        self.assertOutcome(reply, "done", "record_updated")
        self.assertFalse(reply.mail_message_id.author_id)

    # ------------------------------------------------------------------
    # Policies
    # ------------------------------------------------------------------

    def test_naming_a_known_message_is_no_way_round_the_policy(self):
        """Only an answer stays with its record: what the same Message-ID takes elsewhere is held as any mail."""
        first = self.thread()
        self.alias("help")
        channels = self.env["ir.model"]._get("discuss.channel")
        self.alias("other", alias_model_id=channels.id)
        for policy in ("quarantine", "refuse"):
            self.alias_domain.gateway_sender_policy = policy
            with self.subTest(policy=policy):
                elsewhere = self.answer(first, To="other@gateway.test")
                self.assertOutcome(elsewhere, "quarantined", "sender_not_proved")
                self.assertTrue(elsewhere.detail)
                self.assertOutcome(self.answer(first, To="help@gateway.test"), "done", "record_updated")
        # A message without a record is nothing to answer.
        first.mail_message_id.write({"model": False, "res_id": False})
        self.assertOutcome(self.answer(first), "quarantined", "sender_not_proved")
        with self.own_cursors():
            elsewhere.with_user(self.officer).action_accept_sender()
        self.assertOutcome(elsewhere, "done", "record_created")

    def test_the_policy_of_the_alias_domain(self):
        for policy, sender, result, expected in (
            ("accept", "boss@gateway.test", None, ("done", "record_created")),
            ("quarantine", "boss@gateway.test", None, ("quarantined", "sender_not_proved")),
            ("quarantine", "boss@gateway.test", "fail", ("quarantined", "sender_not_proved")),
            ("quarantine", "boss@gateway.test", "pass", ("done", "record_created")),
            ("quarantine", "ann@example.com", None, ("done", "record_created")),
            ("quarantine", "ann@example.com", "fail", ("quarantined", "sender_not_proved")),
            ("refuse", "ann@example.com", "fail", ("discarded", "sender_not_proved")),
            ("refuse", "boss@gateway.test", None, ("quarantined", "sender_not_proved")),
        ):
            self.alias_domain.gateway_sender_policy = policy
            with self.subTest(policy=policy, sender=sender, result=result):
                inbound = self.take(sender, result)
                self.assertOutcome(inbound, *expected)
                if expected[0] != "done":
                    self.assertTrue(inbound.detail)

    def test_of_several_domains_the_strictest_policy_holds(self):
        """Whoever writes chooses the order of To and Cc."""
        lax = self.env["mail.alias.domain"].create({"name": "lax.test", "gateway_sender_policy": "accept"})
        self.alias_domain.gateway_sender_policy = "quarantine"
        self.alias("help")
        self.alias("open", alias_domain_id=lax.id)
        here, there = "help@gateway.test", "open@lax.test"
        for fields_, is_held in (
            ({"To": there}, False),
            ({"To": here}, True),
            ({"To": f"{there}, {here}"}, True),
            ({"To": f"{here}, {there}"}, True),
            ({"To": there, "Cc": here}, True),
            ({"To": here, "Delivered_To": "box@lax.test"}, True),
            # It was delivered for this one, and the other gets a copy of its own.
            ({"To": f"{here}, {there}", "X_Original_To": there}, False),
            ({"To": f"{here}, {there}", "X_Original_To": here}, True),
        ):
            with self.subTest(**fields_):
                inbound = self.take(**fields_)
                if is_held:
                    self.assertOutcome(inbound, "quarantined", "sender_not_proved")
                else:
                    self.assertOutcome(inbound, "done", "record_created")

    def test_accepting_all_shows_nothing_and_lets_nobody_act_as_us(self):
        self.alias_domain.gateway_sender_policy = "accept"
        inbound = self.take("boss@gateway.test", "fail")
        self.assertActsAs(inbound, None)
        self.assertFalse(inbound.mail_message_id.gateway_sender_mark)
        # What would change nothing is not asked.
        stranger = self.take("ann@example.com", "fail")
        self.assertFalse(stranger.sender_result)
        self.assertIn("not checked", [step["followed"] for step in stranger.trace])

    def test_the_policy_of_the_mailbox_goes_first(self):
        self.alias_domain.gateway_sender_policy = "refuse"
        box = self.mailbox(user="open@gateway.test", gateway_sender_policy="accept", gateway_trusted_servers=MX)
        self.assertOutcome(self.take("ann@example.com", "fail", box=box), "done", "record_created")
        box.gateway_sender_policy = "quarantine"
        self.assertOutcome(self.take("ann@example.com", "fail", box=box), "quarantined", "sender_not_proved")

    def test_a_report_of_our_own_server_is_not_held(self):
        self.alias_domain.gateway_sender_policy = "quarantine"
        processing = type(self.env["spp.email.processing"])
        kind = Classification(MessageKind.DELIVERY_FAILURE)
        steps = [lambda summary, facts: facts.update(kind=kind) or Verdict()]
        with patch.object(processing, "_kind_steps", lambda model, inbound, content: steps):
            inbound = self.take("Mail Server <MAILER-DAEMON@gateway.test>")
        self.assertEqual(inbound.state, "done")

    def test_mail_of_ours_that_comes_back_is_a_duplicate(self):
        self.alias_domain.gateway_sender_policy = "quarantine"
        message = self.ann.message_post(body="x", message_type="comment")
        ring = self.env["spp.email.token.key"]._ring()
        mark = {HEADER.replace("-", "_"): own_mark(ring, fields.Datetime.now())}
        inbound = self.take(Message_ID=message.message_id, **mark)
        self.assertOutcome(inbound, "duplicate", "known_message_id")
        # The mark alone is no proof: whoever got a mail of ours has it.
        self.assertOutcome(self.take(**mark), "quarantined", "sender_not_proved")

    def test_the_check_asks_the_database_once_a_batch(self):
        def cost(number):
            for _number in range(number):
                self.journal(eml(From="ann@example.com", To="box@gateway.test"), self.box)
            before = sql_db.sql_counter
            self.assertEqual(self.process(), {("done", "record_created"): number})
            return sql_db.sql_counter - before

        checked = type(self.env["spp.email.processing"])
        cost(1)
        costs = []
        for steps in (checked._sender_steps, lambda *unused: []):
            with patch.object(checked, "_sender_steps", steps):
                costs.append((cost(1), cost(6)))
        (one, six), (plain_one, plain_six) = costs
        self.assertLessEqual(six - plain_six, one - plain_one + 1, costs)

    def test_an_officer_accepts_the_sender(self):
        self.alias_domain.gateway_sender_policy = "quarantine"
        inbound = self.take()
        self.assertOutcome(inbound, "quarantined", "sender_not_proved")
        with self.assertRaises(AccessError):
            inbound.with_user(self.viewer).action_accept_sender()
        with self.own_cursors():
            inbound.with_user(self.officer).action_accept_sender()
        inbound.invalidate_recordset()
        self.assertOutcome(inbound, "done", "record_created")
        self.assertActsAs(inbound, self.boss)
        self.assertTrue(inbound.is_sender_accepted)
        self.assertFalse(inbound.mail_message_id.gateway_sender_mark, "nothing was proved")
        with self.assertRaisesRegex(UserError, "wait because of their sender"):
            inbound.with_user(self.officer).action_accept_sender()

    def test_what_others_have_decided_meanwhile_is_not_accepted(self):
        self.alias_domain.gateway_sender_policy = "quarantine"
        mine, theirs, changed = self.take(), self.take(), self.take()
        decide = type(mine)._decide

        def decide_late(rows, *arguments, **options):
            # Between the look at the reasons and the lock.
            self.sql("UPDATE spp_email_inbound SET state = 'received' WHERE id = %s RETURNING id", theirs.id)
            self.sql("UPDATE spp_email_inbound SET reason = 'loop' WHERE id = %s RETURNING id", changed.id)
            return decide(rows, *arguments, **options)

        with self.own_cursors(), patch.object(type(mine), "_decide", decide_late):
            (mine | theirs | changed).with_user(self.officer).action_accept_sender()
        (mine | theirs | changed).invalidate_recordset()
        self.assertEqual((mine | theirs | changed).mapped("is_sender_accepted"), [True, False, False])

    def test_a_forged_sender_gets_no_notice(self):
        self.alias("closed", alias_contact="partners")
        for result in ("fail", None):
            with self.subTest(result=result):
                mails = self.env["mail.mail"].search_count([])
                inbound = self.take("stranger@example.org", result, To="closed@gateway.test")
                self.assertEqual(inbound.state, "quarantined")
                told = self.env["mail.mail"].search_count([]) - mails
                self.assertEqual(told, 0 if result else 1)

    def test_what_is_uploaded_proves_nothing_by_its_header(self):
        for source, user in (("imap", self.boss), ("upload", None), ("rpc", None)):
            with self.subTest(source=source):
                content = f"Authentication-Results: {noted('pass')}\r\n".encode() + eml(From="boss@gateway.test")
                inbound = self.journal(content, self.box)
                inbound.source = source
                self.process()
                self.assertActsAs(inbound, user)

    def test_programs_that_authenticate_our_users(self):
        parameters = self.env["ir.config_parameter"]
        for value, source, user in (
            ("True", "rpc", self.boss),
            ("1", "rpc", self.boss),
            ("False", "rpc", None),
            ("True", "upload", None),
            ("True", "imap", None),
        ):
            with self.subTest(value=value, source=source):
                parameters.set_param(PROGRAMS_PARAMETER, value)
                inbound = self.journal(eml(From="boss@gateway.test"), self.box)
                inbound.source = source
                self.process()
                self.assertActsAs(inbound, user)

    # ------------------------------------------------------------------
    # Own verification
    # ------------------------------------------------------------------

    def resolve(self, server):
        address, port = server._socket.getsockname()
        self.env["ir.config_parameter"].set_param(SERVERS_PARAMETER, f"{address}:{port}")

    def test_a_signature_proves_a_user(self):
        box = self.mailbox(user="plain@gateway.test")
        content = signed(letter("Boss <boss@gateway.test>"), "gateway.test")
        with NameServer(zone(domain="gateway.test", dmarc="v=DMARC1; p=reject")) as server:
            self.resolve(server)
            inbound = self.receive(content, box)
            self.assertActsAs(inbound, self.boss)
            self.assertEqual(inbound.sender_reasons, "gateway.test signed it (DKIM).")
            changed = content.replace(b"hello", b"hell0").replace(b"Message-ID: <", b"Message-ID: <x")
            forged = self.receive(changed, box)
            self.assertActsAs(forged, None)
            self.assertEqual(forged.sender_result, "fail")
            asked = len(server.asked)
            self.receive(signed(letter("Boss <boss@gateway.test>"), "gateway.test"), box)
            self.assertEqual(len(server.asked), asked, "keys are remembered")

    def test_a_test_asks_nobody(self):
        box = self.mailbox(user="plain@gateway.test")
        inbound = self.receive(signed(letter("boss@gateway.test"), "gateway.test"), box)
        self.assertActsAs(inbound, None)
        self.assertIn("DNS was not asked", inbound.sender_reasons)

    # ------------------------------------------------------------------
    # Who may say that a message is proved
    # ------------------------------------------------------------------

    def test_nobody_proves_a_message_by_hand(self):
        partner = self.env["res.partner"].create({"name": "Thread"})
        with self.assertRaises(ValueError):
            partner.with_user(self.plain).message_post(body="x", gateway_sender_mark="proved")
        for context in ({}, {"spp_email_attempt": {"facts": {"sender_decision": 1}}}, {"spp_email_attempt": True}):
            with self.subTest(context=context):
                messages = self.env["mail.message"].with_user(self.system).with_context(**context)
                message = messages.create(
                    {"body": "x", "model": "res.partner", "res_id": partner.id, "gateway_sender_mark": "proved"}
                )
                message.write({"gateway_sender_mark": "proved", "gateway_sender_words": "so it is"})
                self.assertFalse(message.gateway_sender_mark)
                self.assertFalse(message.gateway_sender_words)

    def test_others_read_nothing_of_the_check(self):
        """By RPC a portal user reads the messages that he sees, and the words name servers of ours."""
        inbound = self.take(result="fail")
        self.made(inbound).message_subscribe(self.portal.partner_id.ids)
        message = inbound.mail_message_id
        self.assertEqual(message.with_user(self.plain).gateway_sender_mark, "forged")
        messages = self.env["mail.message"].with_user(self.portal)
        for name in ("gateway_sender_mark", "gateway_sender_words"):
            self.assertNotIn(name, list(messages.fields_get()))
            with self.assertRaises(AccessError):
                messages.search([(name, "!=", False)])
            with self.assertRaises(AccessError):
                message.with_user(self.portal).read([name])

    def test_staff_is_told(self):
        message = self.take(result="fail").mail_message_id
        told = Store().add(message.with_user(self.plain)).get_result()["mail.message"][0]
        self.assertEqual(told["gateway_sender_mark"], "forged")
        self.assertIn("mx.gateway.test", told["gateway_sender_words"])
        self.made(self.env["spp.email.inbound"].search([("mail_message_id", "=", message.id)])).message_subscribe(
            self.portal.partner_id.ids
        )
        told = Store().add(message.with_user(self.portal).sudo()).get_result()["mail.message"][0]
        self.assertNotIn("gateway_sender_words", told)
