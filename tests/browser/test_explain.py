# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin asks which server a mail would leave through, and with which From."""

from __future__ import annotations

from .case import BrowserCase

SETUP = """
env["ir.mail_server"].search([]).active = False
company = env.company
env.ref("base.user_admin").email = "admin@example.test"
domain = env["mail.alias.domain"].search([("name", "=", "example.test")]) or env["mail.alias.domain"].create(
    {"name": "example.test", "default_from": "notifications"})
domain.default_from = "notifications"
company.alias_domain_id = domain
env["ir.mail_server"].create([
    {"name": "Provider", "smtp_host": "smtp.provider.test", "sequence": 1},
    {"name": "Campaigns", "smtp_host": "smtp.campaigns.test", "sequence": 5, "from_filter": "news.example.test"},
])
"""


class TestExplain(BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.world.console.ask(SETUP)
        cls.addClassCleanup(
            cls.world.console.ask, "env['ir.mail_server'].search([('name', 'in', ('Provider', 'Campaigns'))]).unlink()"
        )

    def says(self, name, text):
        """Wait until the answer is this: on a busy machine it follows the question late."""
        self.page.locator(f".modal [name={name}]").get_by_text(text, exact=True).wait_for()

    def test_which_server_which_from(self):
        self.open_app("Email Gateway", "Outgoing", "Outgoing Email Servers")
        self.press("Explain")
        dialog = self.page.locator(".modal")
        dialog.wait_for()
        self.assertIn("admin@example.test", self.value("From"))
        self.fill("From", '"Mary Customer" <mary@customer.test>')
        self.says("server_name", "Provider")
        self.says("result_from", '"Mary Customer" <notifications@example.test>')
        self.assertIn("Default From: notifications@example.test", dialog.inner_text())
        self.screenshot("explain")
        self.fill("From", "editor@news.example.test")
        self.says("server_name", "Campaigns")
        self.says("result_from", "editor@news.example.test")

    def test_from_the_form_of_a_server(self):
        self.open_app("Email Gateway", "Outgoing", "Outgoing Email Servers")
        self.page.locator(".o_data_row", has_text="Campaigns").locator("td[name=name]").click()
        self.page.wait_for_selector(".o_form_sheet")
        self.assertIn("Sender's Address", self.labels())
        self.press("Explain")
        self.page.locator(".modal").wait_for()
        self.fill("From", "anybody@example.test")
        self.says("server_name", "Provider")
