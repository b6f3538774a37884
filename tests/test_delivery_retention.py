# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .sending import DeliveryCase


@tagged("post_install", "-at_install")
class TestDeliveryRetention(DeliveryCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rules = cls.env["spp.email.delivery.retention"]

    def only(self, *rules):
        """Let these be the only rules: (state, mail days, row days[, company])."""
        self.rules.search([]).unlink()
        for state, mail_days, row_days, *company in rules:
            values = {"state": state, "mail_days": mail_days, "row_days": row_days}
            self.rules.create({**values, "company_id": company[0].id if company else False})

    def old(self, state, days, row_state=None, **values):
        """Return an email that was last touched so many days ago, and its row if it has one."""
        mail = self.mail(state, email_to="bob@example.com", **values)
        row = self.row("bob@example.com", row_state, mail) if row_state else self.env["spp.email.delivery"]
        self.sql(
            "UPDATE mail_mail SET write_date = now() - %s * interval '1 day' WHERE id = %s RETURNING id", days, mail.id
        )
        if row:
            self.sql(
                "UPDATE spp_email_delivery SET final_date = now() - %s * interval '1 day' WHERE id = %s RETURNING id",
                days,
                row.id,
            )
        self.env.invalidate_all()
        return mail, row

    def clean(self):
        result = self.rules._gc_deliveries()
        self.env.invalidate_all()
        return result

    def test_the_rules_that_are_there_keep_sent_mail_for_180_days(self):
        rules = {rule.state: (rule.mail_days, rule.row_days) for rule in self.rules.search([])}
        self.assertEqual(rules, {"sent": (180, 180), "failed": (0, 0), "cancelled": (0, 0)})

    def test_each_state_has_its_time(self):
        self.only(("sent", 10, 0), ("failed", 20, 0), ("cancelled", 30, 0))
        for state, days in (("sent", 10), ("exception", 20), ("cancel", 30)):
            (young, _row), (old, _row) = self.old(state, days - 1), self.old(state, days + 1)
            self.clean()
            with self.subTest(state=state):
                self.assertEqual((bool(young.exists()), bool(old.exists())), (True, False))

    def test_rows_go_after_the_mail(self):
        self.only(("sent", 10, 20))
        mail, row = self.old("sent", 15, "sent")
        _mail, oldest = self.old("sent", 25, "sent")
        self.clean()
        self.assertEqual((bool(mail.exists()), bool(row.exists()), bool(oldest.exists())), (False, True, False))
        self.assertEqual(row.subject, "News")

    def test_zero_keeps(self):
        self.only(("sent", 0, 0))
        mail, row = self.old("sent", 3000, "sent")
        self.clean()
        self.assertTrue(mail.exists() and row.exists())

    def test_what_is_not_decided_is_never_removed(self):
        self.only(("sent", 1, 1), ("failed", 1, 1), ("cancelled", 1, 1))
        kept = [
            self.old("outgoing", 3000),
            self.old("received", 3000),
            # Whatever the mail says.
            self.old("sent", 3000, "deferred"),
            self.old("exception", 3000, "unknown"),
            self.old("sent", 3000, "sending"),
        ]
        self.clean()
        for mail, row in kept:
            with self.subTest(mail=mail.state, row=row.state):
                self.assertTrue(mail.exists())
                self.assertEqual(row.exists(), row)

    def test_legal_hold(self):
        self.only(("sent", 1, 1))
        mail, row = self.old("sent", 3000, "sent")
        row.with_user(self.officer).action_hold()
        self.sql("UPDATE mail_mail SET write_date = now() - interval '9 years' WHERE id = %s RETURNING id", mail.id)
        self.clean()
        self.assertTrue(mail.exists() and row.exists())
        row.with_user(self.officer).action_release()
        self.sql("UPDATE mail_mail SET write_date = now() - interval '9 years' WHERE id = %s RETURNING id", mail.id)
        self.clean()
        self.assertFalse(mail.exists() or row.exists())

    def test_a_companys_rule_goes_before_the_one_for_all(self):
        self.only(("sent", 10, 0), ("sent", 100, 0, self.other_company))
        theirs, _row = self.old("sent", 50, record_company_id=self.other_company.id)
        ours, _row = self.old("sent", 50, record_company_id=self.company.id)
        self.clean()
        self.assertEqual((bool(theirs.exists()), bool(ours.exists())), (True, False))

    def test_what_a_chatter_shows_stays_there(self):
        self.only(("sent", 1, 0))
        shown, _row = self.old("sent", 10, model="res.partner", res_id=self.record.id, message_type="email_outgoing")
        alone, _row = self.old("sent", 10)
        messages = shown.mail_message_id | alone.mail_message_id
        self.clean()
        self.assertFalse((shown | alone).exists())
        self.assertEqual(messages.exists(), messages[0])
        self.assertIn(messages[0], self.record.message_ids)

    def test_deleting_by_hand_is_as_odoo_has_it(self):
        mail = self.mail("sent", model="res.partner", res_id=self.record.id)
        message = mail.mail_message_id
        mail.unlink()
        self.assertFalse(message.exists())

    def test_it_says_what_is_left_over(self):
        self.only(("sent", 1, 0))
        self.assertEqual(self.clean()[1], 0)

    def test_the_list_counts(self):
        self.only(("failed", 1, 1))
        rule = self.rules.search([])
        mails, rows = rule.mail_count, rule.row_count
        self.old("exception", 10, "failed")
        rule.invalidate_recordset()
        self.assertEqual((rule.mail_count, rule.row_count), (mails + 1, rows + 1))

    @mute_logger("odoo.sql_db")
    def test_days_that_make_no_sense_are_refused(self):
        self.only()
        for values in ({"mail_days": -1}, {"mail_days": 5, "row_days": 4}, {"row_days": 4}):
            with self.subTest(values=values), self.assertRaises(IntegrityError), self.env.cr.savepoint():
                self.rules.create({"state": "sent", **values})

    def test_managers_alone_say_how_long(self):
        for user in (self.plain, self.viewer, self.officer):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.rules.with_user(user).create({"state": "sent", "company_id": self.company.id})
        self.rules.with_user(self.manager).create({"state": "sent", "company_id": self.company.id, "mail_days": 3})
