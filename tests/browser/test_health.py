# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The page that says what is wrong."""

from __future__ import annotations

from .case import BrowserCase, letter


class TestHealth(BrowserCase):
    def test_check_now(self):
        self.ask("env['spp.email.health'].with_context(active_test=False).search([]).unlink()")
        self.open_app("Email Gateway", "Health")
        self.assertIn("The last check found nothing wrong", self.page.locator(".o_list_view").inner_text())
        self.press("Check Now")
        row = self.page.locator(".o_data_row", has_text="Passwords are stored in clear text")
        row.wait_for()
        self.assertEqual(row.locator("[name=state] .badge").inner_text(), "Warning")
        self.assertIn("No credential key is configured.", row.inner_text())
        self.assertIn("SPP_EMAIL_GATEWAY_KEY", row.inner_text())
        # Something else goes wrong; the next look shows it.
        self.fetched("quarantine", letter("Health"), user="quarantine@example.test")
        self.press("Check Now")
        self.page.locator(".o_data_row", has_text="Incoming messages wait in quarantine").wait_for()
        self.screenshot("health")
        row.locator("td[name=title]").click()
        self.page.wait_for_selector(".o_form_sheet")
        self.assertIn("SPP_EMAIL_GATEWAY_KEY", self.page.locator(".o_form_sheet [name=cure]").inner_text())
        # A manager is told without looking here.
        self.page.locator(".o-mail-Activity", has_text="Passwords are stored in clear text").first.wait_for()
