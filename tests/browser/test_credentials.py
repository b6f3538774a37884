# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A password that was saved is seen nowhere again: neither on the page nor in any answer of the server."""

from __future__ import annotations

import base64
import re

from .case import BrowserCase

SECRET = "correct-horse-4711"
# Files of the web client itself.
ASSETS = re.compile(r"/web/(assets|static|image)|/bus/|/websocket|\.(js|css|png|svg|woff2?)(\?|$)")


class TestCredentials(BrowserCase):
    def setUp(self):
        super().setUp()
        self.leaks, self.looked_at = [], []
        self.page.route(lambda url: url.startswith(self.url) and not ASSETS.search(url), self.look)

    def look(self, route):
        answer = route.fetch(max_redirects=0)
        self.looked_at.append(route.request.url)
        if SECRET.encode() in answer.body():
            self.leaks.append(route.request.url)
        route.fulfill(response=answer)

    def shown(self):
        """All that the page holds, typed values included."""
        values = self.page.eval_on_selector_all("input, textarea", "all => all.map(one => one.value)")
        return self.page.content() + "\n".join(values)

    def check(self, path, field):
        self.assertNotIn(SECRET, self.shown())
        here = self.page.url
        self.page.reload()
        self.wait_for_view()
        self.assertNotIn(SECRET, self.shown())
        # Another change writes the form back without the password.
        self.fill("Name", "Renamed")
        self.save()
        self.open(path)
        self.page.locator(".o_data_row", has_text="Renamed").first.click()
        self.page.wait_for_selector(".o_form_sheet")
        self.assertEqual(self.page.url.rpartition("/")[2], here.rpartition("/")[2])
        widget = self.page.locator(f"[name={field}]")
        mask = widget.locator("input").input_value() if widget.locator("input").count() else widget.inner_text()
        self.assertRegex(mask, r"^[•*]+$")
        self.assertNotIn(SECRET, self.shown())
        self.assertGreater(len([url for url in self.looked_at if "/call_kw/" in url]), 5)
        self.assertEqual(self.leaks, [])
        return int(here.rpartition("/")[2])

    def test_outgoing(self):
        self.open("outgoing-email-servers/new")
        self.fill("Name", "Secret")
        self.fill("Username", "relay@example.test")
        self.fill("Password", SECRET)
        self.fill("SMTP Server", "localhost")
        self.save()
        server = self.check("outgoing-email-servers", "smtp_pass")
        kept = self.ask("answer = env['ir.mail_server'].browse(server)._credential().secret", server=server)
        self.assertEqual(kept, SECRET)

    def test_incoming(self):
        self.open("incoming-email-servers/new")
        self.fill("Name", "Secret")
        self.fill("Server Name", "localhost")
        self.fill("Username", "secret@example.test")
        self.fill("Password", SECRET)
        self.save()
        server = self.check("incoming-email-servers", "password")
        kept = self.ask("answer = env['fetchmail.server'].browse(server)._credential().secret", server=server)
        self.assertEqual(kept, SECRET)

    def test_a_failing_test_does_not_tell_it(self):
        self.open("outgoing-email-servers/new")
        self.fill("Name", "Secret")
        self.fill("Username", "relay@example.test")
        self.fill("Password", SECRET)
        self.fill("SMTP Server", "localhost")
        self.choose("SMTP Port", "Another port")
        self.page.locator("[name=smtp_port] input").fill(str(self.world.postfix.submission))
        self.tab("Certificate")
        self.fill("Private CA", self.sandbox.ca_certificate)
        self.press("Test Connection")
        self.assertIn("Check the field “Password”.", self.refusal())
        self.assertNotIn(SECRET, self.shown())
        self.assertEqual(self.leaks, [])

    def test_a_private_key(self):
        server = self.ask(
            "import base64\n"
            "answer = env['ir.mail_server'].create({'name': 'Certified', 'smtp_host': 'localhost',"
            " 'smtp_encryption': 'ssl', 'smtp_authentication': 'certificate',"
            " 'smtp_ssl_certificate': base64.b64encode(b'certificate'),"
            " 'smtp_ssl_private_key': base64.b64encode(secret.encode())}).id",
            secret=SECRET,
        )
        self.addCleanup(self.ask, f"env['ir.mail_server'].browse({server}).unlink()")
        self.open(f"outgoing-email-servers/{server}")
        widget = self.page.locator("[name=smtp_ssl_private_key]")
        widget.wait_for()
        shown = widget.locator("input").first.input_value() if widget.locator("input").count() else widget.inner_text()
        self.assertIn("••••", shown)
        self.screenshot("private-key")
        self.fill("Name", "Certified anew")
        self.save()
        self.assertEqual(self.leaks, [])
        kept = self.ask(
            "from odoo.addons.spp_email_gateway.models.sealed_field import revealing\n"
            "answer = revealing(env['ir.mail_server'].browse(id)).smtp_ssl_private_key.decode()",
            id=server,
        )
        self.assertEqual(kept, base64.b64encode(SECRET.encode()).decode())

    def test_general_settings(self):
        self.ask("env['ir.config_parameter'].set_param('base_setup.default_external_email_server', 'True')")
        key = "google_gmail_client_secret"
        for attempt in ("typed", "shown and saved again"):
            with self.subTest(attempt):
                self.page.goto(f"{self.url}/odoo/settings")
                secret = self.page.locator(f"[name={key}] input")
                # Odoo's own addon shows the same field.
                secret.wait_for()
                if attempt == "typed":
                    secret.fill(SECRET)
                    self.page.locator("[name=google_gmail_client_identifier] input").fill("client")
                else:
                    self.assertRegex(secret.input_value(), "^•+$")
                    self.assertNotIn(SECRET, self.shown())
                    self.page.locator("[name=google_gmail_client_identifier] input").fill("another client")
                self.page.click(".o_form_button_save")
                self.page.wait_for_selector(".o_form_button_save", state="hidden")
                kept = self.ask(
                    "from odoo.addons.spp_email_gateway.models.sealed_field import revealing\n"
                    "answer = revealing(env['ir.config_parameter']).get_param(key)",
                    key=key,
                )
                self.assertEqual(kept, SECRET)
        self.page.goto(f"{self.url}/odoo/action-base.ir_config_list_action?debug=1")
        self.addCleanup(lambda: self.page.goto(f"{self.url}/odoo?debug=0"))
        self.page.locator(".o_searchview_input").fill(key)
        self.page.keyboard.press("Enter")
        row = self.page.locator(".o_data_row", has_text=key)
        row.wait_for()
        self.assertIn("••••", row.inner_text())
        self.assertNotIn(SECRET, self.shown())
        self.assertEqual(self.leaks, [])
