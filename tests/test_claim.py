# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from dataclasses import replace

from odoo.tests import tagged
from odoo.tools import SQL

from ..engine.errors import FenceError
from ..engine.worker import this_worker
from ..models.spp_email_claim_mixin import LEASE_PARAMETER, LEASE_SECONDS, owner_name
from .common import GatewayCase, eml

# PostgreSQL's now() stands still during a test, so that a claim is made to expire by moving its end.
PAST = "2000-01-01"


@tagged("post_install", "-at_install")
class TestClaim(GatewayCase):
    def setUp(self):
        super().setUp()
        self.rows = [self.journal(eml(), key="claims") for _count in range(3)]

    def claim(self, **options):
        options.setdefault("where", SQL("server_key = 'claims'"))
        with self.own_cursors():
            return self.env["spp.email.inbound"]._claim(**options)

    def finish(self, claim, **values):
        with self.committing() as env:
            env["spp.email.inbound"]._finish_claim(claim, values or {"state": "done"})

    def expire(self, row):
        self.sql("UPDATE spp_email_inbound SET claim_until = %s WHERE id = %s RETURNING id", PAST, row.id)
        row.invalidate_recordset()

    def test_the_oldest_is_taken(self):
        self.assertEqual([claim.id for claim in self.claim()], [self.rows[0].id])

    def test_the_order_and_number_asked_for_are_kept(self):
        claims = self.claim(order=SQL("id DESC"), limit=2)
        self.assertEqual([claim.id for claim in claims], [self.rows[1].id, self.rows[2].id])

    def test_a_claimed_row_is_not_claimed_twice(self):
        taken = [claim.id for _count in range(5) for claim in self.claim()]
        self.assertEqual(taken, [row.id for row in self.rows])

    def test_a_claim_names_its_worker(self):
        self.claim()
        self.assertEqual(self.rows[0].claim_owner, owner_name())
        self.assertEqual(round((self.rows[0].claim_until - self.cr.now()).total_seconds()), LEASE_SECONDS)

    def test_the_time_of_a_lease_is_a_setting(self):
        for value, seconds in (("60", 60), ("", LEASE_SECONDS), ("soon", LEASE_SECONDS), ("-5", LEASE_SECONDS)):
            with self.subTest(value=value):
                self.env["ir.config_parameter"].set_param(LEASE_PARAMETER, value)
                self.assertEqual(self.env["spp.email.inbound"]._lease_seconds(), seconds)

    def test_an_expired_claim_is_taken_over_with_a_higher_fence(self):
        (first,) = self.claim(limit=1)
        self.expire(self.rows[0])
        (second,) = self.claim(limit=1)
        self.assertEqual(second.id, first.id)
        self.assertGreater(second.fence, first.fence)

    def test_what_is_assigned_with_a_claim_is_written(self):
        self.claim(also=SQL("attempts = attempts + 1, state = 'processing'"))
        self.assertEqual([row.attempts for row in self.rows], [1, 0, 0])
        self.assertEqual([row.state for row in self.rows], ["processing", "received", "received"])

    def test_a_finished_row_is_free(self):
        (claim,) = self.claim()
        self.finish(claim, state="done", reason="record_created")
        row = self.rows[0]
        self.assertEqual((row.state, row.reason), ("done", "record_created"))
        self.assertEqual((row.claim_owner, row.claim_until, row.claim_fence), (False, False, claim.fence))

    def test_finishing_with_an_old_fence_raises_and_changes_nothing(self):
        (first,) = self.claim()
        self.expire(self.rows[0])
        (second,) = self.claim()
        with self.assertRaises(FenceError) as caught:
            self.finish(first)
        self.assertEqual(str(caught.exception), f"row {first.id} of spp_email_inbound was taken over or is finished")
        row = self.rows[0]
        self.assertEqual((row.state, row.claim_fence), ("received", second.fence))
        self.assertTrue(row.claim_owner)
        self.finish(second)
        self.assertEqual(row.state, "done")

    def test_what_is_finished_is_not_finished_again(self):
        # Its commit was made, but the answer was lost with the connection: the worker takes it for failed.
        (claim,) = self.claim()
        self.finish(claim, state="done")
        with self.assertRaises(FenceError):
            self.finish(claim, state="quarantined")
        self.assertEqual(self.rows[0].state, "done")

    def test_a_worker_that_was_late_but_not_replaced_may_finish(self):
        (claim,) = self.claim()
        self.expire(self.rows[0])
        self.finish(claim)
        self.assertEqual(self.rows[0].state, "done")

    def test_nothing_to_claim_is_no_error(self):
        self.assertEqual(self.claim(where=SQL("FALSE")), [])


@tagged("post_install", "-at_install")
class TestLease(GatewayCase):
    def acquire(self, key="mailbox:1"):
        with self.own_cursors():
            return self.env["spp.email.lease"]._acquire(key)

    def release(self, claim):
        with self.own_cursors():
            self.env["spp.email.lease"]._release(claim)

    def expire(self):
        self.sql("UPDATE spp_email_lease SET claim_until = %s RETURNING id", PAST)

    def test_a_lease_is_one_workers(self):
        self.assertTrue(self.acquire())
        self.assertIsNone(self.acquire())

    def test_leases_of_other_keys_are_free(self):
        self.assertTrue(self.acquire("mailbox:1"))
        self.assertTrue(self.acquire("mailbox:2"))

    def test_a_released_lease_is_free(self):
        self.release(self.acquire())
        self.assertTrue(self.acquire())

    def test_an_expired_lease_is_taken_over(self):
        first = self.acquire()
        self.expire()
        second = self.acquire()
        self.assertEqual(second.id, first.id)
        self.assertGreater(second.fence, first.fence)

    def test_who_comes_late_does_not_release_anothers_lease(self):
        first = self.acquire()
        self.expire()
        self.acquire()
        self.release(first)
        self.assertIsNone(self.acquire())

    def test_one_key_is_one_row(self):
        for _count in range(3):
            self.release(self.acquire())
        self.assertEqual(self.env["spp.email.lease"].search_count([("key", "=", "mailbox:1")]), 1)

    def test_the_lease_of_a_dead_process_is_taken_over_at_once(self):
        leases = self.env["spp.email.lease"]
        with self.own_cursors():
            held = leases._acquire("mailbox:dead")
            self.assertIsNone(leases._acquire("mailbox:dead"))
            dead = str(replace(this_worker(), began="1"))
            self.sql("UPDATE spp_email_lease SET claim_owner = %s WHERE id = %s RETURNING id", dead, held.id)
            self.assertGreater(leases._acquire("mailbox:dead").fence, held.fence)
