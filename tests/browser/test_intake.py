# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A manager opens a door for mail: makes an intake, sees its token once, uploads messages."""

from __future__ import annotations

import http.client
import tempfile
from pathlib import Path

from ..system.case import wait_for
from .case import BrowserCase, letter

SEPARATOR = b"From amina@remote.test Tue Jun  3 10:00:00 2025\n"


class TestIntake(BrowserCase):
    def token_shown(self):
        dialog = self.page.locator(".modal", has_text="It is shown only this once")
        dialog.wait_for()
        return dialog.locator("[name=token]").inner_text().split()[0]

    def post(self, token, content):
        connection = http.client.HTTPConnection("127.0.0.1", self.world.server.port, timeout=30)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "message/rfc822"}
        connection.request("POST", "/spp_email_gateway/intake", content, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def test_an_intake_and_its_token(self):
        self.open_app("Email Gateway", "Incoming", "Intakes")
        self.press("New")
        self.page.wait_for_selector(".o_form_sheet")
        self.page.locator("[name=name] input").fill("Postfix of the office")
        self.choose("Create a New Record", "Lead")
        self.save()
        self.press("Create Token")
        token = self.token_shown()
        self.assertRegex(token, r"^[0-9a-f]{12}\.[\w-]{43}$")
        self.screenshot("intake-token")
        self.press("I Have Saved It")
        self.page.wait_for_selector(".modal", state="detached")
        self.page.reload()
        self.wait_for_view()
        # Shown once: neither on the page nor in its source.
        self.assertNotIn(token.partition(".")[2], self.page.content())
        self.assertIn(token.partition(".")[0], self.page.content())
        self.assertEqual(self.post(token, letter("Over the counter")), 202)
        self.page.reload()
        self.wait_for_view()
        self.assertEqual(self.page.locator("[name=message_count]").inner_text(), "1")
        self.screenshot("intake")
        self.press("Revoke Token")
        self.page.locator(".modal-footer .btn-primary").click()
        self.page.wait_for_selector(".modal", state="detached")
        self.page.get_by_role("button", name="Create Token").first.wait_for()
        self.assertEqual(self.post(token, letter("Too late")), 401)

    def test_a_local_server_shows_the_client_and_no_password(self):
        self.open_app("Email Gateway", "Incoming", "Incoming Email Servers")
        self.press("New")
        self.page.wait_for_selector(".o_form_sheet")
        self.fill("Name", "Local mail")
        self.pick("Local Server")
        self.choose("Action to Perform on Incoming Mails", "Create a new Record")
        self.choose("Create a New Record", "Lead")
        self.assertNotIn("PASSWORD", self.page.locator(".o_form_sheet").inner_text())
        self.save()
        self.press("Create Token")
        token = self.token_shown()
        self.press("I Have Saved It")
        self.page.wait_for_selector(".modal", state="detached")
        self.page.reload()
        self.wait_for_view()
        text = self.page.locator(".o_form_sheet").inner_text()
        self.assertIn("--token-file", text)
        self.assertNotIn("PASSWORD", text)
        self.screenshot("local-server")
        self.assertEqual(self.post(token, letter("From the local server")), 202)
        # The journal's job was woken; the mailbox says what becomes of it.
        wait_for(
            lambda: self.ask("answer = env['crm.lead'].search([('name', '=', 'From the local server')]).ids"),
            "the message becomes a lead",
        )

    def test_upload(self):
        one = letter("Uploaded one")
        two = letter("Uploaded two").replace(b"\r\n", b"\n")
        with tempfile.TemporaryDirectory() as directory:
            files = []
            for name, content in (
                ("one.eml", one),
                ("box.mbox", SEPARATOR + two + b"\n" + SEPARATOR + b"?\n"),
                ("again.eml", one),
                ("photo.jpg", b"\xff\xd8\xff"),
            ):
                path = Path(directory) / name
                path.write_bytes(content)
                files.append(path)
            self.page.goto(f"{self.url}/odoo")
            self.page.wait_for_selector(".o_navbar_apps_menu")
            self.open_app("Email Gateway", "Incoming")
            self.page.locator(".o-dropdown--menu").get_by_text("Upload Emails", exact=True).click()
            dialog = self.page.locator(".modal")
            dialog.locator("input[type=file]").set_input_files(files)
            dialog.locator(".o_attachment", has_text="photo").wait_for()
            self.screenshot("upload")
            dialog.get_by_role("button", name="Upload", exact=True).last.click()
            dialog.get_by_text("photo.jpg, message 1").wait_for()
        text = dialog.inner_text()
        self.assertIn("box.mbox, message 2: it is no email", text)
        for name, count in (("new_count", "2"), ("known_count", "1"), ("problem_count", "2")):
            self.assertEqual(dialog.locator(f"[name={name}]").inner_text(), count)
        self.screenshot("upload-result")
        self.press("Open Journal")
        self.title_is("Journal")
        self.page.locator(".o_pager_value", has_text="1-2").wait_for()


class TestIntakeViewer(BrowserCase):
    login = "officer"

    def test_officers_have_no_door(self):
        self.open_app("Email Gateway", "Incoming")
        menu = self.page.locator(".o-dropdown--menu").last
        menu.get_by_text("Try a Message", exact=True).wait_for()
        self.assertEqual(menu.inner_text().split("\n"), ["Journal", "Quarantine", "Try a Message", "Loop Breakers"])
