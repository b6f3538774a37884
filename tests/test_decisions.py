# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Routing, attaching and discarding by hand, and who may decide at all."""

from unittest.mock import patch

from psycopg2.errors import NotNullViolation

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import eml
from .deciding import NOTHING, DecisionCase


@tagged("post_install", "-at_install")
class TestRoute(DecisionCase):
    def test_a_message_becomes_a_record_at_once_and_is_shown(self):
        inbound = self.waiting(eml(Subject="Routed"))
        action = self.route(inbound)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", self.partners("Routed").id))
        self.assertDecided(inbound, self.officer, "Route to res.partner (before: quarantined, No alias,")
        self.assertIn("decided by a person", str(inbound.trace))

    def test_several_at_once(self):
        inbounds = self.waiting(eml(Subject="One")) + self.waiting(eml(Subject="Two"))
        action = self.route(inbounds)
        self.assertEqual(inbounds.mapped("state"), ["done", "done"])
        self.assertEqual(action["params"]["message"], "2 messages were processed.")

    def test_values_go_into_the_record(self):
        inbound = self.waiting(eml(Subject="With values"))
        self.route(inbound, value_ids=[(0, 0, {"field_name": "Job Position", "value": "Clerk"})])
        self.assertEqual(self.partners("With values").function, "Clerk")

    def test_an_officer_makes_no_records_that_are_not_the_officers_to_make(self):
        self.officer.group_ids -= self.env.ref("base.group_partner_manager")
        self.env["fetchmail.server"].search([]).object_id = False
        self.env["mail.alias"].search([("alias_model_id", "=", self.partner_model.id)]).unlink()
        with self.assertRaises(AccessError) as caught:
            self.route(self.waiting())
        self.assertEqual(str(caught.exception), "You may not make records of this kind from a mail.")
        offered = self.env["spp.email.target.model"].with_user(self.officer)._offered_names()
        self.assertNotIn("res.partner", offered)
        # A manager chose it for a mailbox: officers may send mail there, but not choose values.
        self.mailbox()
        inbound = self.waiting(eml(Subject="Chosen by the manager"))
        with self.assertRaises(AccessError) as caught:
            self.route(inbound, value_ids=[(0, 0, {"field_name": "function", "value": "Boss"})])
        self.assertIn("Only who may create such records chooses their values.", str(caught.exception))
        self.assertEqual(inbound.state, "quarantined")
        self.route(inbound)
        self.assertEqual(inbound.state, "done")

    def test_the_record_is_nobodys(self):
        if "crm.lead" not in self.env:
            self.skipTest("crm is not installed")
        self.officer.group_ids += self.env.ref("sales_team.group_sale_salesman")
        inbound = self.waiting(eml(Subject="A lead"))
        self.route(inbound, model="crm.lead")
        self.assertNotEqual(self.env["crm.lead"].browse(inbound.res_id).user_id, self.officer)

    def test_the_record_is_made_by_the_system_and_not_by_the_officer(self):
        inbound = self.waiting(eml(Subject="Whose"))
        self.route(inbound)
        partner = self.partners("Whose")
        self.assertNotEqual(partner.create_uid, self.officer)
        self.assertFalse(partner.user_id)
        self.assertNotIn(self.officer.partner_id, partner.message_partner_ids)

    def test_nothing_of_the_persons_context_reaches_the_record(self):
        inbound = self.waiting(eml(Subject="Context"))
        wizard = self.wizard("route", inbound, target_model="res.partner")
        self.confirm(wizard.with_context(default_function="Smuggled", default_user_id=self.officer.id))
        self.assertFalse(self.partners("Context").function)
        self.assertFalse(self.partners("Context").user_id)

    @mute_logger("odoo.addons.spp_email_gateway.models.spp_email_processing", "odoo.sql_db")
    def test_what_fails_again_says_so(self):
        inbound = self.waiting()
        wizard = self.wizard("route", inbound, target_model="res.partner")
        failing = patch.object(type(self.env["res.partner"]), "create", side_effect=UserError("No more contacts."))
        with self.own_cursors(), failing:
            action = wizard.action_confirm()
        self.assertOutcome(inbound, "quarantined", "creation_failed")
        self.assertEqual(action["params"]["type"], "warning")
        self.assertIn("1 × The record could not be created or updated", action["params"]["message"])
        self.assertIn("No more contacts.", action["params"]["message"])

    def test_decided_twice(self):
        inbound = self.waiting(eml(Subject="Twice"))
        first, second = (self.wizard("route", inbound, target_model="res.partner") for _number in range(2))
        self.confirm(first)
        with self.assertRaises(UserError) as caught:
            self.confirm(second)
        self.assertIn(NOTHING, str(caught.exception))
        self.assertEqual(len(self.partners("Twice")), 1)
        self.assertEqual(len(inbound.decisions), 1)

    def test_what_a_worker_has_is_left_alone(self):
        for state in ("processing", "done", "duplicate", "discarded", "received"):
            inbound = self.waiting(state=state)
            with self.subTest(state=state), self.assertRaises(UserError) as caught:
                self.route(inbound)
            self.assertIn(NOTHING, str(caught.exception))
            self.assertEqual((inbound.state, inbound.route), (state, False))


