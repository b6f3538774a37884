# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import random
from contextlib import contextmanager
from dataclasses import replace
from unittest.mock import patch

import psycopg2

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail.models.mail_thread import MailThread

from ..engine.worker import this_worker
from ..models import spp_email_lane
from .common import GatewayCase, eml

LOGGER = "odoo.addons.spp_email_gateway.models.spp_email_lane"
message_post = MailThread.message_post


def during(subject, work):
    """Patch: ``work(model)`` is called in the middle of the message with this subject, when its record is there."""

    def post(record, **values):
        if values.get("subject") == subject:
            work(record)
        return message_post(record, **values)

    return patch.object(MailThread, "message_post", post)


def fail(model):
    raise ZeroDivisionError("no")


def commit(model):
    model.env.cr.commit()


def commit_and_fail(model):
    model.env.cr.commit()
    raise ZeroDivisionError("no")


def roll_back(model):
    model.env.cr.rollback()


def roll_back_and_fail(model):
    model.env.cr.rollback()
    raise ZeroDivisionError("no")


def lose_the_answer(lane, error):
    """Return a ``_working_transaction`` that fails after its first commit."""
    working, calls = lane._working_transaction, []

    @contextmanager
    def losing(model):
        with working(model) as env:
            yield env
        calls.append(1)
        if len(calls) == 1:
            raise error

    return losing


