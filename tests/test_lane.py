# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from dataclasses import replace
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..engine.worker import this_worker
from ..models import spp_email_lane
from .common import GatewayCase, eml

LOGGER = "odoo.addons.spp_email_gateway.models.spp_email_batch"


@tagged("post_install", "-at_install")
class TestLane(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    def waiting(self, *subjects):
        return [self.journal(eml(Subject=subject), self.box) for subject in subjects]

    # ------------------------------------------------------------------
    # Order
    # ------------------------------------------------------------------

    def test_a_conversation_that_came_at_once_is_one_record(self):
        rows = [
            self.journal(eml(Subject="root", Message_ID="<root@example.com>"), self.box),
            self.journal(
                eml(Subject="Re: root", Message_ID="<re1@example.com>", In_Reply_To="<root@example.com>"), self.box
            ),
            self.journal(
                eml(Subject="Re: Re: root", Message_ID="<re2@example.com>", In_Reply_To="<re1@example.com>"), self.box
            ),
        ]
        self.assertEqual(len({row.conversation for row in rows}), 1)
        self.process()
        self.assertEqual(
            [row.reason for row in rows], ["record_created", "record_updated", "record_updated"], rows[1].trace
        )
        self.assertEqual(len({row.res_id for row in rows}), 1)

    def test_an_answer_waits_for_the_message_before_it(self):
        first = self.journal(eml(Message_ID="<slow@example.com>"), self.box)
        second = self.journal(eml(References="<slow@example.com>"), self.box)
        other = self.journal(eml(Subject="another conversation"), self.box)
        self.sql(
            "UPDATE spp_email_inbound SET state = 'retry', next_attempt_date = now() + interval '1 hour'"
            " WHERE id = %s RETURNING id",
            first.id,
        )
        self.process()
        self.assertEqual((second.state, second.attempts), ("received", 0))
        self.assertEqual(other.state, "done")
        self.make_due(first)
        self.process()
        self.assertOutcome(first, "done", "record_created")
        self.assertOutcome(second, "done", "record_updated")

    def test_an_answer_does_not_wait_for_one_in_quarantine(self):
        first = self.journal(eml(Message_ID="<put-aside@example.com>"), self.box)
        self.sql("UPDATE spp_email_inbound SET state = 'quarantined' WHERE id = %s RETURNING id", first.id)
        second = self.receive(eml(References="<put-aside@example.com>"), self.box)
        self.assertEqual(second.state, "done")

    def test_two_copies_that_came_at_once_make_one_record(self):
        content = eml(Subject="Two ways", Message_ID="<two-ways@example.com>")
        copy = b"Received: from elsewhere\r\n" + content
        rows = [self.journal(content, self.box), self.journal(copy, self.mailbox(user="other@gateway.test"))]
        self.process()
        self.assertEqual([row.state for row in rows], ["done", "duplicate"])
        self.assertEqual(len(self.partners("Two ways")), 1)

    # ------------------------------------------------------------------
    # Workers that died
    # ------------------------------------------------------------------

    def claimed_by(self, owner, *rows):
        for row in rows:
            self.sql(
                "UPDATE spp_email_inbound SET state = 'processing', attempts = 1, starts = 1, claim_owner = %s,"
                " claim_until = now() + interval '1 hour' WHERE id = %s RETURNING id",
                owner,
                row.id,
            )

    def run_out(self, row):
        self.sql(
            "UPDATE spp_email_inbound SET claim_until = now() - interval '1 hour' WHERE id = %s RETURNING id", row.id
        )

    def test_what_a_dead_worker_had_not_begun_is_taken_at_once(self):
        begun, other = self.waiting("begun", "not begun")
        dead = str(replace(this_worker(), began="1"))
        self.claimed_by(dead, begun, other)
        with self.own_cursors(), self.registry.cursor() as cr:
            self.env["spp.email.worker"]._note_begun(self.env(cr=cr), dead, begun.id)
        self.process()
        self.assertEqual((begun.state, begun.starts), ("processing", 1))
        self.assertEqual((other.state, other.attempts), ("done", 1))

    def test_what_a_living_worker_has_is_left_alone(self):
        rows = self.waiting("mine 1", "mine 2")
        elsewhere = str(replace(this_worker(), machine="another"))
        self.claimed_by(elsewhere, *rows)
        self.process()
        self.assertEqual([row.state for row in rows], ["processing"] * 2)

    @mute_logger(LOGGER)
    def test_a_claim_that_ran_out_gives_back_nothing_else_of_its_worker(self):
        over, in_hand = self.waiting("over", "in hand")
        elsewhere = str(replace(this_worker(), machine="another"))
        self.claimed_by(elsewhere, over, in_hand)
        self.run_out(over)
        self.process()
        self.assertEqual((over.state, in_hand.state), ("done", "processing"))

    def test_one_message_id_in_two_conversations_of_a_batch_makes_one_record(self):
        content = eml(Subject="Same name", Message_ID="<same-name@example.com>")
        other = eml(Subject="Same name", Message_ID="<same-name@example.com>", References="<elsewhere@example.com>")
        rows = [self.journal(content, self.box), self.journal(other, self.mailbox(user="third@gateway.test"))]
        self.assertNotEqual(rows[0].conversation, rows[1].conversation)
        self.process()
        self.assertEqual([row.state for row in rows], ["done", "duplicate"])
        self.assertEqual(len(self.partners("Same name")), 1)

    def test_an_earlier_one_put_back_waits_for_the_later_one_in_work(self):
        rows = [self.journal(eml(Message_ID="<both@example.com>"), self.box, uid=uid) for uid in ("b1", "b2")]
        elsewhere = str(replace(this_worker(), machine="another"))
        self.claimed_by(elsewhere, rows[1])
        self.process()
        self.assertEqual([row.state for row in rows], ["received", "processing"])
        # Its worker died: no two of them wait for each other.
        self.run_out(rows[1])
        self.process()
        self.process()
        self.assertEqual([row.state for row in rows], ["done", "duplicate"])

    def test_a_job_that_was_deleted_stops_nobody(self):
        self.env.ref("spp_email_gateway.ir_cron_process_inbound_2").unlink()
        rows = self.waiting("one", "two")
        with patch.object(spp_email_lane, "BACKLOG", 1), self.own_cursors():
            self.env["spp.email.lane"]._process_due(lane=1)
        self.assertEqual([row.state for row in rows], ["done", "done"])

    def test_who_waits_for_an_earlier_message_does_not_call_the_job_back(self):
        first = self.journal(eml(Message_ID="<long-wait@example.com>"), self.box)
        self.journal(eml(References="<long-wait@example.com>"), self.box)
        self.sql(
            "UPDATE spp_email_inbound SET state = 'retry', next_attempt_date = now() + interval '1 hour'"
            " WHERE id = %s RETURNING id",
            first.id,
        )
        with self.own_cursors():
            self.assertEqual(self.env["spp.email.lane"]._backlog(1), 0)
