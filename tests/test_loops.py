# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail that goes in circles: what is counted, and what is held."""

from datetime import timedelta
from email.utils import format_datetime
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.loop_signs import HOPS, TURNS_HEADER
from ..engine.own_mark import HEADER, own_mark
from ..engine.pipeline import Verdict
from ..engine.sender_verdict import SenderResult, SenderVerdict
from ..models.spp_email_loop import HOPS_PARAMETER
from .common import eml
from .looping import ANN, LIMITS, LoopCase


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

    def delivered(self, minutes):
        """Return a mail that the mailbox's server took so long ago."""
        field = f"Received: from a by b;\r\n {format_datetime(self.cr.now() - timedelta(minutes=minutes))}\r\n"
        return field.encode() + eml()

    def test_what_waited_at_the_mail_server_is_no_flood(self):
        self.limit(sender=2)
        inbounds = [self.journal(self.delivered(61 * number), self.box) for number in (40, 39, 38, 37, 1, 0)]
        self.process()
        self.assertEqual([one.reason for one in inbounds], ["record_created"] * 6)
        # Nor does it hold what is written now: of the last two hours there are two.
        self.assertEqual(self.flood(1), ["loop"])

    def test_a_flood_that_waited_is_held_and_nobody_is_told(self):
        self.limit(sender=2)
        inbounds = [self.journal(self.delivered(3000), self.box) for _number in range(3)]
        self.process()
        self.assertEqual([one.reason for one in inbounds], ["record_created"] * 2 + ["loop"])
        self.assertFalse(self.mails())
        self.assertIn(
            "it came more than 120 minutes ago",
            [step["found"] for step in inbounds[2].trace if step["looked_at"] == "whether the sender may be answered"],
        )

    def test_the_senders_own_date_moves_nothing(self):
        self.limit(sender=2)
        found = [
            self.receive(eml(Date=format_datetime(self.cr.now() - timedelta(days=number))), self.box).reason
            for number in (9, 6, 3)
        ]
        self.assertEqual(found, ["record_created", "record_created", "loop"])

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
        self.alias("flooded")
        content = eml(Subject="Not taken", To="flooded@gateway.test")
        self.assertIsNone(self.env["mail.thread"].message_process(None, content))
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

    def test_a_named_forwarder_is_never_counted(self):
        self.limit(sender=1)
        box = self.mailbox(user="desk@gateway.test", gateway_forwarders="desk@example.com")
        found = [
            self.receive(eml(From="desk@example.com", X_Original_From=sender), box)
            for sender in ("one@a.test", "two@a.test", "three@a.test", "one@a.test")
        ]
        self.assertEqual([one.reason for one in found], ["record_created"] * 3 + ["loop"])
        self.assertEqual(found[3].loop_sender, "one@a.test")
        # Nor told: who wrote too often is.
        self.assertEqual((len(self.mails("desk@example.com")), len(self.mails("one@a.test"))), (0, 1))

    def test_a_stranger_does_not_choose_who_is_counted(self):
        self.limit(sender=1)
        self.env["mail.gateway.allowed"].create({"email": "scanner@unhcr.example"})
        named = ("help@unhcr.example", "other@unhcr.example", "scanner@unhcr.example")
        eve = "eve@evil.test"
        found = [self.receive(eml(From=eve, X_Original_From=one), self.box) for one in named]
        self.assertEqual([one.reason for one in found], ["record_created", "loop", "loop"])
        self.assertEqual({one.loop_sender for one in found}, {eve})
        # Who wrote too often is told, and nobody else is.
        self.assertEqual([len(self.mails(one)) for one in (eve, *named)], [1, 0, 0, 0])
        self.assertEqual(self.flood(1, From=named[0]), ["record_created"])
        mark = own_mark(self.env["spp.email.token.key"]._ring(), self.cr.now())
        self.held(From="mallory@evil.test", X_Original_From=named[2], **{HEADER.replace("-", "_"): mark})

    def test_a_stranger_who_attaches_a_message_does_not_choose_who_is_counted(self):
        self.limit(sender=1)
        for number, reason in enumerate(("record_created", "loop")):
            content = eml(
                From="eve@evil.test",
                Content_Type="message/rfc822",
                body=eml(From=f"help{number}@unhcr.example"),
            )
            self.assertEqual(self.receive(content, self.box).reason, reason)

    def test_who_names_no_sender_is_one_sender(self):
        self.limit(sender=1)
        self.assertEqual(self.flood(1, From=None), ["record_created"])
        before = self.env["mail.mail"].search_count([])
        inbound = self.held(From=None)
        self.assertIn("1 mails of (no sender) made records", inbound.detail)
        self.held(From="nothing that is an address")
        self.assertEqual(self.env["mail.mail"].search_count([]), before)
        self.assertEqual(self.flood(1), ["record_created"])

    def test_a_named_forwarder_that_names_nobody_is_nobody(self):
        self.limit(sender=1)
        box = self.mailbox(user="desk@gateway.test", gateway_forwarders="desk@example.com")
        found = {self.receive(eml(From="desk@example.com"), box).reason for _count in range(3)}
        self.assertEqual(found, {"record_created"})

    def judged(self):
        """Context: senders are as the field X-Result says."""

        def judge(model, inbound, content):
            def step(summary, facts):
                result = SenderResult(summary.header("X-Result"))
                facts["sender_verdict"] = SenderVerdict(result)
                return Verdict()

            return [step]

        return patch.object(type(self.env["spp.email.processing"]), "_sender_steps", judge)

    def test_a_forger_has_a_limit_whomever_he_names(self):
        self.limit(sender=1)
        self.env["mail.gateway.allowed"].create({"email": ANN})
        with self.judged():
            found = [
                self.receive(eml(X_Result=result), self.box).reason for result in ("fail", "fail", "pass", "pass")
            ]
        self.assertEqual(found, ["record_created", "loop", "record_created", "record_created"])

    def test_a_forged_sender_is_put_on_no_list(self):
        self.limit(sender=1)
        with self.judged():
            held = [self.receive(eml(X_Result="fail"), self.box) for _count in range(2)][1]
            self.assertEqual((held.reason, held.loop_sender), ("loop", f"{ANN} (forged)"))
            with self.assertRaises(UserError) as caught, self.own_cursors():
                held.with_user(self.manager)._release(is_allowed=True)
            self.assertIn("The sender of 1 of these messages is forged", str(caught.exception))
            self.assertFalse(self.env["mail.gateway.allowed"].search([]))
            self.assertEqual(held.state, "quarantined")
            with self.own_cursors():
                held.with_user(self.manager)._release()
        self.assertOutcome(held, "done", "record_created")

    def test_a_forger_does_not_shut_out_whom_he_names(self):
        self.limit(sender=1)
        with self.judged():
            found = [self.receive(eml(X_Result=result), self.box).reason for result in ("fail", "fail", "pass", "none")]
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

    def test_the_second_copy_of_a_message_that_was_deleted_is_no_loop(self):
        """What passes a message on to followers has its Message-ID, so that it looks as if we had written it."""
        self.alias("one")
        self.alias("two")
        content = eml(Subject="Twice", Message_ID="<twice@example.com>", X_Original_To="one@gateway.test")
        first = self.receive(content, self.box)
        self.assertOutcome(first, "done", "record_created")
        self.env["spp.email.delivery"].create(
            {"recipient": "follower@example.com", "message_id": "<twice@example.com>", "state": "sent"}
        )
        first.mail_message_id.unlink()
        second = self.receive(b"Received: by another\r\n" + content, self.box)
        self.assertOutcome(second, "duplicate", "known_message_id")
        # Another text was not taken before.
        other_text = self.receive(content.replace(b"hello", b"other"), self.box)
        self.assertOutcome(other_text, "quarantined", "loop")
        other_alias = content.replace(b"one@gateway", b"two@gateway")
        self.assertOutcome(self.receive(other_alias, self.box), "done", "record_created")

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
