# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A manager deals with the request of a person: what is held, a copy of it, its erasure, and the report that stays."""

from __future__ import annotations

import zipfile

from .case import BrowserCase

HELD = """
from odoo import fields
mail = env["mail.mail"].create({"subject": "Your case", "body_html": "<p>x</p>", "email_to": "maria@remote.test"})
env["spp.email.delivery"].create([
    {"mail_id": mail.id, "recipient": "Maria@remote.test", "state": "sent", "subject": "Your case"},
    {"recipient": "joseph@remote.test", "state": "sent", "subject": "His case"},
])
mail.state = "sent"
env["spp.email.suppression"].create({"address": "maria@remote.test", "note": "asked by phone"})
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
content = b"From: Maria <maria@remote.test>\\r\\nTo: help@example.test\\r\\nSubject: My case\\r\\n"
content += b"Message-ID: <m%d@remote.test>\\r\\n\\r\\nHelp"
env["spp.email.journal"]._write_entries([
    JournalEntry("b" * 32, "INBOX", "1", str(number), content % number, company_id=env.company.id)
    for number in range(3)
])
env["spp.email.lane"]._process_due()
"""


class TestPersonalData(BrowserCase):
    def test_a_request_from_the_question_to_the_report(self):
        last = self.ask("answer = env['spp.email.delivery'].search([], limit=1, order='id desc').id or 0")
        self.ask(HELD)
        # They are in quarantine: they reach no alias. One is decided.
        ids = self.ask(
            "rows = env['spp.email.inbound'].search([('sender', '=', 'maria@remote.test')], order='id')\n"
            "rows[:2].action_discard('spam')\nrows[0].action_hold()\nanswer = rows.ids"
        )
        # Others clear the journal.
        self.addCleanup(self.ask, "env['spp.email.inbound'].browse(id).action_release()", id=ids[0])
        self.open_app("Email Gateway")
        for entry in ("Configuration", "Personal Data of an Address"):
            self.page.locator(".o_menu_sections, .o-dropdown--menu").get_by_text(entry, exact=True).last.click()
        dialog = self.page.locator(".modal-content")
        dialog.locator(".o_field_widget[name=address] input").fill("Maria <MARIA@remote.test>")
        dialog.locator(".o_field_widget[name=reference] input").fill("DSR-2026-014")
        dialog.get_by_role("button", name="Search", exact=True).click()
        dialog.locator(".o_data_row", has_text="Messages that the person wrote").wait_for()
        dialog.get_by_text("1 under legal hold stay; 1 wait, and stay unless they are given up").wait_for()
        dialog.get_by_text("of 1 that say the person wants no mail a digest stays").wait_for()
        self.screenshot("personal-data-found")
        dialog.get_by_role("button", name="Export", exact=True).click()
        dialog.get_by_text("Everything is in the file.").wait_for()
        with self.page.expect_download() as download:
            dialog.locator(".o_field_widget[name=archive] a, .o_field_widget[name=archive] button").first.click()
        with zipfile.ZipFile(download.value.path()) as archive:
            self.assertEqual(sum(name.startswith("received/") for name in archive.namelist()), 3)
        self.assertNotIn("maria", download.value.suggested_filename)
        dialog.get_by_role("button", name="Erase", exact=True).click()
        sure = self.page.locator(".modal-content", has_text="removed for good")
        sure.locator("footer .btn-primary, footer .btn-danger").first.click()
        dialog.get_by_text("Done. The report of it stays.").wait_for()
        self.screenshot("personal-data-done")
        dialog.get_by_role("button", name="Open the Report").click()
        self.page.locator(".o_field_widget[name=counts_text] td", has_text="Emails to the person").first.wait_for()
        self.assertNotIn("maria", self.page.locator(".o_form_view").inner_text().lower())
        self.screenshot("personal-data-report")
        left = self.ask(
            "env.invalidate_all()\n"
            "answer = [env['spp.email.inbound'].browse(ids).mapped(lambda r: (r.subject or '', r.state)),"
            " sorted(env['spp.email.delivery'].search([('id', '>', last)]).mapped('recipient'))]",
            ids=ids,
            last=last,
        )
        self.assertEqual(sorted(left[0]), [["", "discarded"], ["My case", "discarded"], ["My case", "quarantined"]])
        self.assertEqual([one.split("@")[0].split("-")[0] for one in left[1]], ["erased", "joseph"])
