# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail that goes in circles: what is counted, what is held, who is told, and how it ends."""

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from ..engine.loop_signs import HOPS, TURNS_HEADER
from ..engine.outcome import InboundSource
from ..engine.own_mark import HEADER, own_mark
from ..engine.pipeline import Verdict
from ..engine.sender_verdict import SenderResult, SenderVerdict
from ..engine.smtp_session import NOTICE_HEADER
from ..models.spp_email_loop import HOPS_PARAMETER, LIMIT_PARAMETERS
from .common import GatewayCase, eml

LIMITS = {limit.value: parameter for limit, parameter in LIMIT_PARAMETERS.items()}
ANN = "ann@example.com"


class LoopCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    def limit(self, **limits):
        """Set limits, by the engine's names."""
        for name, number in limits.items():
            self.env["ir.config_parameter"].set_param(LIMITS[name], number)

    def flood(self, number, **fields_):
        """Receive so many mails one after the other; return their reasons."""
        return [self.receive(eml(**fields_), self.box).reason for _count in range(number)]

    def held(self, **fields_):
        """Receive one that is held as a loop; return its row."""
        inbound = self.receive(eml(**fields_), self.box)
        self.assertOutcome(inbound, "quarantined", "loop")
        return inbound

    def breakers(self):
        return self.env["spp.email.loop.breaker"].search([])

    def mails(self, address=ANN):
        return self.env["mail.mail"].search([("email_to", "=", address)])


