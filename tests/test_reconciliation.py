# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta
from unittest.mock import patch

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.errors import GatewayError
from ..engine.inventory import Inventory, Item
from ..engine.mailbox import Entry, Fetched
from ..engine.summary import summarize
from ..models import spp_email_reconciliation
from .common import GatewayCase, eml

MODEL = "odoo.addons.spp_email_gateway.models.spp_email_reconciliation"


class Shelf:
    """A mailbox of messages by UID, all of them seen and a day old; nothing can be changed in it."""

    def __init__(self, *contents, unseen=(), error=None, validity="1"):
        self.contents = {str(number): content for number, content in enumerate(contents, 1)}
        self.unseen, self.error, self.validity = unseen, error, validity
        self.arrived = fields.Datetime.now() - timedelta(days=1)

    def __enter__(self):
        if self.error:
            raise self.error
        return self

    def __exit__(self, *exception):
        return None

    def inventory(self, since, most):
        items = [
            Item(Entry("INBOX", self.validity, uid, len(content)), uid not in self.unseen, self.arrived)
            for uid, content in reversed(self.contents.items())
        ]
        return Inventory(tuple(items[:most]), len(items))

    def describe(self, items):
        for item in items:
            summary = summarize(self.contents[item.entry.uid])
            yield Item(item.entry, item.is_seen, item.arrived, summary.message_id, summary.email_from, summary.subject)

    def fetch(self, entries):
        for entry in entries:
            if entry.uid not in self.contents:
                continue
            yield Fetched(entry, self.contents[entry.uid])


class ListingShelf(Shelf):
    def describe(self, items):
        return list(super().describe(items))