@tagged("post_install", "-at_install")
class TestAttach(DecisionCase):
    def attach(self, inbounds, record, user=None):
        wizard = self.wizard("attach", inbounds, user, record=f"{record._name},{record.id}")
        return self.confirm(wizard)

    def test_a_message_is_added_to_a_record(self):
        partner = self.env["res.partner"].create({"name": "There"})
        inbound = self.waiting(eml(Subject="More about it", body=b"the rest"))
        action = self.attach(inbound, partner)
        self.assertOutcome(inbound, "done", "record_updated")
        self.assertIn("the rest", partner.message_ids[0].body)
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", partner.id))
        self.assertDecided(inbound, self.officer, f"Attach to res.partner, record {partner.id}")

    def test_several_at_once(self):
        partner = self.env["res.partner"].create({"name": "There"})
        inbounds = self.waiting() + self.waiting()
        self.attach(inbounds, partner)
        self.assertEqual(inbounds.mapped("res_id"), [partner.id] * 2)

    def test_only_to_what_the_officer_may_write(self):
        partner = self.env["res.partner"].create({"name": "Foreign", "company_id": self.other_company.id})
        inbound = self.waiting()
        with self.assertRaises(AccessError):
            self.attach(inbound, partner)
        self.officer.group_ids -= self.env.ref("base.group_partner_manager")
        own = self.env["res.partner"].create({"name": "Own"})
        # res.partner is not even offered.
        with self.assertRaises(ValueError):
            self.attach(inbound, own)
        self.assertEqual(inbound.state, "quarantined")

    def test_a_record_that_is_gone(self):
        partner = self.env["res.partner"].create({"name": "Gone"})
        wizard = self.wizard("attach", self.waiting(), record=f"res.partner,{partner.id}")
        partner.unlink()
        with self.assertRaises(UserError) as caught:
            self.confirm(wizard)
        self.assertEqual(str(caught.exception), "This record is gone. Choose another one.")


@tagged("post_install", "-at_install")
class TestDiscard(DecisionCase):
    def test_the_reason_is_kept_with_what_was_there(self):
        inbounds = self.waiting(detail="No route found.") + self.waiting()
        self.confirm(self.wizard("discard", inbounds, why="Advertisement"))
        self.assertEqual(inbounds.mapped("state"), ["discarded"] * 2)
        self.assertEqual(inbounds.mapped("detail"), ["Advertisement\nNo route found.", "Advertisement"])
        self.assertEqual(inbounds.mapped("reason"), ["by_hand"] * 2)
        self.assertDecided(inbounds[0], self.officer, "Discard")
        self.assertKept(inbounds[0], self.env["spp.email.content"]._load(inbounds[0].id))

    def test_without_a_reason_nothing_is_discarded(self):
        with self.assertRaises(NotNullViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            self.wizard("discard", self.waiting())


@tagged("post_install", "-at_install")
class TestWhoDecides(DecisionCase):
    def all_actions(self, inbound, user):
        partner = self.env["res.partner"].create({"name": "There"})
        yield "route", lambda: self.route(inbound, user)
        yield "attach", lambda: self.confirm(self.wizard("attach", inbound, user, record=f"res.partner,{partner.id}"))
        yield "answer", lambda: self.wizard("answer", inbound, user, subject="Re", body="<p>x</p>").action_send()
        yield "discard", lambda: self.confirm(self.wizard("discard", inbound, user, why="x"))
        yield (
            "alias",
            lambda: self.confirm(
                self.wizard(
                    "alias",
                    inbound,
                    user,
                    alias_name="x",
                    alias_domain_id=self.alias_domain.id,
                    target_model="res.partner",
                )
            ),
        )
        for name in ("route", "attach", "answer", "discard", "alias"):
            yield f"ask {name}", getattr(inbound.with_user(user), f"action_ask_{name}")

    def test_only_officers(self):
        for user in (self.viewer, self.plain, self.portal):
            if user != self.portal:
                user.group_ids += self.env.ref("base.group_partner_manager")
            inbound = self.waiting()
            for name, action in self.all_actions(inbound, user):
                with self.subTest(user=user.login, action=name), self.assertRaises(AccessError):
                    action()
            self.assertEqual((inbound.state, inbound.decisions), ("quarantined", False))
        self.assertFalse(self.env["mail.mail"].search([("email_to", "=", "ann@example.com")]))

    def test_only_of_the_own_companies(self):
        self.manager.group_ids += self.env.ref("base.group_partner_manager")
        for user in (self.officer, self.manager):
            inbound = self.waiting(company=self.other_company)
            for name, action in self.all_actions(inbound, user):
                if user == self.officer and "alias" in name:
                    continue
                with self.subTest(user=user.login, action=name), self.assertRaises(AccessError):
                    action()
            self.assertEqual((inbound.state, inbound.decisions), ("quarantined", False))

    def test_one_foreign_message_spoils_a_selection(self):
        own, foreign = self.waiting(), self.waiting(company=self.other_company)
        with self.assertRaises(AccessError):
            self.route(own + foreign)
        self.assertEqual((own + foreign).mapped("state"), ["quarantined"] * 2)

    def test_a_stale_view_of_a_message_decides_nothing(self):
        """The cache says quarantined, the database does not: what counts is read under the lock."""
        inbound = self.waiting()
        mine = inbound.with_user(self.officer)
        self.assertEqual(mine.state, "quarantined")
        self.env.cr.execute("UPDATE spp_email_inbound SET state = 'processing' WHERE id = %s", (inbound.id,))
        for action in (mine.action_retry, lambda: self.route(inbound)):
            with self.assertRaises(UserError):
                action()
        self.confirm(self.wizard("discard", inbound, why="x"))
        self.assertEqual(inbound.state, "processing")