@tagged("post_install", "-at_install")
class TestLane(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    def waiting(self, *subjects):
        return [self.journal(eml(Subject=subject), self.box) for subject in subjects]

    # ------------------------------------------------------------------
    # Several messages in one transaction
    # ------------------------------------------------------------------

    @mute_logger(LOGGER)
    def test_whatever_one_message_does_the_others_are_done_once(self):
        for name, work, state in (
            ("fails", fail, "quarantined"),
            ("commits", commit, "done"),
            ("commits and fails", commit_and_fail, "quarantined"),
            ("rolls back and fails", roll_back_and_fail, "quarantined"),
        ):
            with self.subTest(name):
                subjects = [f"{name} {number}" for number in range(5)]
                rows = self.waiting(*subjects)
                with during(subjects[2], work):
                    outcomes = self.process()
                self.assertEqual(sum(outcomes.values()), 5)
                self.assertEqual(
                    [row.state for row in rows], ["done", "done", state, "done", "done"], [row.detail for row in rows]
                )
                for number in (0, 1, 3, 4):
                    self.assertEqual(len(self.partners(subjects[number])), 1)
                    self.assertEqual(rows[number].res_id, self.partners(subjects[number]).id)
                self.assertEqual({row.attempts for row in rows}, {1})

    def test_a_callee_that_rolls_back_undoes_only_its_own_record(self):
        # The record that the callee itself rolled back is gone, as in stock Odoo; its message fails and is kept.
        rows = self.waiting("calm 1", "undoing", "calm 2")
        with during("undoing", roll_back), mute_logger(LOGGER, "odoo.sql_db"):
            self.process()
        self.assertEqual(rows[0].state, "done")
        self.assertEqual(rows[2].state, "done")
        self.assertEqual(len(self.partners("calm 1")), 1)
        self.assertEqual(len(self.partners("calm 2")), 1)
        self.assertIn(rows[1].state, ("quarantined", "retry"))
        self.assertFalse(self.partners("undoing"))

    @mute_logger(LOGGER)
    def test_a_record_that_was_committed_before_its_message_failed_is_used_again(self):
        rows = self.waiting("first", "half way", "last")
        with during("half way", commit_and_fail):
            self.process()
        self.assertEqual(rows[1].state, "quarantined")
        with self.own_cursors():
            rows[1].action_retry()
        self.process()
        self.assertOutcome(rows[1], "done", "record_created")
        self.assertEqual(len(self.partners("half way")), 1)

    def test_what_a_batch_has_no_time_for_is_given_back_untouched(self):
        rows = self.waiting("quick", "late 1", "late 2")
        # Asked before each batch: the first is worked on, and its time is over after one message.
        asked = iter((False, True))
        with patch.object(spp_email_lane, "BATCH_SECONDS", -1), self.own_cursors():
            self.env["spp.email.lane"]._process_due(interrupted=lambda: next(asked))
            self.env.invalidate_all()
        self.assertEqual(rows[0].state, "done")
        for row in rows[1:]:
            self.assertEqual((row.state, row.attempts, row.starts), ("received", 0, 0))
            self.assertFalse(row.claim_owner)

    def test_a_contact_made_by_one_message_is_the_author_of_the_next(self):
        rows = [
            self.journal(eml(Subject=subject, From="ann.new@example.com"), self.box) for subject in ("one", "two")
        ]
        self.process()
        self.assertEqual(rows[0].res_model, "res.partner")
        self.assertEqual(rows[1].mail_message_id.author_id.id, rows[0].res_id)

    def test_an_alias_made_by_one_message_takes_the_next(self):
        def make_alias(model):
            values = {"alias_name": "just-made", "alias_domain_id": self.alias_domain.id, "alias_contact": "everyone"}
            model.env["mail.alias"].create({**values, "alias_model_id": self.partner_model.id})

        rows = [
            self.journal(eml(Subject="makes the alias", To="just-made@gateway.test"), self.box),
            self.journal(eml(Subject="uses it", To="just-made@gateway.test"), self.box),
        ]
        with during("makes the alias", make_alias):
            self.process()
        self.assertEqual([row.trace[-1]["found"].split()[0] for row in rows], ["setting", "alias"])

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

    # ------------------------------------------------------------------
    # Once
    # ------------------------------------------------------------------

    @mute_logger(LOGGER)
    def test_what_fails_after_the_commit_is_not_done_again(self):
        # Such as a connection that is lost before PostgreSQL's answer to COMMIT.
        for count in (1, 3):
            for error in (psycopg2.OperationalError("gone"), ZeroDivisionError("a hook of another addon")):
                with self.subTest(count=count, error=type(error).__name__):
                    name = f"once {count} {type(error).__name__}"
                    rows = [
                        self.journal(eml(Subject=name, Message_ID=None, body=b"%d" % number), self.box)
                        for number in range(count)
                    ]
                    lane = type(self.env["spp.email.lane"])
                    with patch.object(lane, "_working_transaction", lose_the_answer(lane, error)):
                        self.process()
                    self.assertEqual([row.state for row in rows], ["done"] * count, [row.detail for row in rows])
                    self.assertEqual(len(self.partners(rows[0].subject)), count)
                    for row in rows:
                        partner = self.env["res.partner"].browse(row.res_id)
                        posted = partner.message_ids.filtered(lambda message: message.message_type == "email")
                        self.assertEqual(len(posted), 1)

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

    @mute_logger(LOGGER)
    def test_a_content_that_cannot_be_read_stops_nobody(self):
        rows = self.waiting("readable 1", "broken", "readable 2")
        self.sql("UPDATE spp_email_content SET data = 'nonsense' WHERE inbound_id = %s RETURNING id", rows[1].id)
        self.process()
        self.assertEqual([row.state for row in rows], ["done", "quarantined", "done"])
        self.assertIn("Error -3", rows[1].detail)

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

    @mute_logger(LOGGER, "odoo.sql_db")
    def test_what_is_more_than_an_index_takes_is_not_tried_for_hours(self):
        # No address: Odoo keeps it all the same, in an index.
        name = "".join(chr(random.Random(number).randrange(0x4E00, 0x9FFF)) for number in range(1400))
        long, other = self.waiting("too long", "as ever")

        def raise_it(model):
            model.env.cr.execute("UPDATE res_partner SET email_normalized = %s WHERE id = %s", (name, model.id))

        with during("too long", raise_it):
            self.process()
        self.assertEqual((long.state, other.state), ("quarantined", "done"))
