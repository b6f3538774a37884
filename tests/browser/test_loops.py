# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people see of mail that was held as a loop, and how they let it through."""

from __future__ import annotations

from .case import BrowserCase, letter

RECEIVE = """
from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry
env["ir.config_parameter"].set_param("mail.gateway.loop.threshold", "3")
env["spp.email.inbound"].search([]).write({"state": "discarded"})
env["spp.email.inbound"].search([]).unlink()
env["spp.email.loop.breaker"].search([]).unlink()
env["spp.email.journal"]._write_entries([
    JournalEntry(name, "INBOX", "1", str(number), text.encode(), company_id=env.company.id,
                 fallback={"model": "crm.lead"})
    for number, text in enumerate(messages)
])
env.cr.commit()
env["spp.email.lane"]._process_due()
env.cr.commit()
answer = env["spp.email.inbound"].search([("server_key", "=", name)], order="id").ids
"""
SCANNER = "Scanner of the District Office <scanner@district.test>"


class TestLoops(BrowserCase):
    def setUp(self):
        super().setUp()
        self.entries = self.ask(
            RECEIVE,
            name=self._testMethodName,
            messages=[letter(f"Scan {number}", sender=SCANNER).decode() for number in range(1, 7)],
        )
        self.addCleanup(self.ask, "env['ir.config_parameter'].set_param('mail.gateway.loop.threshold', False)")
        self.addCleanup(self.ask, "env['mail.gateway.allowed'].search([]).unlink()")

    def states(self):
        return self.ask("answer = env['spp.email.inbound'].browse(ids).mapped('state')", ids=self.entries)

    def test_from_the_breaker_to_the_record(self):
        self.assertEqual(self.states(), ["done"] * 3 + ["quarantined"] * 3)
        self.open_app("Email Gateway", "Incoming", "Loop Breakers")
        row = self.page.locator(".o_data_row", has_text="scanner@district.test")
        row.wait_for()
        self.assertIn("New Records of One Sender", row.inner_text())
        self.assertEqual(row.locator("[name=held_count]").inner_text(), "3")
        self.screenshot("loop-breakers")
        row.locator("td[name=who]").click()
        self.page.wait_for_selector(".o_form_sheet")
        (alert,) = self.alerts()
        self.assertIn("Mail is held until", alert)
        self.assertIn("3 mails of scanner@district.test made records within 120 minutes", alert)
        self.screenshot("loop-breaker")
        self.page.locator("button[name=action_open_held]").click()
        self.page.locator(".o_data_row").nth(2).wait_for()
        self.page.locator(".o_data_row td[name=subject]").first.click()
        self.page.wait_for_selector(".o_form_sheet")
        (alert,) = self.alerts()
        self.assertIn("It looks like a mail loop", alert)
        self.assertIn("no more than 3 are let in.", alert)
        self.screenshot("quarantine-loop")
        self.press("Release")
        dialog = self.page.locator(".modal-content")
        dialog.locator("[name=sender_text]").get_by_text("scanner@district.test").wait_for()
        self.screenshot("quarantine-loop-release")
        dialog.get_by_role("button", name="Release", exact=True).click()
        self.page.locator(".modal-content").wait_for(state="detached")
        self.page.locator(".o_breadcrumb", has_text="Scan").wait_for()
        self.assertEqual(self.states().count("done"), 4)

    def test_many_are_released_and_the_sender_is_allowed(self):
        self.open("email-quarantine")
        self.page.locator(".o_switch_view.o_list").click()
        self.page.locator(".o_data_row").nth(2).wait_for()
        self.page.locator("thead .o_list_record_selector input").click()
        self.press("Release")
        dialog = self.page.locator(".modal-content")
        dialog.locator("[name=is_allowed] input").check()
        dialog.get_by_role("button", name="Release", exact=True).click()
        self.assertIn("3 messages were processed.", self.notification())
        self.assertEqual(set(self.states()), {"done"})
        self.assertEqual(
            self.ask("answer = env['mail.gateway.allowed'].search([]).mapped('email_normalized')"),
            ["scanner@district.test"],
        )
        self.assertEqual(self.ask("answer = env['spp.email.loop.breaker'].search_count([('is_open', '=', True)])"), 0)

    def test_a_manager_resets_a_breaker(self):
        self.open("email-loop-breakers")
        self.page.locator(".o_data_row", has_text="scanner@district.test").locator("button[name=action_reset]").click()
        self.page.locator(".modal-footer .btn-primary").click()
        self.page.locator(".modal-content").wait_for(state="detached")
        self.assertEqual(self.ask("answer = env['spp.email.loop.breaker'].search_count([('is_open', '=', True)])"), 0)


class TestOfficer(BrowserCase):
    login = "officer"

    def test_an_officer_releases_and_does_not_reset(self):
        (entry,) = self.ask(
            RECEIVE,
            name=self._testMethodName,
            messages=[letter(f"Scan {number}", sender=SCANNER).decode() for number in range(1, 5)],
        )[3:]
        self.addCleanup(self.ask, "env['ir.config_parameter'].set_param('mail.gateway.loop.threshold', False)")
        self.open("email-loop-breakers")
        self.page.locator(".o_data_row", has_text="scanner@district.test").wait_for()
        self.assertEqual(self.page.locator("button[name=action_reset]").count(), 0)
        self.open(f"email-quarantine/{entry}")
        self.press("Release")
        dialog = self.page.locator(".modal-content")
        dialog.wait_for()
        self.assertEqual(dialog.locator("[name=is_allowed]").count(), 0)
        dialog.get_by_role("button", name="Release", exact=True).click()
        self.page.locator(".modal-content").wait_for(state="detached")
        self.assertEqual(self.ask("answer = env['spp.email.inbound'].browse(entry).state", entry=entry), "done")
