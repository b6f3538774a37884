# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from ..engine.mail_query import mail_query
from ..models import spp_email_search
from ..models.spp_email_personal_data import _among, _is, _wrote
from .common import eml
from .reports import ReportCase, failed, says


@tagged("post_install", "-at_install")
class TestFind(ReportCase):
    def find(self, text="", user=None, **values):
        """Search as a user, an officer by default; return the dialogue."""
        search = self.env["spp.email.find"].with_user(user or self.officer).create({"text": text, **values})
        search.action_search()
        return search

    def found(self, search, kind=None):
        """Return {(model, id)} of what was found."""
        lines = search.line_ids.filtered(lambda line: not kind or line.kind == kind)
        return {(line.model, line.res_id) for line in lines}

    def words(self, record, user=None):
        """Return the words of a record's timeline."""
        find = self.env["spp.email.find"].with_user(user or self.officer)
        return [entry.words for entry in find._timeline(record.with_user(user or self.officer))]

    # ------------------------------------------------------------------
    # What is found
    # ------------------------------------------------------------------

    def test_by_sender_recipient_message_id_and_subject(self):
        inbound = self.journal(eml(From="Zoe <zoe@plover.example>", To="Box <box@gateway.test>", Subject="A lost goat"))
        key = ("spp.email.inbound", inbound.id)
        name = inbound.message_id
        for text in ("zoe@plover.example", "Zoe <ZOE@plover.example>", "box@gateway.test", name, "lost GOAT"):
            with self.subTest(text):
                self.assertIn(key, self.found(self.find(text), "incoming"))
        for text in ("joe@plover.example", "<no@plover.example>", "found goat", "%", "lost_goat"):
            with self.subTest(text):
                self.assertNotIn(key, self.found(self.find(text)))

    def test_deliveries_and_suppression(self):
        row = self.refused("bob@exmaple.com")
        entry = self.env["spp.email.suppression"].create({"address": "bob@exmaple.com", "company_id": self.company.id})
        found = self.found(self.find("Bob@exmaple.com"))
        self.assertLessEqual({(row._name, row.id), (entry._name, entry.id)}, found)
        line = self.find("bob@exmaple.com").line_ids.filtered(lambda line: line.kind == "outgoing")
        self.assertEqual((line.who, line.subject, line.is_problem), ("bob@exmaple.com", "News", True))
        self.assertIn("The address does not exist", line.state)

    def test_by_time_alone(self):
        inbound = self.journal(eml())
        now = fields.Datetime.now()
        self.assertIn((inbound._name, inbound.id), self.found(self.find(start_date=now - timedelta(hours=1))))
        search = self.find(start_date=now - timedelta(days=9), end_date=now - timedelta(days=8))
        self.assertNotIn((inbound._name, inbound.id), self.found(search))

    def test_a_time_limits_exact_searches_too(self):
        inbound = self.journal(eml(From="zoe@plover.example"))
        self.sql("UPDATE spp_email_inbound SET received_date = '2026-01-05' WHERE id = %s RETURNING id", inbound.id)
        inbound.invalidate_recordset()
        key = (inbound._name, inbound.id)
        self.assertIn(key, self.found(self.find("zoe@plover.example")))
        self.assertIn(key, self.found(self.find("zoe@plover.example", start_date="2026-01-01", end_date="2026-01-31")))
        self.assertNotIn(key, self.found(self.find("zoe@plover.example", start_date="2026-02-01")))

    def test_what_was_not_looked_through_is_said(self):
        for _number in range(3):
            inbound = self.journal(eml(Subject="Goats"))
        with patch.object(spp_email_search, "MOST_SCANNED", 1):
            search = self.find("Goats")
        self.assertTrue(search.is_cut)
        self.assertIn((inbound._name, inbound.id), self.found(search))
        self.assertFalse(self.find("Goats").is_cut)

    def test_mail_that_waits_is_for_who_may_see_the_queue(self):
        mail = self.mail(email_to="Eve <eve@example.com>")
        other = self.mail(recipient_ids=[(6, 0, self.eve.ids)])
        keys = {(mail._name, mail.id), (other._name, other.id)}
        self.assertLessEqual(keys, self.found(self.find("eve@example.com", self.system)))
        officers = self.find("eve@example.com")
        self.assertFalse(keys & self.found(officers))
        self.assertIn("administrators only", officers.nothing_text)

    # ------------------------------------------------------------------
    # Nothing found
    # ------------------------------------------------------------------

    def test_why_there_is_nothing(self):
        read = self.mailbox(name="Letters", company_id=self.company.id)
        read.date = "2026-05-04 12:00:00"
        broken = self.mailbox(name="Broken", user="broken", company_id=self.company.id)
        broken.write({"error_date": "2026-05-03 12:00:00", "error_message": "No such host"})
        self.mailbox(name="Draft", user="draft", state="draft", company_id=self.company.id)
        text = self.find("nobody@plover.example", self.manager).nothing_text
        told = ("never arrived", "Mailbox “Letters” was read last at", "“Broken” could not be read", "No such host")
        for words in (*told, "“Draft” is not confirmed"):
            self.assertIn(words, text)
        text = self.find("nobody@plover.example").nothing_text
        self.assertIn("never read", text)
        for words in ("Letters", "Broken", "Draft", "No such host"):
            self.assertNotIn(words, text)

    def test_what_cannot_be_asked(self):
        for values, words in (
            ({"text": ""}, "Enter an address"),
            ({"text": "   "}, "Enter an address"),
            ({"text": "x", "start_date": "2026-02-01", "end_date": "2026-01-01"}, "ends before it begins"),
        ):
            with self.subTest(values), self.assertRaisesRegex(UserError, words):
                self.find(**values)

    # ------------------------------------------------------------------
    # Rights
    # ------------------------------------------------------------------

    def test_companies_and_teams(self):
        other = new_test_user(
            self.env,
            "gateway_elsewhere",
            "spp_email_gateway.group_email_gateway_officer",
            company_id=self.other_company.id,
            company_ids=[(6, 0, self.other_company.ids)],
        )
        team = self.env["spp.email.team"].create({"name": "Committee", "member_ids": self.officer.ids})
        box = self.mailbox(company_id=self.company.id, gateway_team_id=team.id)
        inbound = self.journal(eml(From="zoe@plover.example"), box, company=self.company)
        row = self.refused("zoe@plover.example")
        key, delivery = (inbound._name, inbound.id), (row._name, row.id)
        for user, expected in (
            (self.officer, {key, delivery}),
            (self.manager, {key, delivery}),
            (self.viewer, {delivery}),
            (other, set()),
        ):
            for text in ("zoe@plover.example", inbound.message_id):
                with self.subTest(user=user.login, text=text):
                    found = self.found(self.find(text, user))
                    self.assertEqual(found & {key}, expected & {key})
            with self.subTest(user=user.login):
                self.assertEqual(self.found(self.find("zoe@plover.example", user)) & {key, delivery}, expected)
        with self.assertRaises(AccessError):
            self.words(inbound, self.viewer)
        with self.assertRaises(AccessError):
            self.find("zoe@plover.example", self.plain)

    def test_a_line_says_nothing_to_whoever_may_not_see_its_row(self):
        inbound = self.journal(eml(From="zoe@plover.example"), company=self.other_company)
        search = self.env["spp.email.find"].with_user(self.officer).create({"text": "x"})
        line = self.env["spp.email.find.line"].with_user(self.officer).create(
            {"find_id": search.id, "model": inbound._name, "res_id": inbound.id}
        )
        self.assertFalse(line.who or line.subject or line.timeline_html)
        for model in ("res.users", "no.such.model"):
            line.model = model
            self.assertFalse(line.who or line.subject or line.timeline_html)
        with self.assertRaises(UserError):
            line.write({"model": inbound._name})
            line.action_open()

    # ------------------------------------------------------------------
    # Timeline
    # ------------------------------------------------------------------

    def test_of_a_mail_that_came_back(self):
        message, rows = self.sent(self.bob)
        inbound = self.report_in(says(failed("bob@exmaple.com"), ids=[message.message_id]))
        row = rows[self.bob]
        for record in (row, inbound):
            with self.subTest(record._name):
                entries = self.env["spp.email.find"].with_user(self.officer)._timeline(record.with_user(self.officer))
                told = {(entry.model, entry.record_id) for entry in entries}
                self.assertLessEqual({(row._name, row.id), (inbound._name, inbound.id)}, told)
                problem = next(entry for entry in entries if entry.is_problem)
                self.assertIn("It came back: The address does not exist.", problem.words)
                moments = [entry.moment for entry in entries if entry.moment and not entry.is_ahead]
                self.assertEqual(moments, sorted(moments))

    def test_of_a_message_that_became_a_record(self):
        self.alias("help")
        inbound = self.receive(eml(To="help@gateway.test", Subject="Goat"))
        self.env["spp.email.audit"].with_user(self.officer)._note("opened", inbound)
        words = self.words(inbound)
        self.assertIn("Arrived", words[0])
        self.assertIn(f"Made the record res.partner {inbound.res_id}", words)
        self.assertTrue(any(one.startswith("Opened it") for one in words))
        self.assertFalse(any(one.startswith("Opened it") for one in self.words(inbound, self.viewer)))
        html = self.find(inbound.message_id).line_ids.filtered(lambda line: line.kind == "incoming").timeline_html
        self.assertIn(f"/odoo/email-journal/{inbound.id}", html)

    def test_a_timeline_is_a_click_away_and_for_whoever_sees_the_row(self):
        row = self.refused("bob@exmaple.com")
        for user in (self.viewer, self.officer, self.manager):
            action = row.with_user(user).action_timeline()
            line = self.env[action["res_model"]].with_user(user).browse(action["res_id"])
            self.assertIn("Check its spelling", line.timeline_html)
        inbound = self.journal(eml(), company=self.other_company)
        with self.assertRaises(AccessError):
            inbound.with_user(self.officer).action_timeline()

    def test_each_exact_search_has_its_index(self):
        query = mail_query("bob@exmaple.com")
        inbound, delivery = self.env["spp.email.inbound"], self.env["spp.email.delivery"]
        self.journal(eml())
        self.refused("bob@exmaple.com")
        self.env.flush_all()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        for model, domain, index in (
            (inbound, _among(inbound._table, _wrote(query.address)), "person_sender"),
            (inbound, _among(inbound._table, _wrote(query.address)), "person_return_path"),
            (delivery, _among(delivery._table, _is(query.address, SQL("lower(recipient)"))), "person_recipient"),
        ):
            with self.subTest(index):
                select = model._search(domain, order="id desc", limit=80).select()
                plan = "\n".join(row[0] for row in self.env.execute_query(SQL("EXPLAIN %s", select)))
                self.assertIn(index, plan)
        for model, column in ((inbound, "message_id"), (delivery, "message_id"), (delivery, "remote_message_id")):
            with self.subTest(model=model._name, column=column):
                found = self.sql(
                    "SELECT count(*) FROM pg_indexes WHERE tablename = %s AND indexdef LIKE %s",
                    model._table, f"%({column})%",
                )  # fmt: skip
                self.assertGreaterEqual(found[0][0], 1)

    def test_of_quarantine_and_a_copy(self):
        content = eml(To="nobody@gateway.test")
        first, second = self.receive(content), self.receive(content)
        words = self.words(first)
        self.assertTrue(any("Quarantined" in one for one in words), words)
        told = {entry.record_id for entry in self.env["spp.email.find"]._timeline(first)}
        self.assertLessEqual({first.id, second.id}, told)
