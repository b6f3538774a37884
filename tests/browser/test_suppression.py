# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The suppression list: what is on it, how an address leaves it, and a file with a bad line."""

from __future__ import annotations

from .case import BrowserCase
from .test_resend import MESSAGE, STATUS

LISTED = """
from datetime import timedelta
from odoo import fields
from odoo.addons.spp_email_gateway.engine.bounce_reason import BounceReason
from odoo.addons.spp_email_gateway.engine.message_kind import RecipientReport, ReportAction
listed = env["spp.email.suppression"]
listed.with_context(active_test=False).search([]).unlink()
for address, action, hard, reason, text in (
    ("maria@exmaple.test", "failed", True, "address_unknown", "550 5.1.1 User unknown in virtual mailbox table"),
    ("joseph@remote.test", "complained", False, "undefined", ""),
    ("li@closed.test", "failed", True, "domain_unknown", "Host or domain name not found"),
):
    report = RecipientReport(
        address, ReportAction(action), is_hard=hard, reason=BounceReason(reason), text=text,
        status="5.1.1" if "5.1.1" in text else "")
    listed._learn(env.company, address, report, "mass" if action == "complained" else "transactional")
listed.create({"address": "amina@remote.test", "note": "asked by phone not to be written to"})
"""


class TestSuppression(BrowserCase):
    def setUp(self):
        super().setUp()
        self.ask(LISTED)

    def on_list(self):
        return set(self.ask("answer = env['spp.email.suppression'].search([]).mapped('address')"))

    def test_the_list_and_an_entry(self):
        self.open_app("Email Gateway", "Outgoing", "Suppression")
        rows = self.page.locator(".o_data_row")
        rows.nth(3).wait_for()
        self.screenshot("suppression-list")
        self.page.locator(".o_data_row", has_text="maria@exmaple.test").locator("td").nth(1).click()
        self.wait_for_view()
        self.page.locator(".alert", has_text="mail to it came back for good").wait_for()
        why = self.page.locator(".o_field_widget[name=bounce_reason]")
        self.assertEqual(why.inner_text().strip(), "The address does not exist")
        self.screenshot("suppression-form")

    def test_an_address_is_removed_with_a_reason(self):
        self.open("email-suppression")
        self.page.locator(".o_data_row", has_text="maria@exmaple.test").locator("input").check()
        self.page.locator(".o_data_row", has_text="joseph@remote.test").locator("input").check()
        self.press("Remove")
        dialog = self.page.locator(".modal-content", has_text="Mail is sent again to")
        dialog.get_by_text("reported our mail as unwanted").wait_for()
        box = dialog.locator(".o_field_widget[name=note] input")
        box.fill("New mailboxes, told us by phone")
        self.screenshot("suppression-remove")
        dialog.get_by_role("button", name="Remove", exact=True).click()
        dialog.wait_for(state="detached")
        self.page.locator(".o_data_row", has_text="maria@exmaple.test").wait_for(state="detached")
        self.assertEqual(self.on_list(), {"li@closed.test", "amina@remote.test"})

    def test_a_file_with_a_bad_line(self):
        self.open("email-suppression")
        self.press("Import")
        dialog = self.page.locator(".modal-content", has_text="A CSV file with the columns")
        dialog.locator("input[type=file]").set_input_files(
            {
                "name": "bounces.csv",
                "mimeType": "text/csv",
                "buffer": b"status,reason,email,created\n"
                b"5.1.1,550 5.1.1 no such user,ann@remote.test,1700000000\n"
                b"5.2.2,552 5.2.2 mailbox full,ben@remote.test,1700000000\n"
                b"5.1.1,550 5.1.1 no such user,cy at remote.test,1700000000\n",
            }
        )
        # It is there once it can be taken away again.
        dialog.locator(".o_field_binary .fa-trash").wait_for()
        dialog.get_by_role("button", name="Import", exact=True).click()
        done = self.page.locator(".modal-content", has_text="Line 4")
        done.get_by_text("Line 4: “cy at remote.test” is no address").wait_for()
        self.screenshot("suppression-import")
        done.get_by_role("button", name="Open List").click()
        self.page.locator(".o_data_row", has_text="ben@remote.test").wait_for()
        self.assertEqual(self.page.locator(".o_data_row").count(), 2)
        self.assertLessEqual({"ann@remote.test", "ben@remote.test"}, self.on_list())

    def test_the_contact_says_it(self):
        partner = self.ask(
            "answer = env['res.partner'].create({'name': 'Maria Alvarez', 'email': 'maria@exmaple.test'}).id"
        )
        self.open(f"res.partner/{partner}")
        note = self.page.locator(".o_field_widget[name=gateway_suppression_note]")
        note.wait_for()
        self.assertIn("the address does not exist", note.inner_text())
        self.screenshot("suppression-contact")
        self.press("Open")
        self.page.locator(".alert", has_text="mail to it came back for good").wait_for()

    def test_the_policy(self):
        self.open("email-suppression-policies")
        self.page.locator(".o_data_row").first.locator("td").nth(1).click()
        self.wait_for_view()
        self.assertEqual(self.value("On Different Days"), "3")
        self.screenshot("suppression-policy")


class TestSuppressedRecipient(BrowserCase):
    """The red envelope of a message to somebody who is on the list."""

    def test_an_officer_removes_the_address_in_the_dialogue(self):
        made = self.ask(MESSAGE, author="admin")
        self.ask(LISTED.replace("maria@exmaple.test", "mari@exmaple.test"))
        self.open(f"res.partner/{made['record']}")
        self.page.locator(".o-mail-Message-notification.text-danger").click()
        dialog = self.page.locator(".modal-content", has_text="These people did not get")
        maria = dialog.locator(".o_data_row", has_text="Maria")
        maria.get_by_text("mail to it came back for good (the address does not exist)").wait_for()
        joseph = dialog.locator(".o_data_row", has_text="Joseph")
        self.assertEqual(maria.locator(".o_boolean_toggle input").count(), 2)
        self.assertEqual(joseph.locator(".o_boolean_toggle input").count(), 1)
        self.screenshot("resend-suppressed")
        again, removal = maria.locator(".o_boolean_toggle input").all()
        self.assertFalse(again.is_checked())
        again.click()
        dialog.get_by_role("button", name="Send & close").click()
        self.assertIn("These addresses are on the suppression list.", self.refusal_of_dialogue())
        removal.click()
        dialog.get_by_role("button", name="Send & close").click()
        dialog.wait_for(state="detached")
        self.assertEqual(self.ask(STATUS, message=made["message"])["Maria Alvarez"], "ready")
        listed = self.ask("answer = env['spp.email.suppression'].search([]).mapped('address')")
        self.assertNotIn("mari@exmaple.test", listed)

    def refusal_of_dialogue(self):
        """The text of the error above the dialogue; it is closed."""
        error = self.page.locator(".modal-content", has_text="Invalid Operation")
        error.wait_for()
        text = error.locator(".modal-body").inner_text()
        error.locator(".modal-footer button").first.click()
        error.wait_for(state="detached")
        return text


class TestSuppressionOfAViewer(BrowserCase):
    login = "viewer"

    def test_a_viewer_sees_and_changes_nothing(self):
        self.ask(LISTED)
        self.open_app("Email Gateway", "Outgoing", "Suppression")
        self.page.locator(".o_data_row").nth(3).wait_for()
        self.page.locator(".o_data_row input").first.check()
        for label in ("Remove", "Import", "New"):
            self.assertEqual(self.page.get_by_role("button", name=label, exact=True).count(), 0, label)