@tagged("post_install", "-at_install")
class TestLoops(LoopCase):
    def test_the_guides_20_in_120_minutes(self):
        for parameter in LIMITS.values():
            self.env["ir.config_parameter"].set_param(parameter, False)
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.minutes", False)
        self.assertEqual(set(self.flood(20)), {"record_created"})
        inbound = self.held(Subject="One too many")
        self.assertEqual(
            inbound.detail,
            "20 mails of ann@example.com made records within 120 minutes: no more than 20 are let in.",
        )
        self.assertFalse(self.partners("One too many"))
        self.assertFalse(inbound.record_ids)
        self.assertIn("mail that goes in circles", [step["looked_at"] for step in inbound.trace])
        # Others are not concerned.
        self.assertEqual(self.flood(1, From="ben@example.com"), ["record_created"])

    def test_both_parameters_of_the_guides_hold(self):
        self.limit(sender=2)
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.minutes", "30")
        first = self.receive(eml(), self.box)
        self.assertEqual(self.flood(2), ["record_created", "loop"])
        self.sql(
            "UPDATE spp_email_inbound SET received_date = received_date - interval '31 minutes' WHERE id = %s"
            " RETURNING id",
            first.id,
        )
        self.assertEqual(self.flood(2), ["record_created", "loop"])

    def test_every_model_is_protected(self):
        # Odoo counts nothing where a model has no field for an email address.
        self.limit(sender=2)
        model = self.env["ir.model"]._get("discuss.channel")
        self.assertFalse(self.env["discuss.channel"]._mail_get_primary_email_field())
        box = self.mailbox(object_id=model.id, user="channels@gateway.test")
        found = [self.receive(eml(), box).reason for _count in range(3)]
        self.assertEqual(found, ["record_created", "record_created", "loop"])

    def test_others_of_the_same_batch_count(self):
        self.limit(sender=3)
        inbounds = [self.journal(eml(), self.box) for _count in range(6)]
        self.process()
        self.assertEqual([one.reason for one in inbounds], ["record_created"] * 3 + ["loop"] * 3)

    def test_one_that_fails_in_a_batch_does_not_count(self):
        self.limit(sender=2)
        processing = type(self.env["spp.email.processing"])
        process = processing._process

        def fail(model, claim, attempt):
            result = process(model, claim, attempt)
            if claim.id == inbounds[1].id:
                raise ZeroDivisionError
            return result

        inbounds = [self.journal(eml(), self.box) for _count in range(4)]
        with patch.object(processing, "_process", fail), mute_logger("odoo.addons.spp_email_gateway"):
            self.process()
        self.assertEqual(
            [one.reason for one in inbounds], ["record_created", "creation_failed", "record_created", "loop"]
        )

    def test_what_did_not_come_by_mail_does_not_count(self):
        self.limit(sender=2)
        self.env["res.partner"].create([{"name": f"Imported {n}", "email": ANN} for n in range(30)])
        self.assertEqual(self.flood(3), ["record_created", "record_created", "loop"])

    def test_what_was_held_does_not_count(self):
        self.limit(sender=2)
        first, _second, third = (self.receive(eml(), self.box) for _count in range(3))
        self.assertEqual((third.reason, third.loop_count, first.loop_count), ("loop", False, "new"))
        self.sql("UPDATE spp_email_inbound SET received_date = '2000-01-01' WHERE id = %s RETURNING id", first.id)
        self.assertEqual(self.flood(1), ["record_created"])

    def test_replies_have_a_higher_limit_of_their_own(self):
        self.limit(sender=2, sender_replies=4)
        first = self.receive(eml(Message_ID="<first@example.com>"), self.box)
        self.assertEqual(self.flood(5, In_Reply_To=first.message_id), ["record_updated"] * 4 + ["loop"])
        # The replies did not count for new ones, nor the other way round.
        self.assertEqual(self.flood(2), ["record_created", "loop"])
        inbound = self.held(In_Reply_To=first.message_id)
        self.assertIn("4 mails of ann@example.com were added to records within", inbound.detail)
        # It reached nothing.
        self.assertFalse(inbound.record_ids or inbound.res_id)

    def test_the_limit_for_one_target(self):
        self.limit(sender=9, sender_target=2)
        self.assertEqual(self.flood(3), ["record_created", "record_created", "loop"])
        channels = self.mailbox(object_id=self.env["ir.model"]._get("discuss.channel").id, user="c@gateway.test")
        self.assertEqual(self.receive(eml(), channels).reason, "record_created")

    def test_a_shared_domain_is_shut_out_by_no_default(self):
        self.limit(sender=2)
        self.assertEqual(
            {self.receive(eml(From=f"person{n}@ministry.example"), self.box).reason for n in range(6)},
            {"record_created"},
        )

    def test_a_mailbox_that_adds_all_to_one_record_is_no_conversation(self):
        self.limit(target=2)
        partner = self.env["res.partner"].create({"name": "The one"})
        box = self.mailbox(
            user="one@gateway.test",
            object_id=False,
            gateway_action="attach",
            gateway_record=f"res.partner,{partner.id}",
        )
        found = {self.receive(eml(From=f"p{n}@example.com"), box).reason for n in range(4)}
        self.assertEqual(found, {"record_updated"})

    def test_what_waited_while_the_gateway_was_down_is_no_flood(self):
        self.limit(sender=2)
        inbounds = [self.journal(eml(), self.box) for _count in range(4)]
        for number, inbound in enumerate(inbounds):
            self.sql(
                "UPDATE spp_email_inbound SET received_date = now() AT TIME ZONE 'UTC' - %s * interval '61 minutes'"
                " WHERE id = %s RETURNING id",
                4 - number,
                inbound.id,
            )
        self.env.invalidate_all()
        self.process()
        # Two within the window of each.
        self.assertEqual([one.reason for one in inbounds], ["record_created"] * 4)

    def test_a_retry_counts_anew(self):
        self.limit(sender=1)
        first = self.receive(eml(), self.box)
        inbound = self.held()
        with self.own_cursors():
            inbound.with_user(self.officer).action_retry()
        self.process()
        self.assertOutcome(inbound, "quarantined", "loop")
        self.sql("UPDATE spp_email_inbound SET received_date = '2000-01-01' WHERE id = %s RETURNING id", first.id)
        self.env.invalidate_all()
        with self.own_cursors():
            inbound.with_user(self.officer).action_retry()
        self.process()
        self.assertOutcome(inbound, "done", "record_created")

    def test_the_list_of_allowed_senders_is_honoured(self):
        self.limit(sender=1, domain=1)
        self.env["mail.gateway.allowed"].create({"email": "Scanner <ANN@example.com>"})
        self.assertEqual(set(self.flood(3)), {"record_created"})
        self.assertFalse(self.breakers())

    def test_a_person_who_routes_it_is_not_stopped(self):
        self.limit(sender=1)
        self.flood(1)
        inbound = self.held()
        with self.own_cursors():
            wizard = self.env["spp.email.inbound.route"].create(
                {"inbound_ids": inbound.ids, "target_model": "res.partner"}
            )
            wizard.action_confirm()
        self.assertOutcome(inbound, "done", "record_created")

    def test_a_mailbox_with_an_action_is_protected(self):
        self.limit(sender=2)
        action = self.env["ir.actions.server"].create(
            {
                "name": "Answer",
                "model_id": self.env["ir.model"]._get("spp.email.inbound").id,
                "state": "code",
                "code": "env['mail.mail'].create({'email_to': record.email_from, 'body_html': 'x'})",
            }
        )
        box = self.mailbox(
            user="action@gateway.test",
            object_id=False,
            gateway_action="server_action",
            gateway_server_action_id=action.id,
        )
        found = [self.receive(eml(), box).reason for _count in range(4)]
        self.assertEqual(found, ["action_run", "action_run", "loop", "loop"])

    @mute_logger("odoo.addons.mail.models.mail_thread")
    def test_outside_of_the_gateway_odoo_counts(self):
        self.limit(sender=2)
        self.env["res.partner"].create([{"name": f"Imported {n}", "email": ANN} for n in range(2)])
        # By a program of ours that calls it, as test suites do; no journal is asked.
        self.assertIsNone(self.env["mail.thread"].message_process("res.partner", eml(Subject="Not taken")))
        self.assertFalse(self.partners("Not taken"))

    def test_a_batch_asks_once(self):
        self.limit(sender=5, domain=50)
        inbounds = self.env["spp.email.inbound"].concat(
            *(self.journal(eml(From=f"p{number}@example.com"), self.box) for number in range(10))
        )
        loops = self.env["spp.email.loop"]
        loops._settings()
        inbounds.fetch()
        # What came from whom, and whether it is mail of our own.
        with self.assertQueryCount(2):
            loops._prepare(inbounds)

    # ------------------------------------------------------------------
    # Attacks
    # ------------------------------------------------------------------

    def test_an_autoresponder_that_changes_its_address_within_a_conversation(self):
        self.limit(target=3)
        partner = self.env["res.partner"].create({"name": "Case"})
        message = partner.message_post(body="start", message_type="comment", subtype_xmlid="mail.mt_comment")
        found = [
            self.receive(eml(From=f"robot{n}@example.com", In_Reply_To=message.message_id), self.box) for n in range(5)
        ]
        self.assertEqual([one.reason for one in found], ["record_updated"] * 3 + ["loop"] * 2)
        self.assertIn(f"3 replies reached the record res.partner,{partner.id} within", found[3].detail)
        # Each address wrote once: none of them is told.
        self.assertFalse(self.env["mail.mail"].search([("email_to", "like", "robot")]))

    def test_an_autoresponder_that_changes_its_address_at_one_domain(self):
        self.limit(domain=3)
        found = [self.receive(eml(From=f"robot{n}@Example.COM"), self.box) for n in range(5)]
        self.assertEqual([one.reason for one in found], ["record_created"] * 3 + ["loop"] * 2)
        self.assertIn("3 mails from the domain example.com made or reached records", found[3].detail)
        self.assertFalse(self.env["mail.mail"].search([("email_to", "like", "robot")]))
        self.assertEqual(self.breakers().mapped("who"), ["example.com"])
        self.assertEqual(self.flood(1, From="ann@sub.example.com"), ["record_created"])

    def test_the_forwarder_is_never_counted(self):
        self.limit(sender=1)

        def work_out(model, inbound, content):
            def step(summary, facts):
                facts["original_sender"] = summary.header("X-Original-From")
                return Verdict()

            return [step]

        with patch.object(type(self.env["spp.email.processing"]), "_sender_steps", work_out):
            found = [
                self.receive(eml(From="desk@example.com", X_Original_From=sender), self.box)
                for sender in ("one@a.test", "two@a.test", "three@a.test", "one@a.test")
            ]
        self.assertEqual([one.reason for one in found], ["record_created"] * 3 + ["loop"])
        self.assertEqual(found[3].loop_sender, "one@a.test")
        # Nor told: who wrote too often is.
        self.assertEqual((len(self.mails("desk@example.com")), len(self.mails("one@a.test"))), (0, 1))

    def test_a_forger_does_not_shut_out_whom_he_names(self):
        self.limit(sender=1)

        def judge(model, inbound, content):
            def step(summary, facts):
                result = SenderResult(summary.header("X-Result"))
                facts["sender_verdict"] = SenderVerdict(result)
                return Verdict()

            return [step]

        with patch.object(type(self.env["spp.email.processing"]), "_sender_steps", judge):
            found = [
                self.receive(eml(X_Result=result), self.box).reason for result in ("fail", "fail", "pass", "none")
            ]
        self.assertEqual(found, ["record_created", "loop", "record_created", "loop"])
        # And whom he names is told of his own mail only.
        self.assertEqual(len(self.mails()), 1)

    # ------------------------------------------------------------------
    # Signs in the header
    # ------------------------------------------------------------------

    def test_too_many_servers(self):
        received = ("Received: from a by b; Mon, 04 May 2026 12:00:00 +0000\r\n" * (HOPS + 1)).encode()
        inbound = self.receive(received + eml(Subject="Far away"), self.box)
        self.assertOutcome(inbound, "quarantined", "too_many_hops")
        self.assertIn(f"It passed {HOPS + 1} servers; more than {HOPS} are the sign of a loop.", inbound.detail)
        self.env["ir.config_parameter"].set_param(HOPS_PARAMETER, 99)
        self.assertEqual(self.receive(received + eml(), self.box).reason, "record_created")

    def test_own_mail_that_comes_back(self):
        mark = own_mark(self.env["spp.email.token.key"]._ring(), self.cr.now())
        field = HEADER.replace("-", "_")
        inbound = self.held(**{field: mark}, Subject="Our own")
        self.assertEqual(inbound.detail, "This database sent it itself, and it came back.")
        # One of a chatter is a duplicate, as ever.
        message = self.env["res.partner"].create({"name": "Case"}).message_post(body="x", message_type="comment")
        known = self.receive(eml(**{field: mark}, Message_ID=message.message_id), self.box)
        self.assertOutcome(known, "duplicate", "known_message_id")

    def test_own_message_id_that_comes_back(self):
        mail = self.env["mail.mail"].create({"email_to": "x@example.com"})
        self.env["spp.email.delivery"].create(
            {"mail_id": mail.id, "recipient": "x@example.com", "message_id": "<ours@host>", "state": "sent"}
        )
        self.env["spp.email.delivery"].create(
            {"mail_id": mail.id, "recipient": "y@example.com", "remote_message_id": "<theirs@ses>", "state": "sent"}
        )
        for message_id in ("<ours@host>", "<theirs@ses>"):
            with self.subTest(message_id):
                inbound = self.held(Message_ID=message_id)
                self.assertIn("This database sent a mail with this Message-ID", inbound.detail)
        self.env["mail.gateway.allowed"].create({"email": ANN})
        self.sql("DELETE FROM spp_email_inbound RETURNING id")
        self.assertEqual(self.receive(eml(Message_ID="<ours@host>"), self.box).reason, "record_created")

    def test_it_came_by_the_same_mailbox_twice(self):
        head = b"Delivered-To: box@gateway.test\r\nReceived: x\r\n" * 2
        inbound = self.receive(head + eml(), self.box)
        self.assertOutcome(inbound, "quarantined", "loop")
        self.assertIn("It was delivered to box@gateway.test before", inbound.detail)

    def test_mail_made_because_of_mail_says_so(self):
        self.alias("members", alias_contact="partners")
        with mute_logger("odoo.addons.mail.models.mail_thread"):
            self.receive(eml(To="members@gateway.test"), self.box)
        notice = self.mails()
        self.assertEqual(notice.gateway_turns, 1)
        self.assertEqual(notice._prepare_outgoing_list()[0]["headers"][TURNS_HEADER], "1")
        # A notification that an incoming message causes.
        follower = self.env["res.partner"].create({"name": "Follower", "email": "follower@example.com"})
        partner = self.env["res.partner"].create({"name": "Case"})
        partner.message_subscribe(follower.ids)
        message = partner.message_post(body="start", message_type="comment", subtype_xmlid="mail.mt_comment")
        self.assertFalse(message.mail_ids.gateway_turns)
        reply = self.receive(eml(In_Reply_To=message.message_id, **{TURNS_HEADER.replace("-", "_"): "1"}), self.box)
        self.assertOutcome(reply, "done", "record_updated")
        mails = reply.mail_message_id.mail_ids
        self.assertTrue(mails)
        self.assertEqual(mails.mapped("gateway_turns"), [2])

    def test_the_answer_to_an_answer_is_held(self):
        self.held(**{TURNS_HEADER.replace("-", "_"): "2"})

    # ------------------------------------------------------------------
    # Who is told
    # ------------------------------------------------------------------

    def test_the_first_that_is_held_is_answered_and_the_rest_are_silent(self):
        self.limit(sender=1)
        self.flood(1)
        first = self.held(Subject="Please", To="Box <box@gateway.test>", Message_ID="<please@example.com>")
        mail = self.mails()
        self.assertEqual(len(mail), 1)
        text = " ".join(mail.body_html.split())
        self.assertIn("could not be accepted by the address box@gateway.test because you have contacted it", text)
        self.assertIn("too many times in the last few minutes.", text)
        self.assertEqual((mail.subject, mail.state), ("Re: Please", "outgoing"))
        self.assertRegex(mail.references, r"^<please@example\.com> <\S+-loop-detection-bounce-email@\S+>$")
        headers = safe_eval(mail.headers)
        self.assertEqual((headers[NOTICE_HEADER], headers["Auto-Submitted"]), ("1", "auto-replied"))
        notice = self.env["spp.email.notice"].search([("inbound_id", "=", first.id)])
        self.assertEqual((notice.notice_type, notice.mail_id), ("loop", mail))
        for _count in range(3):
            self.held()
        self.assertEqual(len(self.mails()), 1)
        # A day later the first one is told again.
        self.sql("UPDATE spp_email_notice SET create_date = '2000-01-01' RETURNING id")
        self.held()
        self.assertEqual(len(self.mails()), 2)

    def test_other_notices_do_not_use_it_up(self):
        self.alias("members", alias_contact="partners")
        self.limit(sender=1)
        with mute_logger("odoo.addons.mail.models.mail_thread"):
            self.receive(eml(To="members@gateway.test"), self.box)
        self.flood(1)
        self.held()
        self.assertEqual(len(self.mails()), 2)

    def test_who_is_never_told(self):
        self.limit(sender=1)
        for name, more in (
            ("automatic", {"Auto_Submitted": "auto-generated"}),
            ("a list", {"List_Id": "<l.example.com>"}),
            ("null return path", {"Return_Path": "<>"}),
            ("another gateway", {TURNS_HEADER.replace("-", "_"): "1"}),
        ):
            sender = f"{name.replace(' ', '-')}@example.com"
            with self.subTest(name):
                self.flood(1, From=sender)
                self.held(From=sender, **more)
                self.assertFalse(self.mails(sender))

    def test_a_null_return_path_in_the_envelope_is_never_answered(self):
        self.limit(sender=1)
        door, _token = self.intake(target_model="res.partner")
        for sender, told in (("", 0), (ANN, 1)):
            with self.subTest(sender=sender):
                for _count in range(2):
                    with self.own_cursors():
                        row, _is_new = self.env["spp.email.reception"]._receive(
                            door, eml(), sender, "box@gateway.test", InboundSource.LMTP
                        )
                    self.process()
                inbound = self.env["spp.email.inbound"].browse(row)
                self.assertOutcome(inbound, "quarantined", "loop")
                self.assertEqual(len(self.mails()), told)

    def test_the_notice_names_three_addresses_and_no_words_of_the_sender(self):
        self.limit(sender=1)
        self.flood(1)
        self.held(To=", ".join(f'"Buy it at evil.test" <a{n}@gateway.test>' for n in range(9)))
        text = " ".join(self.mails().body_html.split())
        self.assertNotIn("evil", text)
        self.assertIn("a0@gateway.test, a1@gateway.test, a2@gateway.test because", text)

    def test_an_answer_to_the_notice_is_held_and_can_be_released(self):
        self.limit(sender=1)
        self.flood(1)
        self.held()
        answer = self.held(From="ben@example.com", References=self.mails().references, Subject="Let me in")
        self.assertEqual(answer.detail, "It answers a notice of this database.")
        self.release(answer)
        self.assertOutcome(answer, "done", "record_created")

    # ------------------------------------------------------------------
    # What people do
    # ------------------------------------------------------------------

    def release(self, inbounds, user=None, **values):
        with self.own_cursors():
            wizard = (
                self.env["spp.email.loop.release"]
                .with_user(user or self.officer)
                .create({"inbound_ids": inbounds.ids, **values})
            )
            return wizard.action_confirm()

    def test_an_officer_releases_many(self):
        self.limit(sender=1)
        self.flood(1)
        held = self.env["spp.email.inbound"].concat(*(self.held(Subject=f"Held {n}") for n in range(3)))
        self.release(held)
        for number, inbound in enumerate(held):
            self.assertOutcome(inbound, "done", "record_created")
            self.assertEqual(len(self.partners(f"Held {number}")), 1)
            self.assertFalse(inbound.detail)
            self.assertIn("Release", inbound.decisions[-1]["followed"])
        # They do not count, and nobody was put on a list.
        self.assertEqual(held.mapped("loop_count"), [False] * 3)
        self.assertFalse(self.env["mail.gateway.allowed"].search([]))
        self.held()

    def test_a_manager_accepts_all_further_mail(self):
        self.limit(sender=1)
        self.flood(1)
        inbound = self.held()
        with self.assertRaises(AccessError) as caught, self.cr.savepoint():
            self.release(inbound, is_allowed=True)
        self.assertIn("Only managers of the email gateway let a sender write without limit.", str(caught.exception))
        self.env.invalidate_all()
        self.assertEqual(inbound.state, "quarantined")
        self.manager.group_ids += self.env.ref("base.group_partner_manager")
        self.release(inbound, self.manager, is_allowed=True)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(self.env["mail.gateway.allowed"].search([]).mapped("email_normalized"), [ANN])
        self.assertFalse(self.breakers().is_open)
        self.assertEqual(set(self.flood(3)), {"record_created"})

    def test_only_what_is_held_as_a_loop_is_released(self):
        inbound = self.journal(eml())
        self.process()
        self.assertEqual(inbound.reason, "no_route")
        with self.assertRaises(UserError) as caught:
            inbound.with_user(self.officer).action_ask_release()
        self.assertIn("None of these messages is held as a mail loop.", str(caught.exception))
        self.limit(sender=1)
        self.flood(1)
        held = self.held()
        action = (inbound + held).with_user(self.officer).action_ask_release()
        self.assertEqual(action["context"]["default_inbound_ids"], held.ids)
        with self.assertRaises(AccessError):
            held.with_user(self.viewer).action_ask_release()
        with self.assertRaises(AccessError):
            held.with_user(self.viewer)._release()

    def test_the_breaker_says_which_limit(self):
        self.limit(sender=2)
        before = fields.Datetime.now()
        self.flood(2)
        for _count in range(3):
            self.held()
        breaker = self.breakers()
        self.assertEqual((breaker.who, breaker.limit_kind, breaker.held_count), (ANN, "sender", 3))
        self.assertIn("2 mails of ann@example.com made records within 120 minutes", breaker.words)
        self.assertTrue(breaker.is_open)
        self.assertGreaterEqual(breaker.since_date, before)
        self.assertGreater(breaker.until_date, before + timedelta(minutes=115))
        self.assertLessEqual(breaker.until_date, fields.Datetime.now() + timedelta(minutes=120))
        domain = breaker.with_user(self.viewer).action_open_held()["domain"]
        self.assertEqual(self.env["spp.email.inbound"].search_count(domain), 3)
        open_ones = self.env["spp.email.loop.breaker"].search([("is_open", "=", True)])
        self.assertEqual(open_ones, breaker)
        self.assertFalse(self.env["spp.email.loop.breaker"].search([("is_open", "=", False)]))

    def test_the_breaker_ends_by_itself(self):
        self.limit(sender=1)
        self.flood(1)
        self.held()
        self.sql("UPDATE spp_email_inbound SET received_date = received_date - interval '2 hours' RETURNING id")
        self.sql("UPDATE spp_email_loop_breaker SET until_date = until_date - interval '2 hours' RETURNING id")
        self.env.invalidate_all()
        self.assertFalse(self.breakers().is_open)
        self.assertEqual(self.env["spp.email.loop.breaker"]._gateway_health(), [])
        self.assertEqual(self.flood(1), ["record_created"])
        # And begins anew.
        self.held()
        breaker = self.breakers()
        self.assertEqual((len(breaker), breaker.is_open), (1, True))
        self.sql("UPDATE spp_email_loop_breaker SET until_date = '2000-01-01' RETURNING id")
        self.env.invalidate_all()
        breaker._gc_ended()
        self.assertFalse(breaker.exists())

    def test_a_manager_resets_the_breaker(self):
        self.limit(sender=1)
        earlier = self.receive(eml(), self.box)
        self.held()
        # An arrival and a reset within one second are not told apart.
        self.sql(
            "UPDATE spp_email_inbound SET received_date = received_date - interval '5 seconds' WHERE id = %s"
            " RETURNING id",
            earlier.id,
        )
        breaker = self.breakers()
        for user in (self.viewer, self.officer):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                breaker.with_user(user).action_reset()
        breaker.with_user(self.manager).action_reset()
        self.assertFalse(breaker.is_open)
        self.assertEqual(self.flood(2), ["record_created", "loop"])
        self.assertTrue(breaker.is_open)

    def test_a_breaker_is_seen_in_its_company_only(self):
        self.limit(sender=1)
        self.manager.company_ids = self.company
        self.receive(eml(), self.box, company=self.other_company)
        inbound = self.receive(eml(), self.box, company=self.other_company)
        self.assertOutcome(inbound, "quarantined", "loop")
        breaker = self.breakers()
        self.assertEqual(breaker.company_id, self.other_company)
        self.assertFalse(breaker.with_user(self.manager).search([]))
        with self.assertRaises(AccessError):
            breaker.with_user(self.manager).action_reset()

    def test_health_says_it(self):
        self.limit(sender=1)
        self.assertEqual(self.env["spp.email.loop.breaker"]._gateway_health(), [])
        self.flood(1)
        self.held()
        (finding,) = self.env["spp.email.loop.breaker"]._gateway_health()
        self.assertEqual(finding.code, "loop_breakers_open")
        self.assertNotIn("example.com", finding.title + finding.text + finding.cure)
        self.env["spp.email.health"]._check()
        self.assertTrue(self.env["spp.email.health"].search([("code", "=", "loop_breakers_open")]))

    def test_a_dry_run_leaves_nothing(self):
        self.limit(sender=1)
        self.flood(1)
        run = self.env["spp.email.dry.run"].create(
            {"message_text": eml().decode(), "mailbox": str(self.box.id), "company_id": self.company.id}
        )
        with self.own_cursors():
            run.action_try()
        self.assertIn("made records within 120 minutes", run.trace_html)
        self.assertFalse(self.breakers())
        self.assertFalse(self.mails())


