# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ast import literal_eval

from lxml import etree

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from .sending import DeliveryCase

STATES = ("queued", "sending", "sent", "deferred", "failed", "bounced", "unknown", "suppressed", "cancelled")


@tagged("post_install", "-at_install")
class TestDeliveries(DeliveryCase):
    def one_of_each(self):
        return {state: self.row(f"{state}@example.com", state) for state in STATES}

    def test_only_who_was_not_reached_is_tried_again(self):
        rows = self.one_of_each()
        before = self.triggers()
        self.env["spp.email.delivery"].union(*rows.values()).with_user(self.officer).action_retry()
        again = {state for state, row in rows.items() if row.state == "queued"} - {"queued"}
        self.assertEqual(again, {"failed", "bounced", "unknown", "suppressed", "cancelled"})
        self.assertGreater(self.triggers(), before)
        self.assertEqual({row.mail_id.state for state, row in rows.items() if state in again}, {"outgoing"})

    def test_only_what_waits_is_cancelled(self):
        rows = self.one_of_each()
        self.env["spp.email.delivery"].union(*rows.values()).with_user(self.officer).action_cancel()
        changed = {state for state, row in rows.items() if row.state == "cancelled"} - {"cancelled"}
        self.assertEqual(changed, {"queued", "deferred"})
        self.assertEqual((rows["queued"].reason, rows["queued"].mail_id.state), ("by_hand", "cancel"))

    def test_send_now_ends_the_wait(self):
        row = self.row("bob@example.com", "deferred", next_attempt_date="2090-01-01 00:00:00")
        row.mail_id._gateway_follow()
        self.assertEqual(str(row.mail_id.scheduled_date), "2090-01-01 00:00:00")
        row.with_user(self.officer).action_send_now()
        self.assertEqual((row.next_attempt_date, row.mail_id.scheduled_date), (False, False))

    def test_who_decided_is_remembered(self):
        row = self.refused("bob@example.com")
        row.with_user(self.officer).action_retry()
        step = row.trace[-1]
        self.assertTrue(step["found"].startswith(f"user {self.officer.id}, 20"), step)
        self.assertEqual(step["followed"], "Try again (before: Failed)")

    def test_nothing_left_to_decide_is_said(self):
        row = self.row("bob@example.com", "sent").with_user(self.officer)
        for method, words in (
            ("action_retry", "Nothing was changed. Only recipients that were not reached can be tried again"),
            ("action_send_now", "Nothing was changed: none of these recipients is waiting any more."),
            ("action_cancel", "Nothing was changed: only what is still waiting can be cancelled"),
        ):
            with self.subTest(method=method), self.assertRaises(UserError) as caught:
                getattr(row, method)()
            self.assertIn(words, str(caught.exception))

    def test_of_a_deleted_mail_nothing_can_be_sent(self):
        row = self.refused("bob@example.com")
        row.mail_id.unlink()
        with self.assertRaisesRegex(UserError, "click on the red envelope"):
            row.with_user(self.officer).action_retry()
        self.assertEqual((row.state, row.is_retryable), ("failed", False))

    def test_viewers_and_others_decide_nothing(self):
        row = self.refused("bob@example.com")
        for user in (self.plain, self.viewer, self.portal):
            for method in ("retry", "cancel", "send_now", "settle", "hold", "release"):
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    getattr(row.with_user(user), f"action_{method}")()
        self.assertEqual((row.state, row.is_settled, row.is_held, row.trace), ("failed", False, False, False))

    def test_another_companys_rows_are_not_decided_on(self):
        row = self.refused("bob@example.com", company_id=self.other_company.id)
        with self.assertRaises(AccessError):
            row.with_user(self.officer).action_retry()

    def test_nobody_writes_on_the_ledger(self):
        row = self.refused("bob@example.com")
        for user in (self.viewer, self.officer, self.manager, self.system):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                row.with_user(user).state = "sent"

    def test_a_mail_is_retried_for_those_it_did_not_reach(self):
        mail = self.mail("exception", email_to="a@example.com, b@example.com")
        sent, failed = self.row("a@example.com", "sent", mail), self.refused("b@example.com", mail)
        mail.with_user(self.system).mark_outgoing()
        self.assertEqual((sent.state, failed.state, mail.state), ("sent", "queued", "outgoing"))

    def test_a_cancelled_mail_is_retried(self):
        mail = self.mail(email_to="a@example.com")
        row = self.row("a@example.com", "queued", mail)
        mail.with_user(self.system).cancel()
        self.assertEqual((row.state, mail.state), ("cancelled", "cancel"))
        mail.with_user(self.system).mark_outgoing()
        self.assertEqual((row.state, mail.state), ("queued", "outgoing"))

    def test_what_a_person_cancelled_stays_cancelled_when_failures_are_retried(self):
        mail = self.mail("exception", email_to="a@example.com, b@example.com")
        cancelled, failed = self.row("a@example.com", "cancelled", mail), self.refused("b@example.com", mail)
        mail.with_user(self.system).action_retry()
        self.assertEqual((cancelled.state, failed.state), ("cancelled", "queued"))

    def test_a_mail_that_is_being_sent_cannot_be_called_back(self):
        mail = self.mail(email_to="a@example.com")
        self.row("a@example.com", "sending", mail)
        with self.assertRaisesRegex(UserError, "being sent at this moment"):
            mail.with_user(self.system).cancel()
        self.assertEqual(mail.state, "outgoing")

    def test_mails_without_rows_are_as_odoo_has_them(self):
        failed, waiting = self.mail("exception"), self.mail()
        (failed | waiting).with_user(self.system).action_retry()
        waiting.with_user(self.system).cancel()
        self.assertEqual((failed.state, waiting.state), ("outgoing", "cancel"))

    def test_plain_users_decide_about_no_mail(self):
        mail = self.row("a@example.com").mail_id
        for method in ("cancel", "mark_outgoing"):
            with self.subTest(method=method), self.assertRaises(AccessError):
                getattr(mail.with_user(self.manager), method)()

    def test_the_mail_is_what_its_rows_say(self):
        for states, expected in (
            (("sent", "queued"), "outgoing"),
            (("failed", "deferred"), "outgoing"),
            (("sent", "failed"), "exception"),
            (("sent", "unknown"), "exception"),
            (("sent", "bounced"), "sent"),
            (("sent", "cancelled"), "sent"),
            (("cancelled", "suppressed"), "cancel"),
        ):
            mail = self.mail(email_to="x@example.com")
            for number, state in enumerate(states):
                self.row(f"{number}@example.com", state, mail)
            mail._gateway_follow()
            with self.subTest(states=states):
                self.assertEqual(mail.state, expected)

    def test_the_notifications_are_what_the_rows_say(self):
        for state, status in (
            ("queued", "ready"),
            ("sent", "sent"),
            ("failed", "exception"),
            ("unknown", "exception"),
            ("bounced", "bounce"),
            ("suppressed", "exception"),
            ("cancelled", "canceled"),
        ):
            message, mail = self.message(self.bob, self.eve, statuses=("exception", "sent"))
            self.row("bob@exmaple.com", state, mail, partner_id=self.bob.id)
            self.row("eve@example.com", "sent", mail, partner_id=self.eve.id)
            mail._gateway_follow()
            with self.subTest(state=state):
                found = {one.res_partner_id: one.notification_status for one in message.notification_ids}
                self.assertEqual(found, {self.bob: status, self.eve: "sent"})

    def test_what_came_back_early_stays_so_when_the_last_one_is_sent(self):
        message, mail = self.message(self.bob, self.eve, statuses=("bounce", "ready"))
        mail.state = "outgoing"
        self.row("bob@exmaple.com", "bounced", mail, partner_id=self.bob.id, smtp_code=552)
        self.row("eve@example.com", "sent", mail, partner_id=self.eve.id)
        mail._gateway_follow()
        found = {one.res_partner_id: one.notification_status for one in message.notification_ids}
        self.assertEqual((mail.state, found), ("sent", {self.bob: "bounce", self.eve: "sent"}))

    def test_dealt_with_is_no_failure_any_more(self):
        row = self.refused("bob@example.com")
        row.mail_id._gateway_follow()
        self.assertEqual(row.mail_id.state, "exception")
        row.with_user(self.officer).action_settle()
        self.assertEqual((row.state, row.is_settled, row.mail_id.state), ("failed", True, "cancel"))

    def test_dealt_with_turns_the_envelope_white(self):
        message, mail = self.message(self.bob, self.eve)
        bob = self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        self.refused("eve@example.com", mail, partner_id=self.eve.id)
        bob.with_user(self.officer).action_settle()
        found = {one.res_partner_id: one.notification_status for one in message.notification_ids}
        self.assertEqual(found, {self.bob: "canceled", self.eve: "exception"})

    def test_the_outcome_that_nobody_knows_is_decided_by_a_person(self):
        row = self.row("bob@example.com", "unknown")
        row.with_user(self.officer).action_settle()
        self.assertEqual((row.state, row.reason), ("cancelled", "by_hand"))

    def test_the_form_tells_what_happened(self):
        row = self.refused("bob@example.com")
        form = Form(row.with_user(self.viewer).with_context(tz="UTC"))
        self.assertEqual(form.answer_words, "The address does not exist.")
        self.assertEqual((form.code_text, form.phase_text), ("550 5.1.1", "naming the recipient"))
        lines = form.timeline_text.split("\n")
        self.assertEqual(
            [line.partition(": ")[2] for line in lines],
            ["Queued", "Attempt 1: The address does not exist.", "Failed"],
        )
        self.assertTrue(lines[1].startswith("2026-03-01 10:00:00"))

    def test_the_timeline_is_in_order_after_a_retry(self):
        row = self.refused("bob@example.com", created_date="2026-03-01 09:59:00")
        row.with_user(self.officer).action_retry()
        lines = [line.partition(": ")[2] for line in row.timeline_text.split("\n")]
        self.assertEqual(lines, ["Attempt 1: The address does not exist.", "Queued"])

    def test_what_a_server_means_and_what_helps(self):
        for values, words, cure in (
            ({}, "The address does not exist.", "Check its spelling"),
            ({"state": "bounced"}, "It came back: The address does not exist.", "Check its spelling"),
            ({"reason": "no_connection", "smtp_code": 0, "enhanced_status": False}, "The server could not be", ""),
            ({"reason": "quota", "smtp_text": "Daily limit reached (200 of 200)"}, "Daily limit reached (200", ""),
            ({"reason": "quota", "smtp_text": False}, "A limit of the server is reached", ""),
            ({"state": "sent", "reason": "accepted", "smtp_code": 250}, "The server accepted it", ""),
            ({"reason": False, "smtp_code": 0, "enhanced_status": False}, "", ""),
        ):
            row = self.refused("x@example.com")
            row.write(values)
            with self.subTest(values=values):
                self.assertEqual((row.answer_words[: len(words)], row.answer_cure[: len(cure)]), (words, cure))
                self.assertEqual(bool(row.answer_words), bool(words))

    def test_viewers_see_no_buttons_and_officers_all(self):
        buttons = {"action_retry", "action_cancel", "action_send_now", "action_settle"}
        for user, expected in ((self.viewer, set()), (self.officer, buttons), (self.manager, buttons)):
            for kind in ("form", "list"):
                arch = self.env["spp.email.delivery"].with_user(user).get_view(view_type=kind)["arch"]
                with self.subTest(user=user.login, kind=kind):
                    self.assertEqual({name for name in buttons if f'name="{name}"' in arch}, expected)

    def test_every_view_opens_and_groups(self):
        rows = self.env["spp.email.delivery"].with_user(self.viewer)
        action = self.env.ref("spp_email_gateway.action_spp_email_delivery")
        self.assertEqual(action.path, "email-deliveries")
        found = rows.get_views([(False, kind) for kind in ("list", "form", "pivot", "graph", "search")])["views"]
        self.assertEqual(len(found), 5)
        for group in ("state", "reason", "server_id", "recipient_domain", "smtp_code", "created_date:day"):
            with self.subTest(group=group):
                rows.formatted_read_group([], [group], ["__count"])

    def test_every_filter_finds_what_it_says(self):
        rows = self.one_of_each()
        rows["sent"].created_date = "2020-01-01 00:00:00"
        deliveries = self.env["spp.email.delivery"].with_user(self.viewer)
        arch = etree.fromstring(deliveries.get_view(view_type="search")["arch"])
        for name, states in (
            ("failed", {"failed", "bounced"}),
            ("waiting", {"queued", "sending", "deferred"}),
            ("unknown", {"unknown"}),
            ("sent", {"sent"}),
            ("today", set(STATES) - {"sent"}),
        ):
            domain = literal_eval(arch.find(f".//filter[@name='{name}']").get("domain"))
            found = deliveries.search([*domain, ("id", "in", [row.id for row in rows.values()])])
            with self.subTest(name=name):
                self.assertEqual(set(found.mapped("state")), states)

    def test_the_domain_is_known_however_the_row_was_written(self):
        by_orm = self.row("Bob@Example.COM")
        ((by_sql,),) = self.sql(
            "INSERT INTO spp_email_delivery (recipient, state) VALUES ('x@other.test', 'queued') RETURNING id"
        )
        rows = by_orm | self.env["spp.email.delivery"].browse(by_sql)
        rows.invalidate_recordset()
        self.assertEqual(rows.mapped("recipient_domain"), ["example.com", "other.test"])

    def test_mails_and_servers_lead_to_their_deliveries(self):
        row, other = self.refused("bob@example.com"), self.row("eve@example.com", server_id=False)
        self.assertEqual(row.mail_id.gateway_delivery_count, 1)
        for action, user in (
            (row.mail_id.with_user(self.system).action_open_deliveries(), self.system),
            (self.server.with_user(self.manager).action_open_deliveries(), self.manager),
        ):
            found = self.env["spp.email.delivery"].with_user(user).search(action["domain"])
            self.assertIn(row, found)
            self.assertNotIn(other, found)

    def test_the_record_is_one_click_away(self):
        message, mail = self.message(self.bob)
        row = self.refused("bob@exmaple.com", mail)
        action = row.with_user(self.viewer).action_open_record()
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", self.record.id))
        with self.assertRaisesRegex(UserError, "about no record"):
            self.refused("x@example.com").action_open_record()
