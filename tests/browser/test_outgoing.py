# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin sets up the outgoing server as the guide says, without developer mode."""

from __future__ import annotations

from .case import BrowserCase

FIELDS = ("Name", "Priority", "Connection Encryption", "Username", "Password", "SMTP Server", "SMTP Port")


class TestOutgoing(BrowserCase):
    def begin(self):
        self.open_app("Email Gateway", "Outgoing", "Outgoing Email Servers")
        self.press("New")
        self.page.wait_for_selector(".o_form_sheet")

    def fill_in(self, password="relaypw"):
        """The guide's fields, for the sandbox's server."""
        self.fill("Name", "My Organization's Email Server")
        self.fill("Priority", 1)
        self.pick("TLS (STARTTLS)")
        self.fill("Username", "relay@example.test")
        self.fill("Password", password)
        self.fill("SMTP Server", "localhost")
        self.choose("SMTP Port", "Another port")
        self.page.locator("[name=smtp_port] input").fill(str(self.world.postfix.submission))
        self.tab("Certificate")
        self.fill("Private CA", self.sandbox.ca_certificate)
        self.tab("Connection")

    def test_the_form_has_the_fields_of_the_guide(self):
        self.begin()
        self.assertEqual([label for label in FIELDS if label not in self.labels()], [])
        self.assertEqual(
            self.radio("Connection Encryption"),
            [("None", False), ("TLS (STARTTLS)", True), ("SSL/TLS", False)],
        )

    def test_the_port_follows_the_encryption(self):
        self.begin()
        self.assertTrue(self.value("SMTP Port").startswith("587"))
        for encryption, port in (("SSL/TLS", "465"), ("None", "25"), ("TLS (STARTTLS)", "587")):
            with self.subTest(encryption=encryption):
                self.pick(encryption)
                self.assertTrue(self.value("SMTP Port").startswith(f"{port}:"), self.value("SMTP Port"))

    def test_a_port_of_ones_own_stays(self):
        self.begin()
        self.assertFalse(self.page.locator("[name=smtp_port]").is_visible())
        self.choose("SMTP Port", "Another port")
        number = self.page.locator("[name=smtp_port] input")
        number.fill("2587")
        number.press("Tab")
        self.pick("SSL/TLS")
        self.assertEqual(number.input_value(), "2587")
        self.assertEqual(self.value("SMTP Port"), "Another port")
        self.choose("SMTP Port", "465: submission with SSL/TLS")
        self.assertFalse(number.is_visible())

    def test_a_connection_that_works(self):
        self.begin()
        self.fill_in()
        self.screenshot("outgoing-server")
        self.press("Test Connection")
        told = self.notification()
        self.assertIn("Connection Test Successful", told)
        for line in ("Login: The server let us in.", "Nothing was sent."):
            self.assertIn(line, told)
        self.screenshot("test-connection")
        # The test saved the form.
        self.assertEqual(self.page.locator(".o_form_status_indicator_buttons.invisible").count(), 1)
        self.page.locator(".o_breadcrumb").get_by_text("Outgoing Email Servers").click()
        self.page.wait_for_selector(".o_list_view")
        row = self.page.locator(".o_data_row", has_text="My Organization's Email Server")
        self.assertIn("localhost", row.first.inner_text())

    def test_a_wrong_password_is_named(self):
        self.begin()
        self.fill_in(password="wrong")
        self.press("Test Connection")
        self.assertIn("Check the field “Password”.", self.refusal())
        # What was typed is still there, to be put right.
        self.assertEqual(self.value("SMTP Server"), "localhost")
        self.fill("Password", "relaypw")
        self.press("Test Connection")
        self.assertIn("Connection Test Successful", self.notification())

    def test_an_unknown_authority_is_named(self):
        self.begin()
        self.fill_in()
        self.tab("Certificate")
        self.fill("Private CA", "")
        self.press("Test Connection")
        self.assertIn("Check the field “Private CA”.", self.refusal())

    def test_what_is_not_safe_is_said(self):
        self.begin()
        self.assertEqual(self.alerts(), [])
        self.pick("None")
        self.assertIn("Password and mail travel in clear text.", self.alerts()[0])
        self.pick("SSL/TLS")
        self.assertEqual(self.alerts(), [])
        self.tab("Certificate")
        self.tick("Do Not Verify the Certificate")
        self.assertIn("The server's certificate is not verified", self.alerts()[0])
        self.assertNotIn("Private CA", self.labels())
