# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin checks a mailbox and a server step by step, finds a message with its timeline, makes a support package."""

from __future__ import annotations

import json
import zipfile

from tools import checkout, odoo_server

from .case import PASSWORD, BrowserCase

SERVER = """
env["ir.mail_server"].search([]).active = False
answer = env["ir.mail_server"].create({
    "name": "Checked Relay", "smtp_host": "localhost", "smtp_port": port,
    "smtp_encryption": "starttls_strict", "smtp_user": "relay@example.test", "smtp_pass": password,
    "gateway_ca_certificate": authority,
}).id
"""
DELIVERY = """
mail = env["mail.mail"].create({"subject": "About the lost goat", "email_from": "office@example.test",
                                "email_to": "zoe@plover.test", "body_html": "x", "state": "exception"})
answer = env["spp.email.delivery"].create({
    "mail_id": mail.id, "mail_message_id": mail.mail_message_id.id, "subject": mail.subject,
    "recipient": "zoe@plover.test",
    "state": "failed", "reason": "refused", "smtp_code": 550, "enhanced_status": "5.1.1", "attempts": 1,
    "smtp_text": "no such user here", "attempt_date": "2026-05-04 10:00:00", "final_date": "2026-05-04 10:00:00",
    "created_date": "2026-05-04 09:59:58", "message_id": mail.message_id, "company_id": env.company.id,
}).id
env["spp.email.suppression"].create({"address": "zoe@plover.test", "company_id": env.company.id})
"""
LETTER = (
    b"From: Zoe <zoe@plover.test>\r\nTo: goats@example.test\r\nSubject: My lost goat\r\n"
    b"Message-ID: <goat-1@plover.test>\r\nDate: Mon, 04 May 2026 12:00:00 +0000\r\n\r\nIt is white.\r\n"
)


class TestDiagnosis(BrowserCase):
    def dialog(self, words):
        """The dialog with these words, once it is there."""
        found = self.page.locator(".modal", has_text=words).last
        found.wait_for()
        return found

    def test_a_mailbox_step_by_step(self):
        box = self.mailbox("goats", name="Lost and Found")
        self.open(f"incoming-email-servers/{box}")
        self.press("Check Step by Step")
        dialog = self.dialog("Connection Check")
        dialog.locator(".o_spp_email_check tr").first.wait_for()
        text = dialog.inner_text()
        for words in ("Encryption", "TLSv1.3", "issued by", "The server let us in.", "Rights", "Extensions", "UIDPLUS"):
            self.assertIn(words, text)
        self.screenshot("diagnosis-check")
        dialog.get_by_role("tab", name="Transcript").click()
        dialog.locator(".o_spp_email_transcript").wait_for()
        said = dialog.locator(".o_spp_email_transcript").inner_text()
        self.assertIn("AUTHENTICATE PLAIN", said)
        self.assertNotIn(PASSWORD + "\n", said)
        dialog.get_by_role("button", name="Close").last.click()
        self.page.locator("[name=gateway_check]").get_by_text("Steps and Transcript").wait_for()
        self.screenshot("diagnosis-check-kept")

    def test_a_server_whose_login_fails(self):
        port, authority = self.world.postfix.submission, self.sandbox.ca_certificate
        server = self.ask(SERVER, port=port, authority=authority, password="not-the-password")
        self.open(f"outgoing-email-servers/{server}")
        self.press("Check Step by Step")
        dialog = self.dialog("Failed at: Login")
        self.assertIn("User name or password is wrong", dialog.inner_text())
        self.assertIn("Enter the password again", dialog.inner_text())
        self.screenshot("diagnosis-check-failed")
        dialog.get_by_role("button", name="Close").last.click()
        self.page.locator("[name=gateway_check]", has_text="Failed at: Login").wait_for()
        # The test that raises keeps what it found as well.
        self.press("Test Connection")
        self.assertIn("User name or password is wrong", self.refusal())

    def test_why_a_mail_is_not_here(self):
        inbound = self.fetched("goats", LETTER, name="Goats")[-1]
        self.ask(DELIVERY)
        self.open_app("Email Gateway", "Find a Message")
        self.fill("Address, Subject or Message-ID", "nobody@plover.test")
        self.press("Search")
        nothing = self.page.locator(".alert-info", has_text="never arrived")
        nothing.wait_for()
        self.assertIn("Mailbox “Goats” was read last at", nothing.inner_text())
        self.screenshot("diagnosis-find-nothing")
        self.fill("Address, Subject or Message-ID", "zoe@plover.test")
        self.press("Search")
        rows = self.page.locator(".o_data_row")
        self.page.locator(".o_data_row", has_text="My lost goat").first.wait_for()
        for words in ("Incoming", "Delivery", "Suppression", "The address does not exist"):
            self.assertGreaterEqual(rows.filter(has_text=words).count(), 1, words)
        self.screenshot("diagnosis-find")
        row = rows.filter(has_text="About the lost goat").filter(has_text="Delivery")
        row.get_by_role("button", name="Timeline").click()
        dialog = self.dialog("What Happened")
        text = dialog.inner_text()
        for words in ("Queued", "Check its spelling", "Suppressed Address"):
            self.assertIn(words, text)
        self.screenshot("diagnosis-timeline")
        self.package(dialog)
        self.page.goto(f"{self.url}/odoo/email-journal/{inbound}")
        self.wait_for_view()
        self.page.get_by_role("button", name="Support Package").locator("visible=true").first.wait_for()
        self.command(inbound)

    def command(self, inbound):
        """The same on the command line: ids, and nothing of what it says."""
        log = checkout.LOGS / f"find-{self.world.database}.log"
        log.unlink(missing_ok=True)
        running = odoo_server.start_command(self.world.database, "spp_email_find", "<goat-1@plover.test>", log=log)
        self.addCleanup(odoo_server.kill_group, running)
        self.assertEqual(running.wait(60), 0)
        printed = log.read_text()
        self.assertIn(f"spp.email.inbound {inbound}: Arrived", printed)
        for words in ("My lost goat", "It is white", "Zoe"):
            self.assertNotIn(words, printed)

    def package(self, dialog):
        """Make a support package out of a timeline, and read it."""
        dialog.get_by_role("button", name="Support Package").click()
        made = self.dialog("Masked: nobody's address")
        self.screenshot("diagnosis-package")
        made.get_by_role("button", name="Make the File").click()
        with self.page.expect_download() as download:
            self.page.locator(".modal .o_field_binary .o_download, .modal [name=archive] .fa-download").first.click()
        with zipfile.ZipFile(download.value.path()) as archive:
            about = json.loads(archive.read("about.json"))
            everything = b"".join(archive.read(name) for name in archive.namelist()).lower()
        self.assertTrue(about["what"].startswith("spp.email.delivery"))
        for words in (b"zoe", b"goat", b"plover"):
            self.assertNotIn(words, everything)
