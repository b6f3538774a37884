# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from ..models import spp_email_overview
from .common import eml
from .sending import DeliveryCase


@tagged("post_install", "-at_install")
class TestOverview(DeliveryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for model in ("spp.email.day", "spp.email.delivery", "spp.email.inbound", "spp.email.sample"):
            cls.env[model].search([]).unlink()
        cls.days = cls.env["spp.email.day"]
        cls.today = fields.Date.today()

    def figures(self, user=None, days=30):
        self.env.flush_all()
        return self.env["spp.email.overview"].with_user(user or self.manager).read_figures(days)

    def received(self, state="done", days=0, company=None, server=None):
        row = self.journal(eml(), server, company=company)
        row.write({"state": state, "received_date": fields.Datetime.now() - timedelta(days=days)})
        return row

    def sent(self, recipient, state="sent", days=0, **values):
        return self.row(recipient, state, created_date=fields.Datetime.now() - timedelta(days=days), **values)

    def run_job(self):
        with self.own_cursors():
            self.days._cron_count()

    def count(self):
        self.env.flush_all()
        self.days._count(self.today - timedelta(days=60), self.today)

    # ------------------------------------------------------------------
    # Days
    # ------------------------------------------------------------------

    def test_a_day_is_counted_by_server_domain_and_state(self):
        for number in range(6):
            self.sent(f"person{number}@large.example", days=1)
        self.sent("one@large.example", "bounced", days=1, reason="complaint")
        self.sent("ann@her-own-name.example", days=1)
        self.received(days=1)
        self.received("quarantined", days=1)
        self.count()
        rows = self.days.search([])
        self.assertEqual(
            sorted(
                (row.direction, row.sender_id.name or "", row.domain or "", row.state, row.is_complaint, row.messages)
                for row in rows
            ),
            [
                ("in", "", "", "done", False, 1),
                ("in", "", "", "quarantined", False, 1),
                # A domain with one recipient is next to an address: it is not kept.
                ("out", "Relay", "", "sent", False, 1),
                ("out", "Relay", "large.example", "bounced", True, 1),
                ("out", "Relay", "large.example", "sent", False, 6),
            ],
        )
        self.assertEqual(set(rows.mapped("day")), {self.today - timedelta(days=1)})

    def test_counting_again_changes_nothing_but_what_changed(self):
        row = self.sent("ann@example.com", days=3)
        self.count()
        self.count()
        self.assertEqual(self.days.search([]).mapped("messages"), [1])
        row.state = "bounced"
        self.count()
        self.assertEqual([(day.state, day.messages) for day in self.days.search([])], [("bounced", 1)])

    def test_the_job_counts_what_was_missed(self):
        for days in (0, 1, 20, 59):
            self.received(days=days)
        self.run_job()
        self.assertEqual(sum(self.days.search([]).mapped("messages")), 4)
        # Nobody counted for ten days: all since then are counted anew.
        self.days.search([("day", ">", self.today - timedelta(days=20))]).unlink()
        self.received(days=10)
        self.run_job()
        self.assertEqual(sum(self.days.search([]).mapped("messages")), 5)

    def test_each_day_is_counted_in_a_transaction_of_its_own(self):
        for days in (0, 1, 2):
            self.received(days=days)
        real, counted = type(self.days)._count, []

        def breaks(days, first, last):
            if first == self.today:
                raise KeyError("the worker is killed")
            counted.append(first)
            self.assertEqual(first, last)
            return real(days, first, last)

        with patch.object(type(self.days), "_count", breaks), self.assertRaises(KeyError):
            self.run_job()
        self.assertEqual(counted, sorted(counted))
        self.assertEqual(len(counted), 60)
        # In a test all cursors are one, so what the days before had written is gone with it.
        self.run_job()
        self.env.invalidate_all()
        self.assertEqual(sum(self.days.search([]).mapped("messages")), 3)

    def test_a_day_of_which_rows_are_removed_keeps_its_figures(self):
        kinds = {"in": "spp.email.retention", "out": "spp.email.delivery.retention"}
        for name in kinds.values():
            self.env[name].search([]).unlink()
        for direction, name in kinds.items():
            with self.subTest(direction=direction):
                kept = {"content_days": 1} if direction == "in" else {"mail_days": 1}
                state = "done" if direction == "in" else "sent"
                rule = self.env[name].create({"state": state, "row_days": 3, **kept})
                self.days.search([]).unlink()
                # Counted while all was there; the rows themselves are gone.
                self.days.create(
                    [
                        {"day": self.today - timedelta(days=age), "direction": direction, "state": state, "messages": 7}
                        for age in range(16)
                    ]
                )
                for turn in range(14):
                    moment = fields.Datetime.now() + timedelta(seconds=300 * turn)
                    with patch.object(fields.Datetime, "now", lambda *_, moment=moment: moment):
                        self.run_job()
                left = {(self.today - row.day).days: row.messages for row in self.days.search([])}
                self.assertEqual(left, dict.fromkeys(range(3, 16), 7))
                rule.unlink()

    def test_old_days_go(self):
        _old, kept = self.days.create(
            [
                {"day": self.today - timedelta(days=days), "direction": "in", "state": "done", "messages": 1}
                for days in (401, 399)
            ]
        )
        self.env.flush_all()
        self.days._gc_days()
        self.env.invalidate_all()
        self.assertEqual(self.days.search([]), kept)

    # ------------------------------------------------------------------
    # Figures
    # ------------------------------------------------------------------

    def test_figures_of_the_days_and_of_today(self):
        for state in ("sent", "sent", "failed"):
            self.sent("ann@large.example", state, days=2)
        self.received("done", days=2)
        self.received("quarantined", days=2)
        self.count()
        # After the last count: today is looked at as it is.
        self.sent("bob@large.example")
        self.sent("bob2@large.example", "bounced")
        self.received()
        waiting = self.received("received")
        figures = self.figures()
        self.assertEqual(len(figures["labels"]), 30)
        self.assertEqual(figures["labels"][-1], fields.Date.to_string(self.today))
        self.assertEqual((figures["received"][-3], figures["received"][-1], sum(figures["received"])), (2, 2, 4))
        self.assertEqual((figures["sent"][-3], figures["sent"][-1]), (2, 1))
        self.assertEqual((figures["lost"][-3], figures["lost"][-1]), (1, 1))
        incoming, outgoing = figures["incoming"], figures["outgoing"]
        self.assertEqual((incoming["today"], incoming["total"], incoming["waiting"]), (2, 4, 1))
        self.assertEqual(incoming["quarantined"], 1)
        self.assertIn(("done", "Done", 2), incoming["states"])
        self.assertEqual((outgoing["success_share"], outgoing["bounce_share"]), (60.0, 20.0))
        self.assertEqual(outgoing["complaint_share"], 0)
        expected = {"id": self.server.id, "name": "Relay", "sent": 3, "lost": 2, "total": 5, "share": 60.0}
        self.assertEqual(figures["servers"], [expected])
        waiting.received_date = fields.Datetime.now() - timedelta(minutes=90)
        self.assertEqual(self.figures()["incoming"]["waiting_minutes"], 90)
        self.assertEqual(sum(self.figures(days=1)["received"]), 2)

    def test_a_busy_day_is_not_counted_while_somebody_waits(self):
        for _number in range(3):
            self.received()
        self.count()
        self.received()
        self.assertEqual(self.figures()["incoming"]["today"], 4)
        with patch.object(spp_email_overview, "COUNTED_AT_ONCE", 3):
            self.assertEqual(self.figures()["incoming"]["today"], 3)

    def test_domains_of_few_recipients_are_not_told_of_today_either(self):
        for number in range(5):
            self.sent(f"person{number}@large.example", "sent" if number else "failed")
        for number in range(4):
            self.sent(f"ann{number}@her-own-name.example")
        expected = {"name": "large.example", "sent": 4, "lost": 1, "total": 5, "share": 80.0}
        figures = self.figures()
        self.assertEqual(figures["domains"], [expected])
        self.assertEqual(figures["outgoing"]["total"], 9)

    def test_without_its_job_the_screen_is_shown(self):
        self.env.ref("spp_email_gateway.ir_cron_health").unlink()
        self.assertIs(self.figures()["checked_minutes"], False)

    def test_complaints(self):
        for number in range(9):
            self.sent(f"a{number}@large.example")
        self.sent("b@large.example", "bounced", reason="complaint")
        outgoing = self.figures()["outgoing"]
        self.assertEqual((outgoing["complaints"], outgoing["complaint_share"]), (1, 10.0))
        # A complaint is no dead address.
        self.assertEqual((outgoing["bounced"], outgoing["bounce_share"]), (0, 0.0))

    def test_when_the_backlog_is_done(self):
        samples = self.env["spp.email.sample"]
        self.assertEqual(self.figures()["forecast"]["incoming"], {"waiting": 0, "pace": False, "minutes": False})
        for _number in range(60):
            self.received("received")
        first = samples._take()
        first.date = fields.Datetime.now() - timedelta(minutes=10)
        done = self.env["spp.email.inbound"].search([("state", "=", "received")], limit=40)
        done.state = "done"
        self.received("received")
        self.env.flush_all()
        second = samples._take()
        self.assertEqual((second.incoming_waiting, second.incoming_done), (21, 40))
        self.assertEqual(
            self.figures()["forecast"]["incoming"], {"waiting": 21, "pace": 4.0, "minutes": 6.0}
        )

    def test_mailboxes_and_findings_are_for_managers(self):
        box = self.mailbox(date=fields.Datetime.now() - timedelta(minutes=7))
        self.env["spp.email.health"].search([]).unlink()
        finding = self.env["spp.email.health"].create({"code": "x", "state": "failure", "title": "Broken"})
        figures = self.figures()
        self.assertIn((box.id, 7), [(one["id"], one["checked_minutes"]) for one in figures["mailboxes"]])
        self.assertEqual([(one["id"], one["title"]) for one in figures["findings"]], [(finding.id, "Broken")])
        for user in (self.viewer, self.officer):
            with self.subTest(user=user.login):
                self.assertEqual({"findings", "mailboxes", "forecast", "queue"} & self.figures(user).keys(), set())

    def test_what_to_do_first(self):
        self.env["fetchmail.server"].search([]).unlink()
        self.env["spp.email.delivery"].search([]).unlink()
        self.env["ir.mail_server"].with_context(active_test=False).search([]).unlink()
        self.env["spp.email.intake"].search([]).unlink()
        self.assertTrue(self.figures()["is_empty"])
        self.assertFalse(self.figures(self.viewer)["is_empty"])
        self.mailbox()
        self.assertFalse(self.figures()["is_empty"])

    # ------------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------------

    def test_who_may_not_see_the_journal_sees_no_figures(self):
        for user in (self.plain, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.figures(user)

    def test_everybody_sees_the_figures_of_own_companies(self):
        for company, count in ((self.company, 1), (self.other_company, 2)):
            for days in (0, 2):
                for _number in range(count):
                    self.received(days=days, company=company)
                    self.sent("ann@large.example", days=days, company_id=company.id)
        self.count()
        self.assertEqual(self.viewer.company_ids, self.company)
        for _round in ("as counted", "of today"):
            figures = self.figures(self.viewer)
            self.assertEqual((figures["incoming"]["total"], figures["outgoing"]["total"]), (2, 2))
        self.viewer.company_ids += self.other_company
        asked = self.env["spp.email.overview"].with_user(self.viewer)
        both = asked.with_context(allowed_company_ids=(self.company + self.other_company).ids).read_figures()
        self.assertEqual((both["incoming"]["total"], both["outgoing"]["total"]), (6, 6))

    def test_mail_of_a_team_is_counted_for_its_members(self):
        team = self.env["spp.email.team"].create({"name": "Team", "member_ids": [(6, 0, self.officer.ids)]})
        box = self.mailbox(gateway_team_id=team.id)
        for days in (0, 2):
            self.received("quarantined", days=days, server=box, company=self.company)
        self.count()
        for user, expected in ((self.viewer, (0, 0)), (self.officer, (2, 2)), (self.manager, (2, 2))):
            with self.subTest(user=user.login):
                incoming = self.figures(user)["incoming"]
                self.assertEqual((incoming["total"], incoming["quarantined"]), expected)
