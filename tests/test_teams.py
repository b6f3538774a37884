# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A mailbox or intake that is given to a team: who sees its mail, and that nothing opens it by accident."""

from psycopg2.errors import ForeignKeyViolation

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import SQL, mute_logger

from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestTeams(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.member, cls.watcher, cls.chief = (
            new_test_user(cls.env, f"gateway_team_{role}", f"spp_email_gateway.group_email_gateway_{role}")
            for role in ("officer", "viewer", "manager")
        )
        cls.team = cls.env["spp.email.team"].create({"name": "Committee", "member_ids": (cls.member | cls.watcher).ids})
        cls.box = cls.mailbox(company_id=cls.company.id)

    def sees(self, user, inbound):
        mine = inbound.with_user(user)
        found = bool(mine.search([("id", "=", inbound.id)]))
        self.assertEqual(found, mine.has_access("read"))
        self.assertEqual(mine.search_count([("id", "=", inbound.id)]), int(found))
        self.assertEqual(bool(mine.name_search("A question", [("id", "=", inbound.id)])), found)
        return found

    def assertSeenBy(self, inbound, *users):
        everybody = (self.viewer, self.officer, self.manager, self.system, self.member, self.watcher)
        seen = {user.login for user in everybody if self.sees(user, inbound)}
        self.assertEqual(seen, {user.login for user in users})

    def closed(self):
        return self.manager, self.system, self.member, self.watcher

    def everybody(self):
        return (*self.closed(), self.viewer, self.officer)

    def test_members_see_the_mail_of_their_mailbox_and_others_do_not(self):
        inbound = self.journal(eml(), self.box, company=self.company)
        self.assertSeenBy(inbound, *self.everybody())
        self.box.gateway_team_id = self.team
        # At once, also of what was there before.
        self.assertSeenBy(inbound, *self.closed())
        self.box.gateway_team_id = False
        self.assertSeenBy(inbound, *self.everybody())

    def test_an_intake_of_a_team(self):
        intake, _token = self.intake(company_id=self.company.id)
        inbound = self.journal(eml(), company=self.company)
        inbound.intake_id = intake
        self.assertSeenBy(inbound, *self.everybody())
        intake.gateway_team_id = self.team
        self.assertSeenBy(inbound, *self.closed())

    def test_an_intake_for_a_mailbox_of_a_team(self):
        """Both ways in are asked: what came for a closed mailbox by an open intake is closed."""
        intake, _token = self.intake(company_id=self.company.id, server_id=self.box.id)
        inbound = self.journal(eml(), self.box, company=self.company)
        inbound.intake_id = intake
        self.box.gateway_team_id = self.team
        self.assertSeenBy(inbound, *self.closed())

    def test_a_team_of_another_company_opens_no_company(self):
        self.box.gateway_team_id = self.team
        inbound = self.journal(eml(), self.box, company=self.other_company)
        self.assertFalse(self.sees(self.member, inbound))

    def test_what_hangs_on_the_message_is_closed_with_it(self):
        inbound = self.journal(eml(), self.box, company=self.company)
        stamps = self.env["spp.email.inbound.record"]
        stamps._stamp(inbound.id, 1, self.env.user.partner_id)
        stamp = stamps.search([("inbound_id", "=", inbound.id)])
        self.box.gateway_team_id = self.team
        for record in (stamp, inbound.content_ids):
            with self.subTest(model=record._name):
                self.assertFalse(record.with_user(self.officer).search([("id", "=", record.id)]))
                self.assertTrue(record.with_user(self.member).search([("id", "=", record.id)]))

    def test_an_officer_outside_decides_nothing(self):
        inbound = self.journal(eml(), self.box, company=self.company)
        inbound.state = "quarantined"
        self.box.gateway_team_id = self.team
        with self.assertRaises(AccessError):
            inbound.with_user(self.officer).action_discard()
        inbound.with_user(self.member).action_discard()
        self.assertEqual(inbound.state, "discarded")

    def test_counts_of_groups_leave_it_out(self):
        self.journal(eml(), self.box, company=self.company)
        self.box.gateway_team_id = self.team
        domain = [("server_id", "=", self.box.id)]
        for user, number in ((self.officer, 0), (self.member, 1)):
            groups = self.env["spp.email.inbound"].with_user(user).formatted_read_group(domain, ["state"], ["__count"])
            self.assertEqual(sum(group["__count"] for group in groups), number)

    # ------------------------------------------------------------------
    # Nothing opens it by accident
    # ------------------------------------------------------------------

    def test_a_team_that_is_archived(self):
        inbound = self.journal(eml(), self.box, company=self.company)
        self.box.write({"gateway_team_id": self.team.id, "gateway_is_confidential": True})
        self.team.action_archive()
        self.assertSeenBy(inbound, self.manager, self.system)
        self.assertFalse(inbound.with_user(self.member)._may_see_content())
        self.team.action_unarchive()
        self.assertSeenBy(inbound, *self.closed())
        self.assertTrue(inbound.with_user(self.member)._may_see_content())

    def test_a_team_that_loses_its_members(self):
        inbound = self.journal(eml(), self.box, company=self.company)
        self.box.gateway_team_id = self.team
        self.assertTrue(self.sees(self.member, inbound))
        self.team.member_ids -= self.member
        self.assertFalse(self.sees(self.member, inbound))
        self.team.member_ids = False
        self.assertSeenBy(inbound, self.manager, self.system)

    def test_a_team_in_use_is_not_deleted(self):
        for door in (self.box, self.intake(company_id=self.company.id)[0]):
            with self.subTest(door=door._name):
                door.gateway_team_id = self.team
                with self.assertRaisesRegex(UserError, "would be open to others"):
                    self.team.unlink()
                door.gateway_team_id = False
        self.team.unlink()

    def test_the_database_refuses_it_too(self):
        self.box.gateway_team_id = self.team
        self.env.flush_all()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(ForeignKeyViolation),
            self.env.cr.savepoint(),
        ):
            self.env.cr.execute(SQL("DELETE FROM spp_email_team WHERE id = %s", self.team.id))

    def test_a_mailbox_of_a_team_is_not_deleted_while_the_journal_has_its_mail(self):
        self.box.gateway_team_id = self.team
        self.journal(eml(), self.box, company=self.company)
        with self.assertRaisesRegex(UserError, "Archive it instead"):
            self.box.unlink()
        empty = self.mailbox(user="empty@gateway.test", gateway_team_id=self.team.id)
        empty.unlink()

    def test_a_mailbox_that_is_archived_stays_closed(self):
        inbound = self.journal(eml(), self.box, company=self.company)
        self.box.write({"gateway_team_id": self.team.id, "active": False})
        self.assertSeenBy(inbound, *self.closed())

    def test_an_upload_as_that_mailbox_is_closed_too(self):
        self.box.gateway_team_id = self.team
        inbound = self.journal(eml(), self.box, company=self.company, key="upload")
        self.assertSeenBy(inbound, *self.closed())

    # ------------------------------------------------------------------
    # Who says who is in
    # ------------------------------------------------------------------

    def test_confidential_without_a_team_is_refused(self):
        for door in (self.box, self.intake(company_id=self.company.id)[0]):
            with self.subTest(door=door._name), self.assertRaisesRegex(ValidationError, "Choose the team"):
                door.gateway_is_confidential = True

    def test_an_unnamed_manager_does_not_let_himself_in(self):
        self.box.write({"gateway_team_id": self.team.id, "gateway_is_confidential": True})
        other = self.env["spp.email.team"].create({"name": "Mine", "member_ids": self.manager.ids})
        for name, change in (
            ("into the team", lambda: self.team.with_user(self.manager).write({"member_ids": self.manager.ids})),
            ("another team", lambda: self.box.with_user(self.manager).write({"gateway_team_id": other.id})),
            ("no team", lambda: self.box.with_user(self.manager).write({"gateway_team_id": False})),
            ("no secret", lambda: self.box.with_user(self.manager).write({"gateway_is_confidential": False})),
            ("archived", lambda: self.team.with_user(self.manager).action_archive()),
        ):
            with self.subTest(name=name), self.assertRaisesRegex(AccessError, "only its members and administrators"):
                change()

    def test_a_member_who_is_a_manager_and_an_administrator_may(self):
        self.team.member_ids |= self.chief
        self.box.write({"gateway_team_id": self.team.id, "gateway_is_confidential": True})
        self.team.with_user(self.chief).member_ids += self.officer
        self.team.with_user(self.system).member_ids -= self.officer
        self.box.with_user(self.chief).gateway_is_confidential = False

    def test_other_settings_of_a_confidential_mailbox_are_the_managers(self):
        self.box.write({"gateway_team_id": self.team.id, "gateway_is_confidential": True})
        values = {"name": "Renamed", "gateway_team_id": self.team.id, "gateway_is_confidential": True}
        self.box.with_user(self.manager).write(values)
        self.assertEqual(self.box.name, "Renamed")

    def test_officers_have_no_teams(self):
        with self.assertRaises(AccessError):
            self.team.with_user(self.officer).read(["name"])

    def test_the_form_offers_people_with_a_role(self):
        domain = self.env["spp.email.team"].fields_get(["member_ids"])["member_ids"]["domain"]
        offered = self.env["res.users"].search(domain)
        for user, expected in ((self.viewer, True), (self.manager, True), (self.plain, False), (self.portal, False)):
            with self.subTest(user=user.login):
                self.assertEqual(user in offered, expected)

    def test_the_form(self):
        with Form(self.env["spp.email.team"].with_user(self.manager)) as form:
            form.name = "Board"
            form.member_ids.add(self.officer)
        self.assertEqual(form.record.member_ids, self.officer)
