# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import hashlib
from datetime import timedelta
from unittest.mock import patch

from odoo import SUPERUSER_ID, fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import eml
from .deciding import DecisionCase
from .sending import DeliveryCase

CONTENT = eml(Subject="Sore point", Message_ID="<audited@example.com>")


class AuditCase(DecisionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.audit = cls.env["spp.email.audit"]

    def journal(self, content, server=None, *, company=None, **options):
        return super().journal(content, server, company=company or self.company, **options)

    def acts(self, record, since=0):
        """Return (action, who, detail) of what was done with a record, oldest first."""
        rows = self.audit.search(
            [("model", "=", record._name), ("res_id", "=", record.id), ("id", ">", since)], order="id"
        )
        return [(row.action, row.user_id, row.detail or "") for row in rows]

    def assertActs(self, record, *expected):
        self.env.invalidate_all()
        self.assertEqual(self.acts(record), list(expected))


@tagged("post_install", "-at_install")
class TestAudit(AuditCase):
    def test_a_reading_is_not_tried_on_a_copy_of_the_database_first(self):
        """It leaves a row in the trail, which a read-only connection refuses. As Odoo's controller asks."""
        for name in ("read", "web_read", "search_read", "web_search_read"):
            methods = (getattr(cls, name, None) for cls in self.env.registry["spp.email.inbound"].mro())
            with self.subTest(method=name):
                self.assertIs(next(one._readonly for one in methods if hasattr(one, "_readonly")), False)

    def test_the_preview_notes_who_opened_it(self):
        inbound = self.journal(CONTENT, company=self.company)
        self.assertActs(inbound)
        for user in (self.officer, self.manager):
            inbound.with_user(user).web_read({"subject": {}, "preview_html": {}})
        self.assertActs(inbound, ("opened", self.officer, ""), ("opened", self.manager, ""))
        row = self.audit.search([("res_id", "=", inbound.id)], limit=1)
        self.assertEqual(row.message_digest, hashlib.sha256(b"<audited@example.com>").hexdigest())
        self.assertEqual((row.company_id, row.inbound_id, row.who), (self.company, inbound, self.manager.name))

    def test_a_list_opens_nothing(self):
        inbound = self.journal(CONTENT)
        inbound.with_user(self.viewer).web_search_read(
            [("id", "=", inbound.id)], {"subject": {}, "email_from": {}, "state": {}}
        )
        self.assertActs(inbound)

    def test_every_door_to_the_text_notes_it(self):
        for name, read in (
            ("read", lambda inbound: inbound.read(["preview_html"])),
            ("names of attachments", lambda inbound: inbound.read(["attachment_list"])),
            ("a file", lambda inbound: inbound._export_rows([["preview_html"]])),
            ("with all rights", lambda inbound: inbound.sudo().preview_html),
        ):
            inbound = self.journal(CONTENT)
            read(inbound.with_user(self.officer))
            with self.subTest(name=name):
                self.assertActs(inbound, ("opened", self.officer, ""))

    def test_the_system_opens_nothing(self):
        inbound = self.journal(CONTENT)
        self.assertTrue(inbound.with_user(SUPERUSER_ID).preview_html)
        self.assertActs(inbound)

    def test_what_is_no_longer_there_is_not_opened(self):
        inbound = self.journal(CONTENT)
        inbound.content_ids.unlink()
        inbound.with_user(self.officer).read(["preview_html"])
        self.assertActs(inbound)

    def test_one_opening_is_one_row(self):
        inbound = self.journal(CONTENT)
        start = fields.Datetime.now()
        for minutes, expected in ((0, 1), (1, 1), (14, 1), (16, 2), (17, 2)):
            with patch.object(fields.Datetime, "now", lambda minutes=minutes: start + timedelta(minutes=minutes)):
                inbound.invalidate_recordset()
                inbound.with_user(self.officer).read(["preview_html"])
            with self.subTest(minutes=minutes):
                self.assertEqual(len(self.acts(inbound)), expected)

    def test_without_a_row_there_is_no_text(self):
        inbound = self.journal(CONTENT).with_user(self.officer)
        with (
            patch.object(type(self.audit), "_add", side_effect=ZeroDivisionError),
            self.assertRaises(ZeroDivisionError),
        ):
            inbound.read(["preview_html"])

    # Decisions

    def test_each_decision_is_noted(self):
        partner = self.env["res.partner"].create({"name": "There"})
        for name, decide, expected in (
            ("retry", lambda one: one.action_retry(), "retried"),
            ("hold", lambda one: one.action_hold(), "held"),
            ("end of the hold", lambda one: one.action_release(), "hold_ended"),
            ("discard", lambda one: one.action_discard("ann@example.com wrote twice"), "discarded"),
        ):
            inbound = self.waiting()
            decide(inbound.with_user(self.officer))
            with self.subTest(name=name):
                self.assertActs(inbound, (expected, self.officer, ""))
        for kind, values, expected in (
            ("route", {"target_model": "res.partner"}, ("routed", "res.partner")),
            ("attach", {"record": f"res.partner,{partner.id}"}, ("attached", f"res.partner,{partner.id}")),
        ):
            inbound = self.waiting()
            self.confirm(self.wizard(kind, inbound, **values))
            with self.subTest(kind=kind):
                self.assertActs(inbound, (expected[0], self.officer, expected[1]))

    def test_the_way_back_from_what_was_discarded(self):
        inbound = self.waiting()
        mine = inbound.with_user(self.officer)
        mine.action_discard()
        mine.action_reconsider()
        self.assertActs(inbound, ("discarded", self.officer, ""), ("reconsidered", self.officer, ""))

    def test_an_alias(self):
        inbound = self.waiting(eml(To="new@gateway.test"))
        values = {"alias_name": "new", "alias_domain_id": self.alias_domain.id, "target_model": "res.partner"}
        self.confirm(self.wizard("alias", inbound, self.manager, **values))
        self.assertActs(inbound, ("alias_created", self.manager, "res.partner"))

    def test_an_answer(self):
        inbound = self.waiting(eml(From="Ann <ann@remote.test>"))
        wizard = self.wizard("answer", inbound, body="<p>Ask the office.</p>")
        with self.own_cursors():
            wizard.action_send()
        self.assertActs(inbound, ("answered", self.officer, ""))

    def test_a_release_from_a_loop(self):
        inbound = self.waiting(reason="loop")
        self.confirm(self.env["spp.email.loop.release"].with_user(self.officer).create({"inbound_ids": inbound.ids}))
        self.assertActs(inbound, ("released", self.officer, ""))

    def test_a_sender_who_is_accepted(self):
        inbound = self.waiting(reason="sender_not_proved")
        with self.own_cursors():
            inbound.with_user(self.officer).action_accept_sender()
        self.assertActs(inbound, ("sender_accepted", self.officer, ""))

    def test_a_decision_that_changes_nothing_is_none(self):
        inbound = self.waiting(state="done")
        inbound.with_user(self.officer).action_discard()
        self.assertActs(inbound)
        with self.assertRaises(AccessError):
            inbound.with_user(self.viewer).action_hold()
        self.assertActs(inbound)

    def test_the_processing_notes_nothing(self):
        last = self.audit.search([], order="id desc", limit=1).id or 0
        self.receive(CONTENT, self.mailbox())
        self.assertFalse(self.audit.search([("id", ">", last)]))

    # Privacy

    def test_it_holds_no_address(self):
        inbound = self.journal(CONTENT)
        self.audit.with_user(self.officer)._note("exported", inbound, "for Ann <ann@example.com>")
        self.assertActs(inbound, ("exported", self.officer, "for Ann (address)"))
        with self.assertRaisesRegex(ValueError, "'looked_at' is not a valid AuditAction"):
            self.audit._note("looked_at", inbound)

    def test_an_erasure_leaves_who_when_and_what(self):
        inbound, other = self.journal(CONTENT), self.journal(eml())
        for one in (inbound, other):
            self.audit.with_user(self.officer)._note("routed", one, "res.partner,3")
        self.audit.with_user(self.manager)._note("erased", inbound, "of somebody")
        rows, untouched = (self.audit.search([("res_id", "=", one.id)], order="id") for one in (inbound, other))
        for row in rows:
            self.assertEqual((row.message_digest, row.detail), (False, False))
        self.assertActs(inbound, ("routed", self.officer, ""), ("erased", self.manager, ""))
        self.assertTrue(untouched.message_digest and untouched.detail)

    # How long

    def test_it_outlives_the_message(self):
        inbound = self.receive(CONTENT, self.mailbox())
        inbound.with_user(self.officer).read(["preview_html"])
        number = inbound.id
        inbound.with_user(self.system).unlink()
        row = self.audit.search([("model", "=", "spp.email.inbound"), ("res_id", "=", number)])
        self.assertEqual((row.action, row.inbound_id.id), ("opened", False))
        found = self.audit.search([("message_id", "=", "<audited@example.com>"), ("res_id", "=", number)])
        self.assertEqual(found, row)

    def test_old_ones_are_removed_once_the_content_is(self):
        inbound = self.journal(CONTENT)
        self.audit.with_user(self.officer)._note("opened", inbound)
        row = self.audit.search([("res_id", "=", inbound.id)])
        for days, parameter, is_there, is_kept in (
            (729, None, False, True),
            (900, None, True, True),
            (900, "0", False, True),
            (900, "1000", False, True),
            (731, None, False, False),
        ):
            self.env["ir.config_parameter"].set_param("spp_email_gateway.audit_days", parameter or False)
            self.sql(
                "UPDATE spp_email_audit SET date = now() AT TIME ZONE 'UTC' - %s * interval '1 day' WHERE id = %s"
                " RETURNING id",
                days,
                row.id,
            )
            number = inbound.id if is_there else 2**30
            self.sql("UPDATE spp_email_audit SET res_id = %s WHERE id = %s RETURNING id", number, row.id)
            self.audit._gc_audit()
            with self.subTest(days=days, parameter=parameter, is_there=is_there):
                self.assertEqual(bool(row.exists()), is_kept)

    # Nobody alters it

    def test_nobody_alters_it(self):
        inbound = self.journal(CONTENT)
        self.audit.with_user(self.officer)._note("discarded", inbound)
        row = self.audit.search([("res_id", "=", inbound.id)])
        values = {"model": "x", "res_id": 1, "action": "opened", "date": "2026-01-01"}
        for user in (self.officer, self.manager, self.system, self.env.ref("base.user_root")):
            for name, change in (
                ("create", lambda user=user: self.audit.with_user(user).create(values)),
                ("write", lambda user=user: row.with_user(user).write({"user_id": self.viewer.id})),
                ("unlink", lambda user=user: row.with_user(user).unlink()),
                ("sudo", lambda user=user: row.with_user(user).sudo().unlink()),
                ("through the message", lambda user=user: inbound.with_user(user).sudo().write({"audit_ids": [(5,)]})),
            ):
                with self.subTest(user=user.login, name=name), self.assertRaises(AccessError):
                    change()
        self.assertEqual(row.exists().action, "discarded")

    def test_who_sees_it(self):
        mine, theirs = self.journal(CONTENT, company=self.company), self.journal(eml(), company=self.other_company)
        for one in (mine, theirs):
            self.audit.with_user(self.manager)._note("opened", one)
        self.officer.company_ids = self.company
        rows = self.audit.with_user(self.officer).search([("res_id", "in", (mine + theirs).ids)])
        self.assertEqual(rows.mapped("res_id"), mine.ids)
        self.assertEqual(mine.with_user(self.officer).audit_ids, rows)
        for user in (self.plain, self.viewer, self.portal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.audit.with_user(user).search([]).read(["action"])
        with self.assertRaises(AccessError):
            mine.with_user(self.viewer).read(["audit_ids"])
        arch = mine.with_user(self.viewer).get_view(view_type="form")["arch"]
        self.assertNotIn("audit_ids", arch)
        self.assertNotIn("action_changes_before", arch)


@tagged("post_install", "-at_install")
class TestAuditDoors(AuditCase, HttpCase):
    """Over HTTP, where Odoo reads with a cursor that cannot write."""

    def get(self, user, path):
        self.authenticate(user.login, user.login)
        return self.url_open(path, allow_redirects=False)

    def test_the_download(self):
        inbound = self.journal(CONTENT, company=self.company)
        answer = self.get(self.officer, f"/spp_email_gateway/inbound/{inbound.id}/eml")
        self.assertEqual((answer.status_code, answer.content), (200, CONTENT))
        self.assertActs(inbound, ("downloaded", self.officer, ""))

    @mute_logger("odoo.http")
    def test_a_download_that_is_refused_is_none(self):
        self.officer.company_ids = self.company
        inbound = self.journal(CONTENT, company=self.other_company)
        self.assertEqual(self.get(self.officer, f"/spp_email_gateway/inbound/{inbound.id}/eml").status_code, 403)
        self.assertActs(inbound)

    def test_a_download_waits_for_nobody(self):
        """A worker that has the message in work does not keep anybody from reading it."""
        inbound = self.journal(CONTENT)
        self.env.cr.execute("SELECT 1 FROM spp_email_inbound WHERE id = %s FOR UPDATE", [inbound.id])
        self.assertEqual(self.get(self.officer, f"/spp_email_gateway/inbound/{inbound.id}/eml").status_code, 200)

    @mute_logger("odoo.http")
    def test_without_a_row_no_bytes(self):
        inbound = self.journal(CONTENT)
        with patch.object(type(self.audit), "_note", side_effect=ZeroDivisionError):
            answer = self.get(self.officer, f"/spp_email_gateway/inbound/{inbound.id}/eml")
        self.assertEqual(answer.status_code, 500)
        self.assertNotIn(b"Sore point", answer.content)

    def test_the_form(self):
        """The web client's own call: nothing fails, and nothing is tried twice."""
        inbound = self.journal(CONTENT)
        self.authenticate(self.officer.login, self.officer.login)
        with self.assertNoLogs("odoo.http", level="WARNING"):
            rows = self.make_jsonrpc_request(
                "/web/dataset/call_kw/spp.email.inbound/web_read",
                {
                    "model": "spp.email.inbound",
                    "method": "web_read",
                    "args": [inbound.ids],
                    "kwargs": {"specification": {"preview_html": {}}},
                },
            )
        self.assertIn("hello", rows[0]["preview_html"])
        self.assertActs(inbound, ("opened", self.officer, ""))

    @mute_logger("odoo.http")
    def test_reading_where_odoo_thinks_that_nothing_is_written(self):
        inbound = self.journal(CONTENT)
        self.authenticate(self.officer.login, self.officer.login)
        rows = self.make_jsonrpc_request(
            "/web/dataset/call_kw/spp.email.inbound/read",
            {"model": "spp.email.inbound", "method": "read", "args": [inbound.ids, ["preview_html"]], "kwargs": {}},
        )
        self.assertIn("hello", rows[0]["preview_html"])
        self.assertActs(inbound, ("opened", self.officer, ""))


@tagged("post_install", "-at_install")
class TestAuditDeliveries(AuditCase, DeliveryCase, HttpCase):
    def test_each_decision_is_noted(self):
        for name, state, decide, expected in (
            ("retry", "failed", "action_retry", "retried"),
            ("send now", "deferred", "action_send_now", "sent_now"),
            ("cancel", "deferred", "action_cancel", "cancelled"),
            ("dealt with", "failed", "action_settle", "settled"),
            ("an unknown outcome", "unknown", "action_settle", "settled"),
            ("hold", "sent", "action_hold", "held"),
            ("end of the hold", "sent", "action_release", "hold_ended"),
        ):
            row = self.row(f"{decide}@example.com", state)
            getattr(row.with_user(self.officer), decide)()
            with self.subTest(name=name):
                self.assertActs(row, (expected, self.officer, ""))

    def test_the_queue_notes_nothing(self):
        row = self.row("bob@example.com", "deferred")
        row.with_user(SUPERUSER_ID)._hurry()
        self.assertActs(row)

    def test_sent_again_in_a_mail_of_its_own(self):
        message, mail = self.message(self.bob)
        row = self.refused("bob@exmaple.com", mail, partner_id=self.bob.id)
        without_rows, _mail = self.message(self.eve)
        mail.unlink()
        for one in (message, without_rows):
            action = one.with_user(self.writer).action_gateway_resend()
            self.env["spp.email.resend"].with_user(self.writer).browse(action["res_id"]).action_send()
        self.assertActs(row, ("sent_again", self.writer, ""))
        self.assertActs(without_rows, ("sent_again", self.writer, ""))

    def test_the_email_as_sent(self):
        message, mail = self.message(self.bob, statuses=("sent",))
        row = self.row("bob@exmaple.com", "sent", mail, partner_id=self.bob.id)
        self.env.flush_all()
        self.env["spp.email.sent.content"]._keep(self.env, mail.id, "<1@gateway.test>", [row.recipient], CONTENT)
        for user, way, record in (
            (self.officer, "delivery", row),
            (self.system, "mail", mail),
            (self.officer, "message", message),
        ):
            self.authenticate(user.login, user.login)
            answer = self.url_open(f"/spp_email_gateway/sent/{way}/{record.id}", allow_redirects=False)
            with self.subTest(way=way):
                self.assertEqual((answer.status_code, answer.content), (200, CONTENT))
                self.assertActs(record, ("downloaded", user, ""))