@tagged("post_install", "-at_install")
class TestMailParameters(GatewayCase):
    """System parameters that mail depends on: brought into one form or refused, whatever way they are written."""

    def ways(self, key, value):
        parameters = self.env["ir.config_parameter"]
        yield "set_param", lambda: parameters.set_param(key, value)
        yield "create", lambda: parameters.create({"key": key, "value": value})
        other = {"mail.gateway.loop.minutes": "1", "mail.catchall.domain.allowed": "x.org"}.get(key, "1")

        def write():
            parameters.search([("key", "=", key)]).unlink()
            parameters.create({"key": key, "value": other if key != "mail.default.from_filter" else "x.org"})
            parameters.search([("key", "=", key)]).write({"value": value})

        yield "write", write

        def rename():
            parameters.create({"key": "some.key", "value": value}).write({"key": key})

        yield "rename", rename

    def test_what_is_normalised(self):
        for key, value, expected in (
            ("mail.gateway.loop.minutes", " 060 ", "60"),
            ("mail.gateway.loop.threshold", " 7", "7"),
            ("spp_email_gateway.loop_threshold_domain", "0", "0"),
            ("mail.catchall.domain.allowed", " A.org, b.ORG,", "a.org,b.org"),
            ("mail.default.from_filter", "A.org , Out@B.org", "a.org,out@b.org"),
        ):
            for way, act in self.ways(key, value):
                with self.subTest(key=key, way=way):
                    self.env["ir.config_parameter"].search([("key", "in", (key, "some.key"))]).unlink()
                    act()
                    self.assertEqual(self.env["ir.config_parameter"].get_param(key), expected)
        for key in ("mail.force.smtp.from", "mail.dynamic.smtp.from"):
            self.env["ir.config_parameter"].set_param(key, " out@your-domain.org ")
            self.assertEqual(self.env["ir.config_parameter"].get_param(key), "out@your-domain.org")

    def test_what_is_refused(self):
        number = "“%s” is not a number for %s, which takes a whole number from %s to %s."
        for key, value, words in (
            ("mail.gateway.loop.minutes", "two hours", number % ("two hours", "mail.gateway.loop.minutes", 1, 43200)),
            ("mail.gateway.loop.minutes", "0", "takes a whole number from 1 to"),
            ("mail.gateway.loop.threshold", "0", "takes a whole number from 1 to"),
            ("mail.gateway.loop.threshold", "-1", "“-1” is not a number for mail.gateway.loop.threshold"),
            ("spp_email_gateway.loop_threshold_replies", "many", "takes a whole number from 0 to 100000."),
            ("spp_email_gateway.loop_hops", "1001", "takes a whole number from 0 to 1000."),
            ("mail.catchall.domain.allowed", "a.org b.org", "“a.org b.org” is not a domain. mail.catchall.domain"),
            ("mail.catchall.domain.allowed", "a.org,@b.org", "“@b.org” is not a domain."),
            ("mail.default.from_filter", "a.org;b.org", "“a.org;b.org” is neither a domain nor an email address."),
        ):
            for way, act in self.ways(key, value):
                with self.subTest(key=key, value=value, way=way):
                    with self.assertRaises(ValidationError) as caught, self.cr.savepoint():
                        act()
                    self.assertIn(words, str(caught.exception))

    def test_other_parameters_are_left_alone(self):
        self.env["ir.config_parameter"].set_param("some.key", " Any Thing ")
        self.assertEqual(self.env["ir.config_parameter"].get_param("some.key"), " Any Thing ")
        self.env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", False)
        self.assertFalse(self.env["ir.config_parameter"].get_param("mail.gateway.loop.threshold"))
