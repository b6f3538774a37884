# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.bounce_reason import BounceReason
from ..engine.delivery import RecipientResult
from ..engine.gate import Departure
from ..engine.message_kind import Classification, MessageKind, RecipientReport, ReportAction
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.pipeline import Verdict
from ..engine.sender_address import SenderAddress
from ..engine.sender_policy import decide
from ..engine.sender_verdict import SenderPolicy, SenderResult, SenderVerdict
from .common import GatewayCase, eml


class SuppressionCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.listed = cls.env["spp.email.suppression"]

    def report(self, action="failed", hard=False, reason="undefined", **values):
        return RecipientReport("ann@a.org", ReportAction(action), is_hard=hard, reason=BounceReason(reason), **values)

    def learn(self, report, address="ann@a.org", company=None, mail_class="transactional", **links):
        company = self.company if company is None else company
        return self.listed._learn(company, address, report, mail_class, **links)

    def by_hand(self, address="ann@a.org", **values):
        return self.listed.create({"address": address, "company_id": self.company.id, **values})

    def hard(self, address="ann@a.org", company=None):
        return self.learn(self.report(hard=True, reason="address_unknown"), address, company)

    def on_list(self, *addresses):
        return set(self.listed.search([("address", "in", addresses)]).mapped("address"))

    def events(self, row):
        return row.event_ids.sorted("id").mapped("event_type")

    def at(self, days):
        """Context: it is so many days later."""
        now = fields.Datetime.now() + timedelta(days=days)
        return patch.object(fields.Datetime, "now", lambda *args: now)


