# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin records what is said to a mail server, reads it and removes it."""

from __future__ import annotations

from .case import BrowserCase

SETUP = """
env["ir.mail_server"].search([]).active = False
server = env["ir.mail_server"].create({
    "name": "My Organization's Email Server", "smtp_host": "localhost", "smtp_port": port,
    "smtp_encryption": "starttls_strict", "smtp_user": "relay@example.test", "smtp_pass": "relaypw",
    "gateway_ca_certificate": authority,
})
answer = server.id
"""


class TestTranscripts(BrowserCase):
    def open_server(self, menu, name):
        self.open_app("Email Gateway", *menu)
        self.page.locator(".o_data_row", has_text=name).first.locator("td[name=name]").click()
        self.page.wait_for_selector(".o_form_sheet")

    def start(self, screenshot=None):
        self.tab("Transcripts")
        self.press("Record a Transcript")
        self.page.locator(".modal").get_by_text("Every session with this server").wait_for()
        self.page.locator(".modal").get_by_text("1 Hour").click()
        if screenshot:
            self.screenshot(screenshot)
        self.page.locator(".modal").get_by_role("button", name="Start Recording").click()
        self.page.locator(".alert", has_text="are recorded until").locator("visible=true").wait_for()

    def read_first(self):
        """Open the newest transcript; return the dialog."""
        self.page.locator("[name=gateway_transcript_ids] .o_data_row").first.locator("td[name=date]").click()
        dialog = self.page.locator(".modal .o_spp_email_transcript")
        dialog.wait_for()
        return self.page.locator(".modal").last

    def test_outgoing(self):
        self.ask(SETUP, port=self.world.postfix.submission, authority=self.sandbox.ca_certificate)
        self.open_server(("Outgoing", "Outgoing Email Servers"), "My Organization's Email Server")
        self.assertNotIn("Debugging", self.labels())
        self.start("transcript-record")
        self.press("Test Connection")
        self.page.locator(".o_notification", has_text="Connection Test Successful").wait_for()
        self.page.reload()
        self.wait_for_view()
        self.tab("Transcripts")
        self.page.locator("[name=gateway_transcript_ids] .o_data_row").first.wait_for()
        self.screenshot("transcripts")
        dialog = self.read_first()
        text = dialog.locator(".o_spp_email_transcript").inner_text()
        for words in ("> STARTTLS", "* Encrypted: TLS", "> AUTH PLAIN [secret]", "> MAIL FROM:<***@example.test>"):
            self.assertIn(words, text)
        self.assertNotIn("relaypw", text)
        self.assertEqual(dialog.locator("textarea, .o_form_button_save").locator("visible=true").count(), 0)
        self.assertEqual(dialog.get_by_role("button", name="Save").count(), 0)
        self.screenshot("transcript")
        dialog.get_by_role("button", name="Close").last.click()
        self.press("Stop Recording")
        self.page.locator(".alert", has_text="are recorded until").locator("visible=true").wait_for(state="detached")
        self.tab("Transcripts")
        self.page.locator("[name=gateway_transcript_ids] button[name=action_remove]").first.click()
        self.page.locator("[name=gateway_transcript_ids] .o_data_row").first.wait_for(state="detached")

    def test_incoming(self):
        self.mailbox("letters")
        self.open_server(("Incoming", "Incoming Email Servers"), "Letters Mailbox")
        self.start()
        self.press("Fetch Now")
        self.page.locator(".o_notification", has_text="new messages").first.wait_for()
        self.page.reload()
        self.wait_for_view()
        self.tab("Transcripts")
        text = self.read_first().locator(".o_spp_email_transcript").inner_text()
        self.assertIn("AUTHENTICATE PLAIN", text)
        self.assertIn("> [secret]", text)

    def test_an_account_that_is_always_verified_says_so(self):
        self.ask(
            "env['ir.mail_server'].create({'name': 'Gmail Account', 'smtp_host': 'smtp.gmail.com', 'smtp_port': 587,"
            " 'smtp_encryption': 'starttls', 'smtp_authentication': 'gmail', 'smtp_user': 'ann@example.test'})"
        )
        self.open_server(("Outgoing", "Outgoing Email Servers"), "Gmail Account")
        self.page.get_by_text("certificate is always verified for accounts of this kind").locator(
            "visible=true"
        ).wait_for()
        self.assertEqual(self.page.locator(".o_notebook_headers").get_by_text("Certificate", exact=True).count(), 0)
        self.screenshot("outgoing-verified")
