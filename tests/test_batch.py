# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import random
from contextlib import contextmanager
from unittest.mock import patch

import psycopg2

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.mail.models.mail_thread import MailThread

from ..models import spp_email_batch
from .common import GatewayCase, eml

LOGGER = "odoo.addons.spp_email_gateway.models.spp_email_batch"
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


def lose_the_answer(batch, error):
    """Return a ``_working_transaction`` that fails after its first commit."""
    working, calls = batch._working_transaction, []

    @contextmanager
    def losing(model):
        with working(model) as env:
            yield env
        calls.append(1)
        if len(calls) == 1:
            raise error

    return losing


@tagged("post_install", "-at_install")
class TestBatch(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    def waiting(self, *subjects):
        return [self.journal(eml(Subject=subject), self.box) for subject in subjects]

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
        with patch.object(spp_email_batch, "BATCH_SECONDS", -1), self.own_cursors():
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
                    batch = type(self.env["spp.email.batch"])
                    with patch.object(batch, "_working_transaction", lose_the_answer(batch, error)):
                        self.process()
                    self.assertEqual([row.state for row in rows], ["done"] * count, [row.detail for row in rows])
                    self.assertEqual(len(self.partners(rows[0].subject)), count)
                    for row in rows:
                        partner = self.env["res.partner"].browse(row.res_id)
                        posted = partner.message_ids.filtered(lambda message: message.message_type == "email")
                        self.assertEqual(len(posted), 1)

    @mute_logger(LOGGER)
    def test_a_content_that_cannot_be_read_stops_nobody(self):
        rows = self.waiting("readable 1", "broken", "readable 2")
        self.sql("UPDATE spp_email_content SET data = 'nonsense' WHERE inbound_id = %s RETURNING id", rows[1].id)
        self.process()
        self.assertEqual([row.state for row in rows], ["done", "quarantined", "done"])
        self.assertIn("Error -3", rows[1].detail)

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
