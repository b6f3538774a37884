# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The suppression list, with a real server: who is listed gets nothing, and nobody else is touched by it."""

from __future__ import annotations

from .sending import SendingCase

LEARN = """
from odoo.addons.spp_email_gateway.engine.bounce_reason import BounceReason
from odoo.addons.spp_email_gateway.engine.message_kind import RecipientReport, ReportAction
report = RecipientReport(address, ReportAction.FAILED, is_hard=True, reason=BounceReason.ADDRESS_UNKNOWN)
answer = env["spp.email.suppression"]._learn(env.company, address, report, "transactional").id
"""


class TestSuppression(SendingCase):
    def setUp(self):
        super().setUp()
        self.rows("DELETE FROM spp_email_suppression")
        self.server()

    def test_the_other_recipient_gets_it(self):
        self.ask(LEARN, address="bob@remote.test")
        (mail,) = self.queue("ann@remote.test, Bob <Bob@remote.test>")
        self.send(mail)
        self.assertEqual(self.taken(), {"ann@remote.test": 1})
        ledger = self.ledger("smtp_text", "attempts")
        self.assertEqual(
            [row[:3] for row in ledger],
            [("ann@remote.test", "sent", "accepted"), ("bob@remote.test", "suppressed", "suppressed")],
        )
        self.assertRegex(ledger[1][3], "^On the suppression list since .*came back for good .*Outgoing, Suppression")
        self.assertEqual(self.mails(mail)[0][0], "sent")

    def test_contacts_of_one_mail_are_kept_apart(self):
        self.ask(LEARN, address="bob@remote.test")
        (mail,) = self.queue({"partners": ["ann@remote.test", "bob@remote.test"]})
        self.send(mail)
        self.assertEqual(self.taken(), {"ann@remote.test": 1})
        self.assertEqual([row[1] for row in self.ledger()], ["sent", "suppressed"])

    def test_with_nobody_left_no_server_is_told_anything(self):
        self.ask(LEARN, address="bob@remote.test")
        (mail,) = self.queue("bob@remote.test")
        self.send(mail)
        self.assertFalse(self.taken())
        state, kind, reason = self.mails(mail)[0]
        self.assertEqual((state, kind), ("cancel", "mail_bl"))
        self.assertIn("On the suppression list since", reason)

    def test_a_legal_notice_is_tried_all_the_same(self):
        self.ask(LEARN, address="bob@remote.test")
        (mail,) = self.queue("bob@remote.test", gateway_overrides_suppression=True)
        self.send(mail)
        self.assertEqual(self.taken(), {"bob@remote.test": 1})
        self.assertEqual(self.ledger("mail_class"), [("bob@remote.test", "sent", "accepted", "legal")])

    def test_an_address_that_a_server_refuses_is_not_tried_a_second_time(self):
        (first,) = self.queue("e511@remote.test, ann@remote.test")
        self.send(first)
        listed = "SELECT address, reason, source, delivery_id IS NOT NULL FROM spp_email_suppression"
        self.assertEqual(self.rows(listed), [("e511@remote.test", "hard_bounce", "delivery", True)])
        self.rows("DELETE FROM spp_email_delivery")
        (second,) = self.queue("e511@remote.test, ann@remote.test")
        self.send(second)
        self.assertEqual([row[1] for row in self.ledger()], ["sent", "suppressed"])
        self.assertEqual(self.taken(), {"ann@remote.test": 2})

    def test_within_a_request_too(self):
        self.ask(LEARN, address="bob@remote.test")
        (mail, alone) = self.queue("ann@remote.test, bob@remote.test", "bob@remote.test")
        self.ask("env['mail.mail'].browse(ids).send(raise_exception=True)", ids=[mail, alone])
        self.assertEqual(self.taken(), {"ann@remote.test": 1})
        self.assertEqual([row[1] for row in self.ledger()], ["sent", "suppressed", "suppressed"])
        (sent, cancelled) = self.mails(mail, alone)
        self.assertEqual((sent[0], cancelled[0], cancelled[1]), ("sent", "cancel", "mail_bl"))
        self.assertIn("On the suppression list since", cancelled[2])

    def test_after_the_removal_it_is_sent(self):
        row = self.ask(LEARN, address="bob@remote.test")
        (mail,) = self.queue("bob@remote.test")
        self.send(mail)
        self.ask("env['spp.email.suppression'].browse(row)._remove_by_hand('told us')", row=row)
        self.ask("env['spp.email.delivery'].search([('mail_id', '=', mail)]).action_retry()", mail=mail)
        self.send(mail)
        self.assertEqual(self.taken(), {"bob@remote.test": 1})
        self.assertEqual(self.ledger(), [("bob@remote.test", "sent", "accepted")])

    def test_a_batch_of_many_mails_asks_once(self):
        self.ask(LEARN, address="p3@remote.test")
        mails = self.queue(*[f"p{number}@remote.test" for number in range(10)])
        asked, batches = self.ask(
            """
from odoo.addons.spp_email_gateway.models import spp_email_suppression_asking as asking
asked, batches = [], []
ask, dispatch = asking.SQL, type(env["spp.email.dispatch"])
work = dispatch._dispatch
asking.SQL = lambda text, *rest: asked.append(text) or ask(text, *rest)
dispatch._dispatch = lambda self, claims, *rest: batches.append(len(claims)) or work(self, claims, *rest)
try:
    env["mail.mail"].process_email_queue(email_ids=ids)
finally:
    asking.SQL = ask
    del dispatch._dispatch
answer = len(asked), batches
""",
            ids=mails,
        )
        self.assertEqual(sum(batches), 10)
        self.assertEqual(asked, len(batches), batches)
        # As many batches as threads.
        self.assertLess(len(batches), 5)
        self.assertEqual(len(self.taken()), 9)

    def test_two_workers_that_learn_of_one_address_make_one_entry(self):
        """As two transactions under REPEATABLE READ: the second fails as what is retried, not as a double."""
        outcome = self.ask(
            """
import psycopg2
from odoo.addons.spp_email_gateway.engine.message_kind import RecipientReport, ReportAction
report = RecipientReport("bob@remote.test", ReportAction.FAILED, is_hard=True)
learn = lambda one: one["spp.email.suppression"]._learn(one.company, "bob@remote.test", report, "mass")
with env.registry.cursor() as other:
    second = env(cr=other)
    second["spp.email.suppression"].search_count([])
    learn(env)
    env.cr.commit()
    try:
        learn(second)
        answer = "learned"
    except psycopg2.errors.SerializationFailure:
        other.rollback()
        learn(second)
        answer = "retried"
"""
        )
        self.assertEqual(outcome, "retried")
        self.assertEqual(self.rows("SELECT address, report_count FROM spp_email_suppression"), [("bob@remote.test", 2)])