@tagged("post_install", "-at_install")
class TestSuppression(SuppressionCase):
    # What is learned

    def test_a_hard_bounce_enters_at_once_with_all_that_is_known(self):
        delivery = self.env["spp.email.delivery"].create({"recipient": "ann@a.org", "state": "bounced"})
        row = self.learn(
            self.report(hard=True, reason="address_unknown", status="5.1.1", text="no such user"),
            "Ann@A.org",
            delivery=delivery,
        )
        self.assertEqual(
            (row.address, row.reason, row.source, row.bounce_reason),
            ("ann@a.org", "hard_bounce", "report", "address_unknown"),
        )
        self.assertEqual((row.enhanced_status, row.remote_text, row.delivery_id), ("5.1.1", "no such user", delivery))
        self.assertEqual((row.expiry_date - row.entered_date).days, 180)
        self.assertEqual(self.events(row), ["entered"])

    def test_one_mailbox_with_an_international_domain_is_one_entry(self):
        first, second = self.hard("ann@bücher.example"), self.hard("ANN@xn--bcher-kva.example")
        self.assertEqual((first, first.address, first.report_count), (second, "ann@bücher.example", 2))

    def test_soft_bounces_enter_once_they_are_enough(self):
        for days, expected in ((0, False), (0, False), (1, False), (1, False), (1, False), (2, True)):
            with self.at(days):
                row = self.learn(self.report(reason="mailbox_full"))
            self.assertEqual(bool(row), expected, f"after {days} days")
        self.assertEqual((row.reason, row.bounce_reason), ("soft_bounces", "mailbox_full"))
        self.assertEqual((row.expiry_date - row.entered_date).days, 30)

    def test_soft_bounces_that_are_about_us_are_not_counted(self):
        for days in range(10):
            with self.at(days):
                self.assertFalse(self.learn(self.report(reason="blocked")))
        self.assertFalse(self.env["spp.email.suppression.count"].search([("address", "=", "ann@a.org")]))

    def test_soft_bounces_of_another_company_are_not_counted(self):
        for days in range(4):
            with self.at(days):
                self.assertFalse(self.learn(self.report(), company=self.other_company))
        with self.at(5):
            self.assertFalse(self.learn(self.report()))
            self.assertTrue(self.learn(self.report(), company=self.other_company))

    def test_a_company_says_how_many_are_enough(self):
        self.env["spp.email.suppression.policy"].create(
            {"company_id": self.company.id, "soft_count": 1, "soft_least_days": 1, "soft_days": 7}
        )
        row = self.learn(self.report())
        self.assertEqual((row.expiry_date - row.entered_date).days, 7)
        self.assertFalse(self.learn(self.report(), company=self.other_company))

    def test_a_mail_that_arrived_makes_the_count_begin_anew(self):
        for days in range(4):
            with self.at(days):
                self.learn(self.report())
        self.learn(self.report("delivered"))
        with self.at(5):
            self.assertFalse(self.learn(self.report()))

    def test_a_delay_changes_nothing(self):
        self.assertFalse(self.learn(self.report("delayed")))
        self.assertFalse(self.env["spp.email.suppression.count"].search([]))

    def test_a_complaint_about_a_mailing_is_about_mailings(self):
        self.assertEqual(self.learn(self.report("complained"), mail_class="mass").reach, "mass")
        row = self.learn(self.report("complained"), "ben@b.org")
        self.assertEqual((row.reach, row.reason, row.expiry_date), ("all", "complaint", False))

    def test_who_complained_and_then_bounces_has_complained_all_the_same(self):
        row = self.learn(self.report("complained"), mail_class="mass")
        self.hard()
        self.assertEqual((row.reason, row.reach, row.has_bounced, row.report_count), ("complaint", "mass", True, 2))
        self.assertEqual(self.events(row), ["entered", "changed"])

    def test_mail_of_no_company_is_an_entry_for_all(self):
        self.assertFalse(self.hard(company=self.env["res.company"]).company_id)

    def test_nothing_is_learned_of_what_is_no_address(self):
        for address in ("", "?", "ann", "a@b@c,d"):
            self.assertFalse(self.hard(address))

    def test_our_own_addresses_never_enter(self):
        self.alias("help")
        self.mailbox(user="Box2@Gateway.test")
        for address in ("bounce@gateway.test", "Bounce+Token@gateway.test", "catchall@gateway.test",
                        "notifications@gateway.test", "help@gateway.test", "help+tag@gateway.test",
                        "box2@gateway.test"):  # fmt: skip
            with self.subTest(address):
                self.assertFalse(self.hard(address))
                self.assertFalse(self.learn(self.report("complained"), address))

    def test_a_colleague_with_a_dead_mailbox_enters(self):
        self.officer.email = "officer@gateway.test"
        self.assertTrue(self.hard("officer@gateway.test"))

    def test_a_removed_address_that_bounces_again_enters_again(self):
        row = self.hard()
        row.with_user(self.officer)._remove_by_hand("she called")
        self.assertEqual((row.active, row.removed_user_id, row.removal_note), (False, self.officer, "she called"))
        self.assertEqual(self.hard(), row)
        self.assertEqual((row.active, row.removed_user_id, row.report_count), (True, self.env["res.users"], 1))
        self.assertEqual(self.events(row), ["entered", "removed", "again"])
        self.assertEqual(row.event_ids.filtered(lambda one: one.event_type == "removed").user_id, self.officer)

    def test_an_expired_entry_that_nobody_has_cleared_away_begins_anew(self):
        row = self.hard()
        with self.at(200):
            self.hard()
            self.assertEqual((row.report_count, row.entered_date), (1, fields.Datetime.now()))

    def test_words_say_since_when_and_why(self):
        row = self.hard()
        self.assertEqual(
            row.words,
            f"On the suppression list since {row.entered_date:%Y-%m-%d}, until {row.expiry_date:%Y-%m-%d}: "
            "mail to it came back for good (the address does not exist).",
        )

    # Refusals while sending

    def refuse(self, address="ann@a.org", enhanced="5.1.1", mail_id=7, server=None):
        result = RecipientResult(
            OutboundState.FAILED, OutboundReason.REFUSED, "recipient", 550, enhanced, "no such user"
        )
        departure = Departure(mail_id, server and server.id, "a@gateway.test", (address,), self.company.id)
        with self.own_cursors():
            self.env["spp.email.gate"]._note(departure, {address: result})
        return self.listed.search([("address", "=", address)])

    def test_what_a_server_refuses_at_rcpt_is_learned(self):
        mail = self.env["mail.mail"].create({"email_to": "ann@a.org"})
        delivery = self.env["spp.email.delivery"].create(
            {"mail_id": mail.id, "recipient": "ann@a.org", "state": "sending"}
        )
        row = self.refuse(mail_id=mail.id)
        self.assertEqual((row.reason, row.source, row.delivery_id), ("hard_bounce", "delivery", delivery))

    def test_a_refusal_that_is_about_us_is_not_learned(self):
        self.assertFalse(self.refuse(enhanced="5.7.1"))

    def test_a_server_that_calls_all_addresses_dead_teaches_nothing(self):
        server = self.env["ir.mail_server"].create({"name": "relay", "smtp_host": "relay.test"})
        for refused, sent, learned in ((10, 0, True), (19, 80, True), (25, 60, False)):
            with self.subTest(refused=refused, sent=sent):
                self.env["spp.email.delivery"].search([("server_id", "=", server.id)]).unlink()
                self.env["spp.email.delivery"].create(
                    [
                        {"recipient": f"{state}{number}@b.org", "state": state, "enhanced_status": status,
                         "server_id": server.id}
                        for state, status, count in (("failed", "5.1.1", refused), ("sent", "2.0.0", sent))
                        for number in range(count)
                    ]
                )
                row = self.refuse(f"r{refused}@c.org", server=server)
                self.assertEqual(bool(row), learned)

    def test_what_cannot_be_learned_now_stops_no_mail(self):
        def busy(*_arguments):
            raise psycopg2.errors.DeadlockDetected

        with (
            patch.object(type(self.listed), "_enter_refusals", busy),
            self.assertLogs("odoo.addons.spp_email_gateway", "WARNING") as logs,
        ):
            self.assertFalse(self.refuse())
        self.assertIn("was not learned: DeadlockDetected", logs.output[0])

    def test_a_test_mail_teaches_nothing(self):
        self.assertFalse(self.refuse(mail_id=0))

    def test_a_company_may_learn_from_reports_only(self):
        self.env["spp.email.suppression.policy"].search([]).learn_refusals = False
        self.assertFalse(self.refuse())

    # Expiry

    def test_what_is_over_is_cleared_away(self):
        over, stays = self.hard(), self.by_hand("ben@b.org")
        with self.at(181):
            self.listed._gc_expired()
        self.assertEqual((over.active, stays.active), (False, True))
        self.assertEqual(
            (over.removal_note, over.removed_user_id, self.events(over)),
            ("Expired", self.env["res.users"], ["entered", "expired"]),
        )

    def test_old_counts_are_cleared_away(self):
        counts = self.env["spp.email.suppression.count"]
        self.learn(self.report())
        counts._gc_counts()
        self.assertTrue(counts.search([]))
        with patch.object(fields.Date, "today", lambda *args: fields.Date.to_date("2036-01-01")):
            counts._gc_counts()
        self.assertFalse(counts.search([]))

    # People

    def test_an_officer_enters_an_address_by_hand(self):
        row = self.listed.with_user(self.officer).create({"address": " <Ann@A.org>", "note": "asked by phone"})
        self.assertEqual(
            (row.address, row.reason, row.source, row.company_id, row.create_uid),
            ("ann@a.org", "by_hand", "person", self.officer.company_id, self.officer),
        )
        self.assertEqual((self.events(row), row.event_ids.user_id), (["entered"], self.officer))

    def test_what_cannot_be_entered(self):
        self.by_hand()
        for address, kind, words in (
            ("ann@a.org", UserError, "ann@a.org is on the suppression list already."),
            (
                "Ann <ann@b.org>",
                ValidationError,
                "“Ann <ann@b.org>” is no address. Enter one such as ann@your-domain.org, without a name.",
            ),
            ("", ValidationError, "“” is no address. Enter one such as ann@your-domain.org, without a name."),
            (
                "catchall@gateway.test",
                ValidationError,
                "catchall@gateway.test is an address that this database itself reads or sends from.",
            ),
        ):
            with self.subTest(address), self.assertRaises(kind) as caught:
                self.by_hand(address)
            self.assertEqual(str(caught.exception), words)

    def test_a_removed_address_is_entered_again_by_hand_with_its_history(self):
        row = self.hard()
        row.with_user(self.officer)._remove_by_hand("x")
        again = self.listed.with_user(self.officer).create(
            {"address": "ann@a.org", "company_id": self.company.id, "note": "no"}
        )
        self.assertEqual((again, again.active, again.reason, again.note), (row, True, "by_hand", "no"))
        self.assertEqual(self.events(row), ["entered", "removed", "again"])

    def test_what_people_may_change(self):
        row = self.hard().with_user(self.officer)
        row.write({"expiry_date": "2030-01-01 00:00:00", "note": "checked"})
        self.assertEqual(self.events(row), ["entered", "changed"])
        for values in ({"reason": "by_hand"}, {"active": False}, {"address": "ben@b.org"}, {"company_id": False}):
            with self.subTest(values), self.assertRaises(AccessError) as caught:
                row.write(values)
            self.assertEqual(
                str(caught.exception),
                f"Of an entry of the suppression list these values cannot be set: {next(iter(values))}. "
                "To take an address off the list, press Remove.",
            )
        with self.assertRaises(AccessError):
            self.listed.with_user(self.officer).create({"address": "cy@c.org", "reason": "complaint"})

    def test_each_role_may_what_it_may(self):
        row, everybodys = self.hard(), self.hard("ben@b.org", self.env["res.company"])
        for user, may_read, may_write, may_write_everybodys in (
            (self.portal, False, False, False),
            (self.plain, False, False, False),
            (self.viewer, True, False, False),
            (self.officer, True, True, False),
            (self.manager, True, True, True),
        ):
            with self.subTest(user.login):
                own = row.with_user(user)
                self.assertEqual((own.has_access("read"), own.has_access("write")), (may_read, may_write))
                self.assertEqual(everybodys.with_user(user).has_access("write"), may_write_everybodys)
                self.assertFalse(own.has_access("unlink"))
                for model in ("event", "count", "policy", "import", "removal"):
                    found = self.env[f"spp.email.suppression.{model}"].with_user(user)
                    least = {"event": self.viewer, "removal": self.officer}.get(model, self.manager)
                    ranks = [self.portal, self.plain, self.viewer, self.officer, self.manager]
                    self.assertEqual(found.has_access("read"), ranks.index(user) >= ranks.index(least), model)
        self.assertTrue(row.with_user(self.system).has_access("unlink"))

    def test_viewers_remove_nothing(self):
        row = self.hard()
        for user in (self.viewer, self.plain):
            with self.subTest(user.login), self.assertRaises(AccessError):
                row.with_user(user)._remove_by_hand("x")
        self.assertTrue(row.active)

    def test_other_companies_entries_are_not_seen_nor_removed(self):
        theirs = self.hard(company=self.other_company)
        self.assertFalse(self.listed.with_user(self.manager).search([("id", "=", theirs.id)]))
        with self.assertRaises(AccessError):
            theirs.with_user(self.manager)._remove_by_hand("x")
        with self.assertRaises(AccessError):
            self.listed.with_user(self.manager).create({"address": "x@a.org", "company_id": self.other_company.id})

    def test_many_are_removed_with_one_reason(self):
        rows = self.hard() | self.hard("ben@b.org")
        action = rows.with_user(self.officer).action_remove()
        wizard = self.env["spp.email.suppression.removal"].with_user(self.officer).with_context(**action["context"])
        wizard = wizard.create({"note": "the provider was down"})
        self.assertEqual(wizard.address_count, 2)
        wizard.action_remove()
        self.assertEqual(rows.mapped("active"), [False, False])
        self.assertEqual(set(rows.mapped("removal_note")), {"the provider was down"})
        with self.assertRaisesRegex(UserError, "none of these addresses is on the list any more"):
            wizard.action_remove()

    def test_removal_lets_the_count_begin_anew(self):
        for days in range(5):
            with self.at(days):
                row = self.learn(self.report())
        row._remove_by_hand("x")
        with self.at(5):
            self.assertFalse(self.learn(self.report()))

    def test_archiving_in_the_list_is_a_removal_with_history(self):
        row = self.hard().with_user(self.officer)
        row.action_archive()
        self.assertEqual((row.active, row.removed_user_id), (False, self.officer))
        row.action_unarchive()
        self.assertEqual((row.active, row.reason, self.events(row)), (True, "by_hand", ["entered", "removed", "again"]))

    # Odoo's blacklist

    def test_odoos_blacklist_is_shown_and_left_alone(self):
        row = self.hard()
        blacklist = self.env["mail.blacklist"]
        self.assertFalse(row.is_blacklisted)
        self.assertFalse(blacklist.with_context(active_test=False).search([("email", "=", "ann@a.org")]))
        blacklist._add("ann@a.org")
        row.invalidate_recordset(["is_blacklisted", "can_open_blacklist"])
        self.assertEqual((row.is_blacklisted, row.can_open_blacklist), (True, True))
        self.assertEqual(row.action_open_blacklist()["res_model"], "mail.blacklist")
        self.assertFalse(row.with_user(self.viewer).can_open_blacklist)
        row._remove_by_hand("x")
        self.assertTrue(blacklist.search([("email", "=", "ann@a.org")]))

    # Policies

    def test_policies_that_make_no_sense_are_refused(self):
        policies = self.env["spp.email.suppression.policy"]
        for values in ({"soft_count": -1}, {"soft_least_days": 0}, {"soft_count": 2}, {"hard_days": -1}):
            with (
                self.subTest(values),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.env.cr.savepoint(),
            ):
                policies.create({"company_id": self.company.id, **values}).flush_recordset()

    # The contact

    def test_the_contacts_form_says_it(self):
        row = self.hard()
        ann, ben = self.env["res.partner"].create(
            [{"name": "Ann", "email": "Ann <Ann@A.org>"}, {"name": "Ben", "email": "b@b.org"}]
        )
        ask, asked = type(self.listed)._known, []
        with patch.object(
            type(self.listed), "_known", lambda listed, addresses: asked.append(addresses) or ask(listed, addresses)
        ):
            (ann | ben).with_user(self.plain).mapped("gateway_suppression_note")
        self.assertEqual(asked, [{"ann@a.org", "b@b.org"}])
        self.assertEqual((ann.gateway_suppression_note, ben.gateway_suppression_note), (row.words, False))
        self.assertEqual(ann.with_user(self.viewer).action_open_suppression()["res_id"], row.id)
        theirs = self.env["res.partner"].create({"name": "Cy", "email": "cy@c.org"})
        self.hard("cy@c.org", self.other_company)
        self.assertFalse(theirs.with_user(self.plain).gateway_suppression_note)


