# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is held about one address is found, given out and erased, and nothing of anybody else."""

import base64
import io
import json
import zipfile

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from ..engine.person_address import person_address
from ..models import spp_email_personal_erasure as erasure
from ..models import spp_email_personal_export as export
from .common import eml
from .test_sent_content import SentCase

ANN = "ann@ngo.example"


@tagged("post_install", "-at_install")
class TestPersonalData(SentCase):
    def setUp(self):
        super().setUp()
        self.data = self.env["spp.email.personal.data"].with_user(self.manager)

    def search(self, address=ANN, user=None, **values):
        wizard = (
            self.env["spp.email.data.search"].with_user(user or self.manager).create({"address": address, **values})
        )
        wizard.action_search()
        return wizard

    def found(self, wizard):
        return {line.place: line.found_count for line in wizard.line_ids}

    def erase(self, wizard):
        with self.own_cursors():
            wizard.action_erase()
        wizard.invalidate_recordset()
        return self.env["spp.email.data.request"].browse(wizard.request_row)

    def written(self, sender=f"Ann Smith <{ANN}>", **values):
        """Return the journal row of a message that was processed."""
        return self.receive(eml(**{"From": sender, "Subject": "My case", **values}), self.box)

    @property
    def box(self):
        boxes = self.env["fetchmail.server"].search([("name", "=", "Box")], limit=1)
        return boxes or self.mailbox()

    def test_a_support_package_of_hers_is_emptied(self):
        inbound = self.written()
        dialog = self.env["spp.email.package"].with_user(self.manager)
        dialog = dialog.create({"model": inbound._name, "res_id": inbound.id, "content": "whole"})
        dialog.action_make()
        self.assertTrue(dialog.archive)
        self.erase(self.search())
        dialog.invalidate_recordset()
        self.assertFalse(dialog.archive)

    def everywhere(self):
        """Put the address everywhere; return what was made, by name."""
        made = {"incoming": self.written(), "detail": self.written("ann+case@NGO.example")}
        made["other"] = self.written("Ben <ben@ngo.example>", To=ANN)
        made["delivery"], made["sent"] = self.sent(recipient="Ann@ngo.example", partner_id=self.bob.id, smtp_text=ANN)
        made["kept"], _content = self.sent(recipient="ben@ngo.example")
        listed = self.env["spp.email.suppression"]
        made["asked"] = listed.create({"address": ANN, "company_id": self.company.id, "note": "Ann told us"})
        made["bounced"] = listed.create({"address": "ann+x@ngo.example", "company_id": self.company.id})
        self.sql(
            "UPDATE spp_email_suppression SET reason = 'hard_bounce' WHERE id = %s RETURNING id", made["bounced"].id
        )
        listed.invalidate_model()
        self.env["spp.email.suppression.count"]._add(self.company.id, ANN, made["asked"].entered_date.date())
        return made

    def test_everything_is_found_whatever_way_it_is_written(self):
        self.everywhere()
        for typed in (ANN, " ANN@NGO.EXAMPLE", f"Ann Smith <{ANN}>"):
            found = self.found(self.search(typed))
            with self.subTest(typed):
                self.assertEqual(
                    {
                        name: found.get(name)
                        for name in ("incoming", "content", "delivery", "sent", "suppression", "soft")
                    },
                    {"incoming": 2, "content": 2, "delivery": 1, "sent": 1, "suppression": 2, "soft": 1},
                )
        self.assertEqual(self.found(self.search(with_details=False))["incoming"], 1)
        self.assertEqual(self.found(self.search("nobody@ngo.example")), {})
        # A pattern is a text like any other.
        self.assertEqual(self.found(self.search("%@ngo.example")), {})
        self.assertEqual(self.found(self.search("an_@ngo.example")), {})

    def test_a_transcript_with_the_address_goes_and_others_stay(self):
        made = [
            self.env["spp.email.transcript"].create(
                {"fetchmail_server_id": self.box.id, "protocol": "imap", "date": "2026-01-01", "text": text}
            )
            for text in (f"0.1 > RCPT TO:<{ANN.upper()}>", "0.1 > RCPT TO:<ben@ngo.example>")
        ]
        wizard = self.search()
        self.assertEqual(self.found(wizard), {"transcript": 1})
        self.erase(wizard)
        self.assertEqual([bool(one.exists()) for one in made], [False, True])

    def test_copies_that_followers_got_go_with_the_message(self):
        inbound = self.written(Subject="My secret case")
        self.assertTrue(inbound.mail_message_id)
        relayed = {"mail_message_id": inbound.mail_message_id.id, "subject": "My secret case", "email_from": ANN}
        row, copy = self.sent(recipient="desk@office.example", **relayed)
        copy.mail_message_id = inbound.mail_message_id
        held, kept = self.sent(recipient="judge@office.example", **relayed)
        kept.mail_message_id, held.is_held = inbound.mail_message_id, True
        other, others = self.sent(recipient="desk@office.example", subject="Another case")
        self.assertEqual(self.found(self.search())["relayed"], 2)
        report = self.erase(self.search())
        self.assertEqual(report.counts["relayed"], 1)
        self.env.invalidate_all()
        self.assertEqual([bool(one.exists()) for one in (copy, kept, others)], [False, True, True])
        self.assertEqual((row.subject, row.email_from, row.recipient), (False, False, "desk@office.example"))
        self.assertEqual((held.subject, other.subject), ("My secret case", "Another case"))

    def test_the_address_goes_out_of_kept_changes(self):
        box = self.mailbox(name="Of Ann", user="ANN@ngo.example")
        box.user = "ben@ngo.example"
        changes = self.env["spp.email.change"]
        of_box = [("model", "=", "fetchmail.server"), ("res_id", "=", box.id), ("field", "=", "user")]
        before = changes.search(of_box, order="id")
        self.assertIn("ANN@ngo.example", "".join(filter(None, (*before.mapped("old"), *before.mapped("new")))))
        wizard = self.search()
        self.assertEqual(self.found(wizard)["change"], len(before))
        report = self.erase(wizard)
        self.assertEqual(report.counts["change"], len(before))
        self.env.invalidate_all()
        after = changes.search(of_box, order="id")
        texts = [text for change in after for text in (change.old, change.new)]
        self.assertFalse([text for text in texts if text and "ann@" in text.lower()])
        self.assertIn("erased@erased.invalid", texts)
        self.assertIn("ben@ngo.example", texts)
        self.assertEqual((after, after.mapped("date")), (before, before.mapped("date")))

    def test_the_trail_of_an_erased_delivery_leads_to_nobody(self):
        delivery, _content = self.sent(recipient=ANN)
        self.env["spp.email.audit"].with_user(self.manager)._note("opened", delivery, "by her words")
        self.erase(self.search())
        trail = self.env["spp.email.audit"].search([("model", "=", delivery._name), ("res_id", "=", delivery.id)])
        self.assertEqual(sorted(trail.mapped("action")), ["erased", "opened"])
        self.assertFalse(any(trail.mapped("message_digest")) or any(trail.mapped("detail")))

    def test_names_of_domains_in_both_spellings(self):
        self.written("ann@xn--bcher-kva.example")
        self.row("ann@bücher.example", "sent")
        for typed in ("ann@bücher.example", "ann@XN--BCHER-KVA.example"):
            with self.subTest(typed):
                found = self.found(self.search(typed))
                self.assertEqual((found.get("incoming"), found.get("delivery")), (1, 1))

    def test_return_path_and_who_wrote_a_forwarded_mail_count(self):
        one = self.written("office@other.example")
        self.sql("UPDATE spp_email_inbound SET envelope_sender = 'Ann@ngo.example' WHERE id = %s RETURNING id", one.id)
        two = self.written("desk@other.example")
        self.sql("UPDATE spp_email_inbound SET original_sender = %s WHERE id = %s RETURNING id", ANN, two.id)
        self.env.invalidate_all()
        self.assertEqual(self.found(self.search())["incoming"], 2)

    def test_what_is_no_address_is_refused(self):
        for typed in ("", "ann", "ann@a.example, ben@b.example"):
            with self.subTest(typed), self.assertRaisesRegex(UserError, "^This is not one email address. Enter one, "):
                self.search(typed)

    def test_the_file_has_all_of_it_and_nothing_of_others(self):
        made = self.everywhere()
        wizard = self.search(reference="DSR-1")
        wizard.action_export()
        archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(wizard.archive)))
        names = set(archive.namelist())
        self.assertLessEqual(
            {
                "about.json",
                "received.json",
                f"received/{made['incoming'].id}.eml",
                f"received/{made['detail'].id}.eml",
                "sent.json",
                f"sent/{made['sent'].id}.eml",
                "suppression.json",
                "soft.json",
            },
            names,
        )
        self.assertNotIn(f"received/{made['other'].id}.eml", names)
        content = self.env["spp.email.content"]._load(made["incoming"].id)
        self.assertEqual(archive.read(f"received/{made['incoming'].id}.eml"), content)
        received = json.loads(archive.read("received.json"))
        self.assertEqual({row["id"] for row in received}, {made["incoming"].id, made["detail"].id})
        self.assertEqual(received[0]["subject"], "My case")
        self.assertFalse([name for name in names if b"ben@" in archive.read(name)])
        self.assertNotIn("ann", wizard.archive_name)
        report = self.env["spp.email.data.request"].browse(wizard.request_row)
        self.assertEqual((report.request_type, report.state, report.reference), ("export", "done", "DSR-1"))
        self.assertEqual((report.user_id, report.counts["incoming"], report.counts["sent"]), (self.manager, 2, 1))
        self.assertEqual(made["incoming"].subject, "My case")

    def test_a_large_file_comes_in_parts_that_have_everything_once(self):
        rows = [self.written(Subject=f"Part {number}") for number in range(5)]
        sent = [self.sent(recipient=ANN, mail=self.mail(email_to=ANN))[0] for _number in range(3)]
        self.patch(export, "PART_ROWS", 2)
        wizard, found, parts = self.search(), [], 0
        while True:
            wizard.action_export()
            parts += 1
            archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(wizard.archive)))
            for name in ("received", "sent"):
                if f"{name}.json" in archive.namelist():
                    found += [(name, row["id"]) for row in json.loads(archive.read(f"{name}.json"))]
            if wizard.state == "done":
                break
            self.assertLess(parts, 10)
        self.assertEqual(
            sorted(found), sorted([("received", row.id) for row in rows] + [("sent", row.id) for row in sent])
        )
        report = self.env["spp.email.data.request"].browse(wizard.request_row)
        self.assertEqual((report.state, report.counts["incoming"], report.counts["delivery"]), ("done", 5, 3))

    def test_erasure_leaves_no_trace_of_the_address_in_the_gateways_tables(self):
        made = self.everywhere()
        report = self.erase(self.search(reference="DSR-2"))
        self.assertEqual((report.state, report.request_type, report.user_id), ("done", "erase", self.manager))
        counts = {
            name: report.counts.get(name) for name in ("incoming", "content", "delivery", "sent", "digest", "soft")
        }
        self.assertEqual(counts, {"incoming": 2, "content": 2, "delivery": 1, "sent": 1, "digest": 1, "soft": 1})
        self.env.flush_all()
        tables = [
            table
            for (table,) in self.sql(
                "SELECT table_name::text FROM information_schema.tables WHERE table_name LIKE %s"
                " AND table_type = 'BASE TABLE' AND table_schema = current_schema",
                r"spp\_email\_%",
            )
        ]
        for table in tables:
            # Ben's mail to her is his.
            rows = self.sql(f"SELECT row::text FROM {table} AS row WHERE row::text ILIKE %s", "%ann%@ngo.example%")  # noqa: S608
            if table == "spp_email_inbound":
                self.assertEqual(len(rows), 1, rows)
            else:
                self.assertEqual(rows, [], table)
        self.assertFalse(self.env["spp.email.content"]._load(made["incoming"].id))
        self.assertTrue(self.env["spp.email.content"]._load(made["other"].id))
        self.env.invalidate_all()
        erased, other = made["incoming"], made["other"]
        self.assertTrue(erased.erased_date and erased.digest and erased.state == "done" and erased.uid)
        self.assertFalse(erased.subject or erased.trace or erased.message_id)
        self.assertEqual(erased.display_name, "(no subject)")
        self.assertFalse(other.erased_date)
        self.assertEqual(made["delivery"].recipient, f"erased-{made['delivery'].id}@erased.invalid")
        self.assertEqual(made["kept"].recipient, "ben@ngo.example")
        self.assertFalse(made["bounced"].exists())

    def test_only_its_own_report_goes_on(self):
        """The number of the report is a value of the dialogue, and could be anybody's by RPC."""
        requests = self.env["spp.email.data.request"]
        colleague = new_test_user(self.env, "gateway_colleague", "spp_email_gateway.group_email_gateway_manager")
        person = person_address(ANN)
        reports = {
            "a colleague's": requests.with_user(colleague)._begin("erase", person),
            "about somebody else": requests.with_user(self.manager)._begin("erase", person_address("ben@ngo.example")),
            "none": requests.browse(2**30),
        }
        self.written()
        for name, report in reports.items():
            wizard = self.search()
            wizard.write({"request_row": report.id, "request_type": "erase"})
            for act in (wizard.action_erase, wizard.action_export):
                with self.subTest(name), self.own_cursors(), self.assertRaisesRegex(AccessError, "Search again"):
                    act()
            if report.exists():
                self.assertEqual((report.state, report.counts or {}), ("begun", {}))
        wizard = self.search()
        # The next part of nothing.
        wizard.next_part = {"inbound": 0, "sent": 0, "part": 2}
        with self.assertRaisesRegex(AccessError, "Search again"):
            wizard.action_export()
        mine = requests.with_user(self.manager)._begin("erase", person)
        wizard = self.search()
        wizard.write({"request_row": mine.id, "request_type": "erase"})
        self.assertEqual((self.erase(wizard), mine.state), (mine, "done"))

    def test_reports_of_another_company_stay(self):
        """A mail of ours may have come back to a mailbox of theirs."""
        report = self.receive(eml(Subject="Undelivered"), self.box, company=self.other_company)
        own = self.receive(eml(Subject="Undelivered too"), self.box)
        for inbound, company in ((report, self.other_company), (own, self.company)):
            inbound.write({"company_id": company.id})
            delivery, _copy = self.sent(recipient=ANN)
            delivery.report_id = inbound
        self.env.flush_all()
        self.assertFalse(report.with_user(self.manager).has_access("read"))
        result = self.erase(self.search())
        self.env.invalidate_all()
        self.assertEqual((result.counts["delivery"], result.counts["report"]), (2, 1))
        self.assertEqual((report.subject, bool(report.erased_date)), ("Undelivered", False))
        self.assertTrue(self.env["spp.email.content"]._load(report.id))
        self.assertTrue(own.erased_date)

    def test_the_dialogue_forgets_the_address_and_the_report_never_had_it(self):
        self.everywhere()
        wizard = self.search()
        report = self.erase(wizard)
        self.assertEqual((wizard.state, wizard.address), ("done", False))
        self.assertEqual(report.address_digest, person_address(ANN).digest)
        values = json.dumps(report.read()[0], default=str)
        self.assertNotIn("ngo.example", values)
        self.assertIn("Messages that the person wrote", report.counts_text)

    def test_a_fetched_message_is_known_after_erasure(self):
        inbound = self.written()
        self.erase(self.search())
        inbound.invalidate_recordset()
        entry = self.entry(b"x", self.box, uid=inbound.uid)
        with self.own_cursors():
            known = self.env["spp.email.inbound"].search_count(
                [("server_key", "=", entry.server_key), ("uid", "=", inbound.uid)]
            )
        self.assertEqual(known, 1)

    def test_who_asked_not_to_be_written_to_is_not_written_to(self):
        made = self.everywhere()
        self.erase(self.search())
        self.env.invalidate_all()
        self.assertEqual(made["asked"].address, person_address(ANN).digest)
        self.assertFalse(made["asked"].note or made["asked"].event_ids)
        refused = self.env["spp.email.suppression"]._refusals(
            ["Ann@ngo.example", "ben@ngo.example"], self.company.id, "mass"
        )
        self.assertEqual(set(refused), {"Ann@ngo.example"})
        # A second request finds the digest, and leaves it.
        wizard = self.search()
        self.assertEqual(self.found(wizard), {"suppression": 1})
        report = self.erase(wizard)
        self.assertEqual((report.counts or {}, [kept["place"] for kept in report.kept]), ({}, ["suppression"]))

    def test_two_entries_of_one_address_become_one_digest(self):
        listed = self.env["spp.email.suppression"]
        for _number in range(2):
            listed.create({"address": ANN, "company_id": self.company.id})
            self.erase(self.search())
        self.assertEqual(listed.search_count([("address", "=", person_address(ANN).digest)]), 1)

    def test_a_legal_hold_keeps_mail_and_the_report_says_so(self):
        held, free = self.written(), self.written()
        held.with_user(self.officer).action_hold()
        row, content = self.sent(recipient=ANN)
        row.with_user(self.officer).action_hold()
        wizard = self.search()
        self.assertIn("1 under legal hold stay", wizard.line_ids.filtered(lambda line: line.place == "incoming").why)
        report = self.erase(wizard)
        self.env.invalidate_all()
        self.assertEqual((bool(held.erased_date), held.subject, bool(free.erased_date)), (False, "My case", True))
        self.assertEqual((row.recipient, content.exists()), (ANN, content))
        kept = {kept["place"]: (kept["count"], kept["why"]) for kept in report.kept}
        self.assertEqual(kept["incoming"], (1, "1 under legal hold stay"))
        self.assertEqual(kept["delivery"], (1, "1 under legal hold stay"))

    def test_what_waits_stays_unless_it_is_given_up(self):
        waiting = self.receive(eml(From=ANN, Subject="Nowhere"), key="b" * 32)
        self.assertEqual(waiting.state, "quarantined")
        queued = self.row(ANN, "queued")
        wizard = self.search()
        self.assertTrue(wizard.has_waiting)
        report = self.erase(wizard)
        self.env.invalidate_all()
        self.assertEqual((waiting.state, waiting.subject, queued.recipient), ("quarantined", "Nowhere", ANN))
        self.assertIn("1 wait, and stay unless they are given up", {kept["why"] for kept in report.kept})
        report = self.erase(self.search(include_waiting=True))
        self.env.invalidate_all()
        self.assertEqual((waiting.state, waiting.subject), ("discarded", False))
        self.assertEqual((queued.state, queued.recipient), ("cancelled", f"erased-{queued.id}@erased.invalid"))
        self.assertEqual((report.counts["discarded"], report.counts["cancelled"]), (1, 1))

    def test_a_report_about_her_mail_goes_with_it(self):
        bounce = self.written("mailer-daemon@mx.example")
        row = self.row(ANN, "bounced", report_id=bounce.id)
        self.assertEqual(self.found(self.search())["report"], 1)
        self.erase(self.search())
        self.env.invalidate_all()
        self.assertTrue(bounce.erased_date and row.erased_date)
        self.assertFalse(self.env["spp.email.content"]._load(bounce.id))

    def test_it_goes_on_where_its_time_ended(self):
        self.patch(erasure, "BATCH", 1)
        rows = [self.written() for _number in range(3)]
        person = person_address(ANN)
        with self.own_cursors():
            removed, is_done = self.data._erase(person, budget=0)
        self.assertEqual((removed["incoming"], is_done), (1, False))
        report = self.erase(self.search())
        self.env.invalidate_all()
        self.assertTrue(all(row.erased_date for row in rows))
        self.assertEqual(report.counts["incoming"], 2)

    def test_the_question_is_answered_by_indexes(self):
        self.written()
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        person = person_address("ann@bücher.example")
        for place, indexes in (
            ("spp.email.inbound", ("person_sender", "person_return_path", "person_original")),
            ("spp.email.delivery", ("person_recipient",)),
        ):
            query = self.env[place]._search(self.data._domains(person)[place], order="id", limit=500)
            plan = "\n".join(line for (line,) in self.env.execute_query(SQL("EXPLAIN %s", query.select())))
            self.assertNotIn("Seq Scan", plan)
            for index in indexes:
                self.assertIn(f"_{index}_index", plan)

    def test_only_managers_ask_and_only_for_their_companies(self):
        for user in (self.plain, self.viewer, self.officer, self.portal):
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    self.search(user=user)
                for ask in ("_count", "_export", "_erase"):
                    with self.assertRaises(AccessError):
                        getattr(self.data.with_user(user), ask)(person_address(ANN))
                with self.assertRaises(AccessError):
                    self.env["spp.email.data.request"].with_user(user).search_count([])
        foreign = self.written()
        self.sql(
            "UPDATE spp_email_inbound SET company_id = %s WHERE id = %s RETURNING id", self.other_company.id, foreign.id
        )
        self.env.invalidate_all()
        self.assertEqual(self.found(self.search()), {})
        with self.own_cursors():
            self.data._erase(person_address(ANN))
        foreign.invalidate_recordset()
        self.assertEqual(foreign.subject, "My case")

    def test_nobody_changes_a_report(self):
        report = self.erase(self.search())
        for user in (self.officer, self.manager):
            for change in (lambda one: one.write({"counts": {}}), lambda one: one.unlink()):
                with self.assertRaises(AccessError):
                    change(report.with_user(user))

    def test_a_search_is_ones_own(self):
        wizard = self.search()
        other = self.manager.copy({"login": "gateway_manager_2"})
        self.assertFalse(wizard.with_user(other).search([("id", "=", wizard.id)]))
