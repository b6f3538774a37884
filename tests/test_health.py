# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..engine.health import HealthFinding, HealthState
from ..models.fetchmail_server_fetching import FAILURES_TO_TELL
from ..models.sealed_column import open_columns, seal_columns
from .common import GatewayCase, eml, with_key, without_key


class HealthCase(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.health = cls.env["spp.email.health"]
        cls.health.search([]).unlink()
        cls.env["spp.email.inbound"].search([]).unlink()
        open_columns(cls.env)

    def check(self, *findings):
        """Run the check with these findings alone."""
        with (
            patch.object(type(self.health), "_health_models", lambda _health: ["fetchmail.server"]),
            patch.object(type(self.env["fetchmail.server"]), "_gateway_health", lambda _server: list(findings)),
        ):
            self.health._check()
        return self.health.search([])

    def finding(self, code="test_finding", state=HealthState.WARNING, title="Not well", **values):
        return HealthFinding(code, state, title, **values)


@tagged("post_install", "-at_install")
class TestHealth(HealthCase):
    def managers(self):
        group = self.env.ref("spp_email_gateway.group_email_gateway_manager")
        return group.all_user_ids.filtered(lambda user: user.active and not user.share)

    # ------------------------------------------------------------------
    # Activities
    # ------------------------------------------------------------------

    def test_a_finding_gives_every_manager_one_activity(self):
        row = self.check(self.finding(text="seen", cure="do this"))
        self.assertEqual(
            (row.code, row.state, row.title, row.text, row.cure),
            ("test_finding", "warning", "Not well", "seen", "do this"),
        )
        self.assertEqual(row.activity_ids.user_id, self.managers())
        self.assertEqual(len(row.activity_ids), len(self.managers()))
        self.assertIn(self.manager, self.managers())
        self.assertIn(self.system, self.managers())
        for user in (self.plain, self.viewer, self.officer, self.portal):
            self.assertNotIn(user, row.activity_ids.user_id)
        self.assertEqual(set(row.activity_ids.mapped("summary")), {"Not well"})
        self.assertEqual(row.activity_ids.activity_type_id, self.env.ref("spp_email_gateway.mail_activity_type_health"))

    def test_a_repeated_check_raises_none_more(self):
        row = self.check(self.finding(text="once"))
        before = row.activity_ids
        row.since_date = "2026-01-01 00:00:00"
        again = self.check(self.finding(text="twice"))
        self.assertEqual((again, again.activity_ids, again.text), (row, before, "twice"))
        self.assertEqual(str(again.since_date), "2026-01-01 00:00:00")

    def test_a_manager_who_has_the_activity_gets_no_second_one(self):
        row = self.check(self.finding())
        row.activity_ids.filtered(lambda activity: activity.user_id == self.manager).unlink()
        row._raise_activity()
        self.assertEqual(row.activity_ids.user_id, self.managers())
        self.assertEqual(len(row.activity_ids), len(self.managers()))

    def test_a_done_activity_is_not_raised_again_while_the_finding_holds(self):
        row = self.check(self.finding())
        row.activity_ids.filtered(lambda activity: activity.user_id == self.manager).action_done()
        self.assertNotIn(self.manager, self.check(self.finding()).activity_ids.user_id)

    def test_a_finding_that_gets_worse_changes_its_state(self):
        self.check(self.finding())
        self.assertEqual(self.check(self.finding(state=HealthState.FAILURE, title="Worse")).title, "Worse")

    def test_what_is_well_is_no_finding(self):
        self.assertFalse(self.check(self.finding(state=HealthState.OK)))

    def test_recovery_clears_finding_and_activities(self):
        row = self.check(self.finding("one"), self.finding("two")).filtered(lambda row: row.code == "one")
        activities = row.activity_ids
        self.assertTrue(activities)
        left = self.check(self.finding("two"))
        self.assertEqual(left.code, "two")
        self.assertTrue(left.activity_ids)
        self.assertFalse(row.active)
        self.assertFalse(activities.exists().filtered("active"))

    def test_recovery_is_told_to_those_who_had_the_activity(self):
        row = self.check(self.finding("one"))
        managers = row.activity_ids.user_id.partner_id
        self.assertTrue(managers)
        self.check()
        notice = self.env["mail.message"].search([("subject", "=", f"Well again: {row.title}")])
        self.assertEqual(notice.partner_ids, managers)

    def test_what_comes_back_is_told_again(self):
        first = self.check(self.finding())
        self.check()
        second = self.check(self.finding())
        self.assertEqual(first, second)
        self.assertTrue(second.activity_ids)
        self.assertEqual(second.activity_ids.user_id, self.managers())

    # ------------------------------------------------------------------
    # What to open
    # ------------------------------------------------------------------

    def test_a_finding_opens_its_records(self):
        boxes = self.mailbox(name="One") + self.mailbox(name="Two", user="two@gateway.test")
        boxes[1].active = False
        finding = self.finding(model=boxes._name, ids=tuple(boxes.ids), field="password")
        row = self.check(finding).with_user(self.manager)
        self.assertEqual((row.res_model, row.res_ids, row.field_words), (boxes._name, boxes.ids, "Password"))
        action = row.action_open()
        self.assertEqual((action["res_model"], action["views"][0][1]), (boxes._name, "list"))
        # What is wrong is not hidden because it is archived.
        self.assertEqual(boxes.with_context(**action["context"]).search(action["domain"]), boxes)
        boxes[1].unlink()
        action = row.action_open()
        self.assertEqual((action["res_id"], action["views"]), (boxes[0].id, [(False, "form")]))
        boxes[0].unlink()
        with self.assertRaisesRegex(UserError, "What this finding is about is gone. Press Check Now."):
            row.action_open()

    def test_a_finding_about_nothing_or_about_a_model_that_is_gone_opens_nothing(self):
        for values in ({}, {"model": "no.such.model", "ids": (1,)}):
            with self.subTest(values=values), self.assertRaises(UserError):
                self.check(self.finding(**values)).action_open()

    def test_who_may_check(self):
        for user, allowed in ((self.manager, True), (self.system, True), (self.officer, False), (self.plain, False)):
            with self.subTest(user=user.login), without_key():
                if allowed:
                    self.assertTrue(self.health.with_user(user).action_check())
                else:
                    with self.assertRaises(AccessError):
                        self.health.with_user(user).action_check()

    # ------------------------------------------------------------------
    # Findings
    # ------------------------------------------------------------------

    def test_messages_in_quarantine_are_told(self):
        journal = self.env["spp.email.inbound"]
        self.assertEqual(journal._gateway_health(), [])
        self.journal(eml())
        self.assertEqual(journal._gateway_health(), [])
        for count in (1, 2):
            self.journal(eml()).state = "quarantined"
            (finding,) = journal._gateway_health()
            self.assertEqual((finding.code, finding.state), ("quarantine_not_empty", HealthState.WARNING))
            self.assertEqual(finding.text, f"{count} messages could not be routed or processed.")

    def test_an_unreadable_mailbox_is_told_after_some_failures(self):
        servers = self.env["fetchmail.server"]
        servers.search([]).state = "draft"
        box = self.mailbox(name="Box", error_date="2026-01-01 00:00:00", error_message="The login was refused.")
        for failures, expected in ((0, 0), (FAILURES_TO_TELL - 1, 0), (FAILURES_TO_TELL, 1), (50, 1)):
            box.gateway_failures = failures
            with self.subTest(failures=failures):
                findings = servers._gateway_health()
                self.assertEqual(len(findings), expected)
        (finding,) = findings
        self.assertEqual((finding.code, finding.state), (f"mailbox_{box.id}_unreadable", HealthState.FAILURE))
        self.assertEqual(finding.title, "Mailbox “Box” cannot be read")
        self.assertEqual(finding.text, "Since 2026-01-01 00:00:00, 50 times in a row: The login was refused.")
        box.state = "draft"
        self.assertEqual(servers._gateway_health(), [])

    def test_a_missing_key_is_told(self):
        with without_key():
            (finding,) = self.health._gateway_health()
            self.assertEqual((finding.code, finding.state), ("credential_key_missing", HealthState.WARNING))
            self.assertEqual(finding.title, "Passwords are stored in clear text")
        with with_key():
            self.mailbox(password="s3cret")
            seal_columns(self.env)
        with without_key():
            (finding,) = self.health._gateway_health()
            self.assertEqual(finding.state, HealthState.FAILURE)
            self.assertEqual(finding.title, "Stored passwords cannot be opened")

    def test_a_malformed_key_is_told(self):
        with with_key("abc"):
            (finding,) = self.health._gateway_health()
        self.assertEqual(finding.text, "The credential key is not base64 text.")

    def test_with_a_key_what_lies_in_clear_is_sealed(self):
        with without_key():
            box = self.mailbox(password="s3cret")
            box.flush_recordset()
        with with_key():
            self.assertEqual(self.health._gateway_health(), [])
            self.assertRegex(
                self.sql("SELECT password FROM fetchmail_server WHERE id = %s", box.id)[0][0], "^sealed:2:"
            )

    def test_the_real_check_runs(self):
        with without_key():
            self.health._check()
        self.assertIn("credential_key_missing", self.health.search([]).mapped("code"))
