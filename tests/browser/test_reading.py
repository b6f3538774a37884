# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An admin says which folders are read, what happens to the messages, and where to start in a full mailbox."""

from __future__ import annotations

from imapclient import imap_utf7

from .case import BrowserCase, letter


class TestReading(BrowserCase):
    def setUp(self):
        super().setUp()
        self.check_in(5)

    def open_mailbox(self, box, **values):
        server = self.mailbox(box, **values)
        self.open(f"incoming-email-servers/{server}")
        return server

    def test_choosing_folders(self):
        with self.dovecot._session("folders@example.test") as session:
            for name in ("Complaints", "Büro/Anträge"):
                session.create(b'"' + imap_utf7.encode(name) + b'"')
        server = self.open_mailbox("folders", name="Registry Mailbox")
        self.tab("Folders")
        self.press("Choose Folders")
        dialog = self.page.locator(".modal")
        dialog.get_by_text("Büro/Anträge", exact=True).wait_for()
        for name in ("Complaints", "Büro/Anträge"):
            row = dialog.locator(".o_data_row", has_text=name)
            row.locator("td").first.click()
            row.locator("input[type=checkbox]").first.set_checked(True)
        self.settle()
        self.screenshot("choose-folders")
        self.press("Read These Folders")
        dialog.wait_for(state="detached")
        self.page.locator(".o_field_widget[name=gateway_folder_ids] .o_data_row").nth(2).wait_for()
        chosen = self.ask(
            "answer = env['fetchmail.server'].browse(server).gateway_folder_ids.mapped('name')", server=server
        )
        self.assertEqual(sorted(chosen), ["Büro/Anträge", "Complaints", "INBOX"])
        self.screenshot("folders")

    def test_what_happens_to_the_messages(self):
        self.open_mailbox("folders", name="Second Mailbox")
        self.tab("Reading")
        self.assertIn("Keyword", self.options_of("Then"))
        self.choose("Then", "Move them to a folder")
        self.fill("Processed Folder", "Processed")
        self.choose("Failed Messages", "Move them to a folder")
        self.fill("Failed Folder", "Failed")
        self.save()
        self.screenshot("reading")
        self.choose("Then", "Delete them")
        self.assertNotIn("Failed Messages", self.labels())
        self.assertTrue([text for text in self.alerts() if "only copy" in text], self.alerts())

    def options_of(self, label):
        return " ".join(self.options(label)).replace("Mark them with a keyword", "Keyword")

    def test_where_to_start(self):
        self.dovecot.fill("archive@example.test", [letter(f"From the archive {number}") for number in range(250)])
        self.open_mailbox("archive")
        self.press("Fetch Now")
        self.assertIn("250 messages wait.", self.notification())
        self.dismiss_notifications()
        self.assertTrue([text for text in self.alerts() if "250 messages wait in this mailbox." in text], self.alerts())
        self.press("Say Where to Start")
        self.page.locator(".modal").get_by_text("Only what arrives from now on").wait_for()
        self.screenshot("where-to-start")
        self.press("Start Reading")
        self.page.locator(".modal").wait_for(state="detached")
        self.page.locator(".alert", has_text="messages wait in this mailbox").wait_for(state="hidden")
        self.press("Fetch Now")
        self.assertIn("No new messages.", self.notification())

    def test_a_message_over_the_size_limit(self):
        body = "\n".join(["x" * 70] * 20_000)
        (row,) = self.fetched("large", letter("Scans of forty forms", body), gateway_size_limit=1)
        self.open(f"action-spp_email_gateway.action_spp_email_inbound/{row}")
        self.state_is("Quarantined")
        self.assertIn("more than the size limit of its mailbox allows", self.alerts()[0])
        self.assertFalse(self.page.get_by_role("button", name="Retry", exact=True).locator("visible=true").count())
        self.screenshot("too-large")
        self.press("Fetch the Whole Message")
        self.page.get_by_role("button", name="Fetch the Whole Message").wait_for(state="hidden")
        self.wait_for_state("Quarantined")  # without an action there is no route, but the message is whole
        self.page.locator(".alert", has_text="No alias, reply or mailbox setting").wait_for()
