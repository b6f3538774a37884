# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A mailbox or intake that is given to a team: who sees its mail, and that nothing opens it by accident."""

from psycopg2.errors import ForeignKeyViolation

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import SQL, mute_logger

from ..engine.delivery import RecipientResult
from ..engine.outcome import OutboundReason, OutboundState
from ..models.delivery_ledger import DeliveryLedger
from .common import GatewayCase, eml
from .reports import report


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
    # What is about its mail
    # ------------------------------------------------------------------

    def refused(self):
        """Return a message of the team's mailbox that was refused, its notice, and the delivery of that."""
        self.box.gateway_team_id = self.team
        self.alias("closed", alias_contact="partners")
        inbound = self.receive(eml(To="closed@gateway.test"), self.box, company=self.company)
        notice = self.env["spp.email.notice"].search([("inbound_id", "=", inbound.id)])
        return inbound, notice.mail_id, self.delivered(notice.mail_id)

    def delivered(self, mail):
        """Return the delivery of a mail, and the bytes that were kept, as the queue leaves them behind."""
        posting = self.env["spp.email.dispatch"]._posting(mail)
        ledger = DeliveryLedger(self.env)
        ledger.note(posting, {mail.email_to: RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED)})
        ledger._write()
        row = self.env["spp.email.delivery"].search([("mail_id", "=", mail.id)])
        self.assertEqual(len(row), 1)
        return row

    def seen_by(self, record):
        everybody = (self.viewer, self.officer, self.manager, self.system, self.member, self.watcher)
        return {
            user.login
            for user in everybody
            if record.with_user(user).has_access("read")
            and record.with_user(user).search_count([("id", "=", record.id)])
        }

    def test_answers_and_notices_are_seen_by_the_team_alone(self):
        inbound, notice, row = self.refused()
        self.assertEqual((notice.gateway_inbound_id, row.inbound_id), (inbound, inbound))
        answer = (
            self.env["spp.email.inbound.answer"]
            .with_user(self.member)
            .create({"inbound_ids": inbound.ids, "subject": "Re", "body": "<p>no</p>"})
        )
        answer.action_send()
        mail = self.env["mail.mail"].search([("gateway_inbound_id", "=", inbound.id)]) - notice
        self.assertEqual(len(mail), 1)
        logins = {user.login for user in self.closed()}
        for delivery in (row, self.delivered(mail)):
            self.assertEqual(self.seen_by(delivery), logins)
        # Also once the message and its mail are gone.
        self.sql("DELETE FROM mail_mail WHERE id IN %s RETURNING id", tuple((mail + notice).ids))
        self.sql("DELETE FROM spp_email_inbound WHERE id = %s RETURNING id", inbound.id)
        self.env.invalidate_all()
        self.assertFalse(row.inbound_id)
        self.assertEqual(self.seen_by(row), logins)
        self.box.gateway_team_id = False
        self.assertEqual(self.seen_by(row), {user.login for user in self.everybody()})

    def test_bytes_of_an_answer_are_the_teams(self):
        _inbound, notice, row = self.refused()
        contents = self.env["spp.email.sent.content"]
        self.assertTrue(contents._keep(self.env, notice.id, "<a@b>", [row.recipient], b"Subject: x\r\n\r\nno"))
        content = contents.search([("delivery_ids", "in", row.ids)])
        # Viewers have no right to bytes at all.
        officers = {self.manager.login, self.system.login, self.member.login}
        self.assertEqual(self.seen_by(content), officers)
        # What was kept before the mailbox became confidential.
        self.box.gateway_is_confidential = True
        self.assertEqual(self.seen_by(content), {self.member.login})

    def test_a_report_about_an_answer_is_the_teams(self):
        _inbound, _notice, row = self.refused()
        row.message_id = "<answer@gateway.test>"
        other = self.mailbox(name="Other", user="other@gateway.test", company_id=self.company.id)
        content = report("<answer@gateway.test>", recipient=row.recipient, Subject="A question")
        inbound = self.journal(content, other, company=self.company)
        self.assertSeenBy(inbound, *self.everybody())
        self.process()
        self.assertEqual(row.report_id, inbound)
        self.assertSeenBy(inbound, *self.closed())
        self.box.gateway_is_confidential = True
        self.assertFalse(inbound.with_user(self.manager)._may_see_content())
        self.assertTrue(inbound.with_user(self.member)._may_see_content())

    def test_the_trail_of_its_mail_is_the_teams(self):
        inbound, notice, row = self.refused()
        trail = self.env["spp.email.audit"]
        for record in (inbound, notice, row):
            trail._note("downloaded", record)
            noted = trail.search([("model", "=", record._name), ("res_id", "=", record.id)], limit=1)
            with self.subTest(model=record._name):
                # Viewers have no right to the trail at all.
                self.assertEqual(self.seen_by(noted), {self.manager.login, self.system.login, self.member.login})

    def test_a_mailbox_whose_answers_are_there_is_not_deleted(self):
        inbound, _notice, row = self.refused()
        self.sql("DELETE FROM spp_email_inbound WHERE id = %s RETURNING id", inbound.id)
        with self.assertRaisesRegex(UserError, "would show it to others"):
            self.box.unlink()

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
