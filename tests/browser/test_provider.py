# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin chooses a provider, or looks for the settings of an address."""

from __future__ import annotations

from .case import BrowserCase

LINES = """
server = env["ir.mail_server"].create({"name": "Old", "smtp_host": "old.example.test"})
# A search is its own user's.
answer = [server.id, env["spp.email.discovery"].with_user(env.ref("base.user_admin")).create({
    "kind": "outgoing", "address": "ann@example.org", "is_done": True, "server_id": server.id,
    "line_ids": [
        (0, 0, {"protocol": "smtp", "host": "mail.example.org", "port": 465, "security": "tls",
                "user": "ann@example.org", "origin": "srv"}),
        (0, 0, {"protocol": "smtp", "host": "smtp.hoster.example", "port": 587, "security": "starttls",
                "user": "ann@example.org", "origin": "autoconfig", "is_elsewhere": True}),
    ],
}).id]
"""


class TestProvider(BrowserCase):
    def begin(self):
        self.open_app("Email Gateway", "Outgoing", "Outgoing Email Servers")
        self.press("New")
        self.page.wait_for_selector(".o_form_sheet")

    def test_a_preset_fills_the_form_and_says_what_the_secret_is(self):
        self.begin()
        self.choose("Provider", "Mailjet")
        self.assertEqual(self.value("SMTP Server"), "in-v3.mailjet.com")
        self.assertEqual(self.value("SMTP Port"), "587: submission with STARTTLS, the usual choice")
        self.assertEqual(self.value("Name"), "Mailjet")
        self.assertIn("The user name is the API key and the password the secret key", self.alerts()[0])
        self.screenshot("provider-preset")
        self.choose("Provider", "Infomaniak")
        self.assertEqual(self.value("SMTP Server"), "mail.infomaniak.com")
        self.assertIn(("SSL/TLS", True), self.radio("Connection Encryption"))
        self.tab("Limits")
        self.assertEqual(self.value("Limit a Day"), "1,440")

    def test_a_relay_without_login_stays_on_its_port(self):
        self.begin()
        self.choose("Provider", "Microsoft 365 relay (no login)")
        self.assertEqual(self.value("SMTP Port"), "25: between servers, often blocked")
        self.assertIn(("TLS (STARTTLS)", True), self.radio("Connection Encryption"))
        self.assertIn("MX record of your domain", self.alerts()[0])

    def test_nothing_is_found(self):
        self.open_app("Email Gateway", "Outgoing", "Outgoing Email Servers")
        self.press("Find Settings")
        self.page.wait_for_selector(".modal .o_form_view")
        self.page.locator(".modal [name=address] input").fill("ann@nowhere-at-all.test")
        self.page.locator(".modal button[name=action_find]").locator("visible=true").click()
        told = self.page.locator(".modal .alert").locator("visible=true")
        told.wait_for()
        self.assertIn("Nothing was found.", told.inner_text())

    def test_what_is_found_goes_into_the_server(self):
        server, found = self.world.console.ask(LINES)
        self.page.goto(f"{self.url}/odoo/spp.email.discovery/{found}")
        self.page.wait_for_selector(".o_field_x2many .o_data_row")
        rows = [row.inner_text() for row in self.page.locator(".o_data_row").all()]
        self.assertIn("The domain's DNS names it", rows[0])
        self.page.locator(".o_data_row").first.get_by_role("button", name="Use").locator("visible=true").click()
        self.settle()
        self.page.wait_for_timeout(500)
        self.assertEqual(
            self.world.console.ask(
                "server = env['ir.mail_server'].browse(id)\n"
                "answer = [server.smtp_host, server.smtp_port, server.smtp_encryption]",
                id=server,
            ),
            ["mail.example.org", 465, "ssl_strict"],
        )
