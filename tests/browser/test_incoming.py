# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin connects a mailbox as the guide says, and fetches its mail."""

from __future__ import annotations

from .case import PASSWORD, BrowserCase, letter

FIELDS = ("Name", "Server Type", "Server Name", "Port", "SSL/TLS", "Username", "Password")
ACTION = "Action to Perform on Incoming Mails"


class TestIncoming(BrowserCase):
    def begin(self):
        self.open_app("Email Gateway", "Incoming", "Incoming Email Servers")
        self.press("New")
        self.page.wait_for_selector(".o_form_sheet")

    def fill_in(self, name, password=PASSWORD):
        self.fill("Name", f"{name.title()} Mailbox")
        self.pick("IMAP Server")
        self.fill("Server Name", "localhost")
        self.fill("Port", self.dovecot.imaps)
        self.fill("Username", f"{name}@example.test")
        self.fill("Password", password)
        self.tab("Certificate")
        self.fill("Private CA", self.sandbox.ca_certificate)
        self.tab("Server & Login")

    def test_the_form_has_the_fields_of_the_guide(self):
        self.begin()
        self.assertEqual([label for label in (*FIELDS, ACTION) if label not in self.labels()], [])
        types = self.radio("Server Type")
        self.assertIn(("IMAP Server", True), types)
        self.assertIn(("POP Server", False), types)

    def test_the_port_follows_the_encryption(self):
        self.begin()
        self.assertTrue(self.field("SSL/TLS").locator("input").is_checked())
        self.assertEqual(self.value("Port"), "993")
        self.assertNotIn("STARTTLS", self.labels())
        self.tick("SSL/TLS", False)
        self.assertTrue(self.field("STARTTLS").locator("input").is_checked())
        self.assertEqual(self.value("Port"), "143")
        self.assertEqual(self.alerts(), [])
        self.pick("POP Server")
        self.assertEqual(self.value("Port"), "110")
        self.tick("SSL/TLS")
        self.assertEqual(self.value("Port"), "995")

    def test_what_is_not_safe_is_said(self):
        self.begin()
        self.tick("SSL/TLS", False)
        self.tick("STARTTLS", False)
        self.assertIn("Password and mail travel in clear text.", self.alerts()[0])
        self.tick("SSL/TLS")
        self.tab("Certificate")
        self.tick("Do Not Verify the Certificate")
        self.assertIn("The server's certificate is not verified", self.alerts()[0])

    def test_the_action_asks_for_what_it_needs(self):
        self.begin()
        self.assertEqual(self.value(ACTION), "")
        self.assertIn("waits in quarantine", self.page.locator(".o_form_sheet").inner_text())
        needs = {
            "Create a new Record": "Create a New Record",
            "Attach to a Record": "Attach to",
            "Run an Action": "Server Action",
        }
        self.assertEqual([label for label in needs.values() if label in self.labels()], [])
        self.assertEqual([option for option in self.options(ACTION) if option], list(needs))
        for option, label in needs.items():
            with self.subTest(option=option):
                self.choose(ACTION, option)
                self.assertEqual([name for name in needs.values() if name in self.labels()], [label])
        self.assertNotIn("waits in quarantine", self.page.locator(".o_form_sheet").inner_text())

    def test_from_the_form_to_the_record(self):
        self.dovecot.deliver("grievance@example.test", letter("No payment for two months"))
        self.dovecot.deliver("grievance@example.test", letter("Wrong name on the card", sender="j.mwangi@remote.test"))
        self.check_in(5)
        self.begin()
        self.fill_in("grievance")
        self.choose(ACTION, "Create a new Record")
        self.choose("Create a New Record", "Lead")
        self.press("Test & Confirm")
        told = self.notification()
        self.assertIn("Connected to folder INBOX: 2 messages, 2 of them unread.", told)
        self.assertIn("The first to be taken is of ", told)
        self.assertNotIn("+00:00", told, "a date for programs, not for people")
        self.state_is("Confirmed")
        self.dismiss_notifications()
        self.screenshot("incoming-server")
        self.press("Fetch Now")
        told = self.notification()
        self.assertIn("2 new messages.", told)
        self.assertIn("2 × A record was created", told)
        self.dismiss_notifications()
        self.page.locator(".oe_stat_button", has_text="Journal").click()
        self.page.locator(".o_data_row").get_by_text("No payment for two months").click()
        self.page.wait_for_selector(".o_form_sheet")
        self.state_is("Done")
        self.page.locator(".oe_stat_button", has_text="Record").click()
        self.page.locator(".o_form_sheet [name=stage_id], .o_form_statusbar [name=stage_id]").first.wait_for()
        self.assertIn("No payment for two months", self.page.locator(".o_control_panel").inner_text())

    def test_a_wrong_password_is_named(self):
        self.begin()
        self.fill_in("support", password="wrong")
        self.press("Test & Confirm")
        self.assertIn("Check the field “Password”.", self.refusal())
        self.state_is("Not Confirmed")

    def test_the_mailbox_of_a_person_is_questioned(self):
        self.begin()
        self.fill("Username", "support@example.test")
        self.assertEqual(self.alerts(), [])
        self.fill("Username", "Maria@example.test")
        self.assertIn("This is the address of a person.", self.alerts()[0])

    def test_pop(self):
        self.begin()
        self.fill_in("support")
        self.pick("POP Server")
        self.fill("Port", self.dovecot.pop3s)
        self.press("Test & Confirm")
        self.assertIn("Connected: 0 messages in the mailbox.", self.notification())
        self.state_is("Confirmed")