@tagged("post_install", "-at_install")
class TestReconciliation(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["fetchmail.server"].search([]).active = False
        cls.box = cls.mailbox()

    def serving(self, shelf):
        return patch.object(type(self.box), "_gateway_opening", lambda server, opening: lambda dial, folder: shelf)

    def compare(self, shelf, server=None, user=None, **values):
        """Compare as a manager does; return the comparison."""
        with self.serving(shelf), self.committing(user or self.manager) as env:
            comparison = env["spp.email.reconciliation"].create({"server_id": (server or self.box).id, **values})
            comparison.action_compare()
            found = comparison.id
        return self.env["spp.email.reconciliation"].browse(found)

    def act(self, comparison, shelf, action, *uids):
        """Tick lines and press a button; return what it returns."""
        with self.serving(shelf), self.committing(self.manager) as env:
            comparison = comparison.with_env(env)
            comparison.line_ids.filtered(lambda line: line.uid in uids).is_chosen = True
            result = getattr(comparison, action)()
        comparison.with_env(self.env).invalidate_recordset()
        self.env.invalidate_all()
        return result

    def lines(self, comparison):
        return [(line.uid, line.state) for line in comparison.line_ids.sorted("uid")]

    def test_what_stock_lost_is_listed(self):
        done, lost, waiting = eml(), eml(Subject="Where is my card?", From="Bo <bo@example.com>"), eml()
        self.receive(done, self.box, uid="1")
        shelf = ListingShelf(done, lost, waiting, unseen=("3",))
        comparison = self.compare(shelf)
        self.assertEqual(
            [
                comparison[name]
                for name in ("state", "total_count", "journaled_count", "waiting_count", "missing_count")
            ],
            ["done", 3, 1, 1, 1],
        )
        line = comparison.line_ids
        self.assertEqual((line.uid, line.email_from, line.subject), ("2", "Bo <bo@example.com>", "Where is my card?"))
        self.assertEqual((line.arrived_date, line.size), (shelf.arrived.replace(microsecond=0), len(lost)))
        self.assertFalse(self.env["spp.email.inbound"].search([("subject", "=", "Where is my card?")]), "a dry run")

    def test_all_folders_have_one_time(self):
        # Odoo ends a process that is silent for two minutes, and the same mailbox would come first the next day.
        with patch.object(spp_email_reconciliation, "COMPARE_SECONDS", -1):
            comparison = self.compare(ListingShelf(eml()))
        self.assertEqual((comparison.state, comparison.total_count, comparison.is_cut), ("done", 0, True))

    def test_what_a_record_has_by_its_message_id_is_not_missing(self):
        partner = self.env["res.partner"].create({"name": "Ann"})
        partner.message_post(body="x", message_id="<by-stock@example.com>")
        self.env.flush_all()
        # After a new UIDVALIDITY the journal knows the message, but not the entry.
        renumbered = eml()
        self.receive(renumbered, self.box, uid="77")
        comparison = self.compare(ListingShelf(eml(Message_ID="<by-stock@example.com>"), renumbered, validity="2"))
        self.assertEqual((comparison.recorded_count, comparison.missing_count), (2, 0))

    def test_the_chosen_are_taken_in_and_no_others(self):
        shelf = ListingShelf(eml(Subject="one"), eml(Subject="two"), eml(Subject="three"))
        comparison = self.compare(shelf)
        result = self.act(comparison, shelf, "action_take_in", "1", "3")
        self.assertIn("2 messages were taken in", result["params"]["message"])
        self.assertEqual(self.lines(comparison), [("1", "taken"), ("2", "missing"), ("3", "taken")])
        self.assertEqual(comparison.missing_count, 1)
        taken = self.env["spp.email.inbound"].search([("server_id", "=", self.box.id)])
        self.assertEqual(sorted(taken.mapped("subject")), ["one", "three"])
        self.assertEqual(set(taken.mapped("state")), {"done"})
        # Again: nothing is there twice.
        again = self.compare(shelf)
        self.assertEqual((again.journaled_count, self.lines(again)), (2, [("2", "missing")]))

    def test_all_can_be_ticked(self):
        shelf = ListingShelf(eml(), eml())
        comparison = self.compare(shelf)
        self.act(comparison, shelf, "action_choose_all")
        self.act(comparison, shelf, "action_take_in")
        self.assertEqual(self.lines(comparison), [("1", "taken"), ("2", "taken")])

    def test_what_people_leave_is_not_asked_about_again(self):
        shelf = ListingShelf(eml(), eml())
        comparison = self.compare(shelf)
        self.act(comparison, shelf, "action_leave", "1")
        self.assertEqual(self.lines(comparison), [("1", "left"), ("2", "missing")])
        self.assertEqual(self.lines(self.compare(shelf)), [("2", "missing")])
        # Comparing the same again keeps the decision.
        self.act(comparison, shelf, "action_compare")
        self.assertEqual(self.lines(comparison), [("1", "left"), ("2", "missing")])

    def test_nothing_chosen_is_said(self):
        shelf = ListingShelf(eml())
        comparison = self.compare(shelf)
        for action in ("action_take_in", "action_leave"):
            with self.subTest(action), self.assertRaises(UserError) as caught:
                self.act(comparison, shelf, action)
            self.assertEqual(str(caught.exception), "Choose messages first: tick the box at their line.")

    def test_what_vanished_meanwhile_stays_missing(self):
        comparison = self.compare(ListingShelf(eml(), eml()))
        self.act(comparison, ListingShelf(eml()), "action_take_in", "1", "2")
        self.assertEqual(self.lines(comparison), [("1", "taken"), ("2", "missing")])

    def test_a_server_that_fails_is_noted(self):
        comparison = self.compare(ListingShelf(error=GatewayError("The login was refused.")))
        self.assertEqual((comparison.state, comparison.error_message), ("failed", "The login was refused."))
        shelf = ListingShelf(eml())
        comparison = self.compare(shelf)
        shelf.error = GatewayError("The connection broke.")
        with self.assertRaises(UserError) as caught:
            self.act(comparison, shelf, "action_take_in", "1")
        self.assertEqual(str(caught.exception), "The connection broke.")

    def test_a_mailbox_that_is_being_read_is_left_alone(self):
        with self.own_cursors():
            self.env["spp.email.lease"]._acquire(f"mailbox:{self.box._gateway_server_key()}")
        comparison = self.compare(ListingShelf(eml()))
        self.assertEqual(
            (comparison.state, comparison.error_message),
            ("failed", "This mailbox is being read just now. Try again in a minute."),
        )

    def test_the_lease_is_given_back(self):
        self.compare(ListingShelf(eml()))
        self.compare(ListingShelf(error=GatewayError("no")))
        with self.own_cursors():
            self.assertIsNotNone(self.env["spp.email.lease"]._acquire(f"mailbox:{self.box._gateway_server_key()}"))

    def test_bounds(self):
        for most in (0, 5001):
            with self.subTest(most=most), self.assertRaises(psycopg2.errors.CheckViolation), mute_logger("odoo.sql_db"):
                with self.cr.savepoint():
                    self.env["spp.email.reconciliation"].create({"server_id": self.box.id, "most_messages": most})
        comparison = self.compare(ListingShelf(eml(), eml(), eml()), most_messages=2)
        self.assertEqual((comparison.looked_at_count, comparison.total_count, comparison.is_cut), (2, 3, True))

    # ------------------------------------------------------------------
    # The daily job
    # ------------------------------------------------------------------

    def run_job(self, shelf):
        with self.serving(shelf), self.committing() as env, mute_logger(MODEL):
            env["spp.email.reconciliation"]._cron_compare()
        self.env.invalidate_all()
        return self.env["spp.email.reconciliation"].search([("server_id", "=", self.box.id)])

    def begin(self, days):
        """Let the gateway have read the mailbox for so many days."""
        inbound = self.receive(eml(), self.box, uid="900")
        self.sql(
            "UPDATE spp_email_inbound SET received_date = now() - %s * interval '1 day' WHERE id = %s RETURNING id",
            days,
            inbound.id,
        )

    def test_the_job_finds_gaps_and_health_tells_of_them(self):
        self.begin(10)
        comparison = self.run_job(ListingShelf(eml(), eml()))
        self.assertEqual((comparison.is_automatic, comparison.missing_count), (True, 2))
        finding = self.env["spp.email.reconciliation"]._gateway_health()[0]
        self.assertEqual((finding.code, finding.state.value), (f"mailbox_{self.box.id}_gaps", "warning"))
        self.assertIn("2 messages are marked as read on the server", finding.text)
        comparison.line_ids.state = "left"
        self.assertEqual(self.env["spp.email.reconciliation"]._gateway_health(), [])

    def test_what_came_before_the_gateway_is_no_gap(self):
        self.begin(0.5)
        self.assertEqual(self.run_job(ListingShelf(eml(), eml())).missing_count, 0)

    def test_a_mailbox_that_was_never_read_is_not_compared(self):
        self.assertFalse(self.run_job(ListingShelf(eml())))

    def test_what_has_just_come_is_no_gap(self):
        self.begin(10)
        shelf = ListingShelf(eml())
        shelf.arrived = fields.Datetime.now() - timedelta(minutes=5)
        self.assertEqual(self.run_job(shelf).missing_count, 0)

    def test_once_a_day_is_enough(self):
        self.begin(10)
        shelf = ListingShelf(eml())
        self.run_job(shelf)
        self.assertEqual(len(self.run_job(shelf)), 1)

    def test_one_bad_mailbox_does_not_stop_the_others(self):
        self.begin(10)
        self.mailbox(user="a-bad-one@gateway.test")
        shelf = ListingShelf(eml())
        describe = shelf.describe

        def failing(items):
            shelf.describe = describe
            raise ZeroDivisionError

        shelf.describe = failing
        other = self.mailbox(user="other@gateway.test")
        self.receive(eml(), other)
        self.sql(
            "UPDATE spp_email_inbound SET received_date = now() - interval '9 days' WHERE server_id = %s RETURNING id",
            other.id,
        )
        self.run_job(shelf)
        self.assertEqual(self.env["spp.email.reconciliation"].search([]).server_id, other)

    # ------------------------------------------------------------------
    # Who may
    # ------------------------------------------------------------------

    def test_only_managers_compare(self):
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError), mute_logger("odoo.models"):
                self.compare(ListingShelf(eml()), user=user)
        self.compare(ListingShelf(eml()), user=self.system)

    def test_each_company_has_its_own(self):
        box = self.mailbox(user="other@gateway.test", company_id=self.other_company.id)
        comparison = self.compare(ListingShelf(eml()), box, user=self.env.user)
        self.assertEqual(comparison.line_ids.company_id, self.other_company)
        for record in (comparison, comparison.line_ids):
            with self.assertRaises(AccessError), mute_logger("odoo.addons.base.models.ir_rule"):
                record.with_user(self.manager).read(["state"])

    def test_old_comparisons_go_and_decisions_stay(self):
        old = self.compare(ListingShelf(eml(), eml()))
        kept = self.compare(ListingShelf(eml(), eml()))
        kept.line_ids[0].state = "left"
        self.env.flush_all()
        self.sql("UPDATE spp_email_reconciliation SET create_date = now() - interval '100 days' RETURNING id")
        self.env.invalidate_all()
        self.env["spp.email.reconciliation"]._gc_comparisons()
        self.assertEqual((old | kept).exists(), kept)