@tagged("post_install", "-at_install")
class TestHearing(SuppressionCase):
    """The person writes."""

    def receive_as(self, kind=MessageKind.PERSON, result=SenderResult.NONE, sender="Ann <Ann@A.org>", **facts):
        """Receive a message that is of this kind, as the other parts would say."""
        server = self.mailbox()
        known = {"kind": kind and Classification(kind), "sender_verdict": SenderVerdict(result), **facts}

        def steps(processing, inbound, content):
            def step(message, found):
                found.update(known)
                return Verdict()

            return [step]

        with patch.object(type(self.env["spp.email.processing"]), "_steps", steps):
            return self.receive(eml(From=sender), server)

    def test_a_person_who_writes_is_written_to_again(self):
        row = self.hard()
        self.assertEqual(self.receive_as().state, "done")
        self.assertFalse(row.active)
        self.assertEqual((row.removal_note, self.events(row)), ("The Person Wrote", ["entered", "heard"]))

    def test_entries_of_that_company_and_of_all_end(self):
        ours, all_ours, theirs = (
            self.hard(company=company) for company in (self.company, self.env["res.company"], self.other_company)
        )
        self.listed._heard_from(self.company, "ann@a.org")
        self.assertEqual((ours.active, all_ours.active, theirs.active), (False, False, True))
        self.listed._heard_from(self.env["res.company"], "ann@a.org")
        self.assertFalse(theirs.active)

    def test_the_count_begins_anew(self):
        self.learn(self.report())
        self.receive_as()
        self.assertFalse(self.env["spp.email.suppression.count"].search([]))

    def test_complaints_and_what_people_entered_stay(self):
        self.learn(self.report("complained"))
        by_hand = self.by_hand("ben@b.org")
        self.receive_as()
        self.receive_as(sender="ben@b.org")
        self.assertEqual(self.on_list("ann@a.org", "ben@b.org"), {"ann@a.org", "ben@b.org"})
        self.assertEqual(self.events(by_hand), ["entered"])

    def test_a_complaint_about_mailings_binds_other_mail_no_more_once_the_mailbox_lives(self):
        row = self.learn(self.report("complained"), mail_class="mass")
        self.hard()
        self.receive_as()
        self.assertEqual(
            (row.active, row.reason, row.has_bounced, row.bounce_reason), (True, "complaint", False, False)
        )

    def test_who_proves_nothing_changes_nothing(self):
        self.hard()
        for kind, result, facts in (
            (MessageKind.AUTOMATIC_REPLY, SenderResult.PASS, {}),
            (MessageKind.AUTO_GENERATED, SenderResult.PASS, {}),
            (MessageKind.MAILING_LIST, SenderResult.PASS, {}),
            (MessageKind.DELIVERY_FAILURE, SenderResult.PASS, {}),
            (MessageKind.PERSON, SenderResult.FAIL, {}),
            # It says to be of ours, and nothing proves it.
            (
                MessageKind.PERSON,
                SenderResult.NONE,
                {
                    "sender_decision": decide(SenderResult.NONE, SenderPolicy.MARK, is_ours=True),
                    "sender_address": SenderAddress("ann@a.org", ("ann@a.org",)),
                },
            ),
            (MessageKind.PERSON, SenderResult.PASS, {"own_mark": True}),
            (MessageKind.PERSON, SenderResult.PASS, {"original_sender": "ann@a.org"}),
            (None, SenderResult.PASS, {}),
        ):
            with self.subTest(kind=kind, result=result, facts=facts):
                self.receive_as(kind, result, **facts)
                self.assertEqual(self.on_list("ann@a.org"), {"ann@a.org"})

    def test_a_message_that_nobody_took_changes_nothing(self):
        self.hard()
        self.receive(eml(From="ann@a.org", To="nobody@elsewhere.test"), self.mailbox(object_id=False))
        self.assertEqual(self.on_list("ann@a.org"), {"ann@a.org"})

    def test_it_costs_one_query_a_batch(self):
        server = self.mailbox()
        self.hard()
        for number in range(5):
            self.journal(eml(From=f"p{number}@b.org"), server)
        asked = []
        ask = type(self.listed)._listed_among
        with patch.object(
            type(self.listed),
            "_listed_among",
            lambda self, addresses: asked.append(len(addresses)) or ask(self, addresses),
        ):
            self.process()
        self.assertEqual(asked, [5])
