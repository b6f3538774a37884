# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import GatewayCase, eml


@tagged("post_install", "-at_install")
class TestRetention(GatewayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rules = cls.env["spp.email.retention"]
        cls.rules.search([]).unlink()

    def old(self, state="done", days=100, company=None, **values):
        row = self.journal(eml(), company=company or self.company)
        self.sql(
            "UPDATE spp_email_inbound SET state = %s, received_date = now() - %s * interval '1 day', is_held = %s"
            " WHERE id = %s RETURNING id",
            state,
            days,
            values.get("is_held", False),
            row.id,
        )
        row.invalidate_recordset()
        return row

    def clean(self):
        result = self.rules._gc_journal()
        self.env.invalidate_all()
        return result

    def has_content(self, row):
        return self.env["spp.email.content"]._load(row.id) is not None

    def test_the_content_goes_first_and_then_the_row(self):
        self.rules.create({"state": "done", "content_days": 90, "row_days": 200})
        young, older, oldest = self.old(days=89), self.old(days=91), self.old(days=201)
        self.clean()
        self.assertTrue(self.has_content(young))
        self.assertFalse(self.has_content(older))
        self.assertTrue(older.exists())
        self.assertFalse(oldest.exists())

    def test_what_waits_or_is_in_quarantine_is_never_removed(self):
        for state in ("done", "duplicate", "discarded"):
            self.rules.create({"state": state, "content_days": 1, "row_days": 1})
        rows = [self.old(state) for state in ("received", "processing", "retry", "quarantined")]
        self.clean()
        for row in rows:
            self.assertTrue(self.has_content(row), row.state)

    def test_rows_as_the_journal_writes_them_are_removed(self):
        self.rules.create({"state": "done", "content_days": 1, "row_days": 2})
        rows = [self.journal(eml()), self.journal(eml())]
        self.sql("UPDATE spp_email_inbound SET state = 'done', received_date = now() - interval '3 days'"
                 " WHERE id IN %s RETURNING id", tuple(row.id for row in rows))
        # From before there was the column.
        self.sql("UPDATE spp_email_inbound SET is_held = NULL WHERE id = %s RETURNING id", rows[0].id)
        self.clean()
        self.assertFalse((rows[0] | rows[1]).exists())

    def test_a_row_stays_while_its_message_is_left_on_the_server(self):
        self.rules.create({"state": "done", "content_days": 1, "row_days": 1})
        box = self.mailbox(server_type="pop", gateway_pop_leave_days=30)
        rows = [self.journal(eml(), box) for _number in range(3)]
        self.sql("UPDATE spp_email_inbound SET state = 'done', received_date = now() - interval '10 days'"
                 " WHERE server_id = %s RETURNING id", box.id)
        self.sql("UPDATE spp_email_inbound SET acknowledged_date = now() WHERE id = %s RETURNING id", rows[1].id)
        self.sql("UPDATE spp_email_inbound SET received_date = now() - interval '61 days' WHERE id = %s RETURNING id",
                 rows[2].id)
        self.clean()
        self.assertEqual([bool(row.exists()) for row in rows], [True, False, False])

    def test_a_row_stays_while_nothing_else_tells_that_its_message_was_taken(self):
        # Messages are left untouched, and one that waits keeps the floor down: those above it are told by their rows.
        self.rules.create({"state": "done", "content_days": 1, "row_days": 1})
        box = self.mailbox(gateway_after="leave")
        rows = [self.journal(eml(), box, uid=uid) for uid in ("9", "10", "11", "x")]
        elsewhere = self.journal(eml(), self.mailbox(user="other@gateway.test"), uid="11")
        self.sql("UPDATE spp_email_inbound SET state = 'done', received_date = now() - interval '3 days'"
                 " WHERE id IN %s RETURNING id", (*(row.id for row in rows), elsewhere.id))
        with self.own_cursors():
            self.env["spp.email.reading.mark"]._note(box._gateway_server_key(), {"INBOX": ("1", 10)})
        self.clean()
        self.assertEqual([bool(row.exists()) for row in rows], [False, False, True, False])
        self.assertFalse(elsewhere.exists())
        # The folder was numbered anew: the old numbers are nobody's any more.
        with self.own_cursors():
            self.env["spp.email.reading.mark"]._note(box._gateway_server_key(), {"INBOX": ("2", 1)})
        self.clean()
        self.assertFalse(rows[2].exists())

    def test_legal_hold(self):
        self.rules.create({"state": "done", "content_days": 1, "row_days": 1})
        held, free = self.old(), self.old()
        held.with_user(self.officer).action_hold()
        self.clean()
        self.assertTrue(self.has_content(held))
        self.assertFalse(free.exists())
        with self.assertRaisesRegex(UserError, "legal hold cannot be deleted"):
            held.unlink()
        held.with_user(self.officer).action_release()
        self.clean()
        self.assertFalse(held.exists())

    def test_a_viewer_holds_nothing(self):
        row = self.old()
        with self.assertRaises(AccessError):
            row.with_user(self.viewer).action_hold()

    def test_a_company_has_rules_of_its_own(self):
        self.rules.create(
            [
                {"state": "done", "content_days": 10},
                {"state": "done", "content_days": 0, "company_id": self.other_company.id},
            ]
        )
        ours, theirs = self.old(), self.old(company=self.other_company)
        self.clean()
        self.assertFalse(self.has_content(ours))
        self.assertTrue(self.has_content(theirs))

    def test_sizes_are_shown(self):
        rule = self.rules.create({"state": "done", "content_days": 10})
        before = rule.message_count
        self.old()
        rule.invalidate_recordset()
        self.assertEqual(rule.message_count, before + 1)

    def test_wrong_rules_are_refused(self):
        for values in (
            {"content_days": -1},
            {"content_days": 10, "row_days": 5},
            {"content_days": 0, "row_days": 5},
        ):
            with self.subTest(values=values), self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"):
                with self.cr.savepoint():
                    self.rules.create({"state": "done", **values})
        self.rules.create({"state": "done"})
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.cr.savepoint():
            self.rules.create({"state": "done"})

    def test_only_managers_set_rules(self):
        self.rules.with_user(self.manager).create({"state": "duplicate"})
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.rules.with_user(user).create({"state": "discarded"})
