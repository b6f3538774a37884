# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What officers do with messages that found no way, from the menu to the record."""

from __future__ import annotations

import re

from tools.sandbox import DOMAIN

from .case import BrowserCase, letter

BODY = "Good morning,\n\nthe card that you gave us is refused in every shop in town.\n\nJoseph Mwangi"


class TestQuarantine(BrowserCase):
    def setUp(self):
        super().setUp()
        # What other tests left would be in the images.
        self.ask(
            "rows = env['spp.email.inbound'].search([])\nrows.write({'state': 'discarded'})\nrows.unlink()\n"
            "env['mail.alias.domain'].search([('name', '=', domain)]) or "
            "env['mail.alias.domain'].create({'name': domain, 'bounce_alias': 'bounce', 'catchall_alias': 'catchall'})",
            domain=DOMAIN,
        )

    def waiting(self, *messages):
        name = self._testMethodName
        return self.ask(
            "from odoo.addons.spp_email_gateway.models.spp_email_journal import JournalEntry\n"
            "entries = [JournalEntry(name, 'INBOX', '1', str(number), text.encode(), company_id=env.company.id)\n"
            "           for number, text in enumerate(messages)]\n"
            "env['spp.email.journal']._write_entries(entries)\n"
            "env.cr.commit()\n"
            "env['spp.email.lane']._process_due()\n"
            "env.cr.commit()\n"
            "answer = env['spp.email.inbound'].search([('server_key', '=', name)], order='id').ids",
            name=name,
            messages=[message.decode() for message in messages],
        )

    def read(self, entry, *names):
        return self.ask(
            "answer = env['spp.email.inbound'].browse(entry).read(names)[0]", entry=entry, names=list(names)
        )

    def dialog(self):
        found = self.page.locator(".modal-content")
        found.wait_for()
        return found

    def enter(self, name, value):
        """Type into a field of the dialog."""
        box = self.dialog().locator(f"[name={name}] input, [name={name}] textarea").first
        box.fill(value)
        box.press("Tab")
        self.settle()

    def pick_from(self, name, option):
        """Choose from a list of the dialog by typing."""
        box = self.dialog().locator(f"[name={name}] input").first
        box.click()
        menu = self.page.locator(".o_select_menu_menu, .o-autocomplete--dropdown-menu").last
        menu.wait_for()
        search = self.page.locator(".o_select_menu_menu input")
        (search.first if search.count() else box).fill(option)
        # The list looks for what was typed a moment later, and would open again.
        self.page.wait_for_timeout(500)
        menu.get_by_text(option, exact=True).first.click()
        self.dialog().locator(".modal-title").click()
        self.settle()

    def submit(self, label):
        self.dialog().get_by_role("button", name=label, exact=True).click()
        self.dialog_is_closed()

    def dialog_is_closed(self):
        self.page.locator(".modal-content").wait_for(state="detached")

    def test_by_reason_and_by_list(self):
        self.waiting(
            letter("The card does not work", BODY, sender="Joseph Mwangi <joseph@remote.test>"),
            letter("Who reads this?", sender="Li Wei <li@remote.test>"),
            letter("Our address has changed", sender="Rosa Fernández <rosa@remote.test>"),
            b"\r\n",
        )
        self.open_app("Email Gateway", "Incoming", "Quarantine")
        groups = self.page.locator(".o_kanban_group .o_column_title")
        groups.first.wait_for()
        self.assertTrue(any("No alias, reply" in text for text in groups.all_inner_texts()), groups.all_inner_texts())
        panel = self.page.locator(".o_search_panel")
        self.assertRegex(panel.inner_text(), r"No alias, reply[^\n]*\s+3")
        self.screenshot("quarantine-kanban")
        self.page.locator(".o_switch_view.o_list").click()
        self.page.locator(".o_data_row").first.wait_for()
        panel.get_by_text("No alias, reply", exact=False).first.click()
        self.page.locator(".o_data_row").nth(3).wait_for(state="detached")
        self.page.locator("thead .o_list_record_selector input").click()
        for label in ("Retry", "Route", "Attach", "Answer", "Discard"):
            self.page.get_by_role("button", name=label, exact=True).first.wait_for()
        self.screenshot("quarantine-list")
        self.press("Discard")
        self.enter("why", "Answered by phone")
        self.submit("Discard")
        self.page.locator(".o_data_row").first.wait_for(state="detached")

    def test_route(self):
        (entry,) = self.waiting(letter("The card does not work", BODY, sender="Joseph Mwangi <joseph@remote.test>"))
        self.open(f"email-quarantine/{entry}")
        self.press("Route to a Model")
        self.pick_from("target_model", "Lead")
        self.dialog().get_by_text("Add a line").click()
        row = self.dialog().locator(".o_data_row").last
        row.locator("[name=field_name] input").fill("Priority")
        row.locator("[name=value] input").fill("High")
        self.screenshot("quarantine-route")
        self.submit("Create Now")
        self.title_is("The card does not work")
        self.assertEqual(self.read(entry, "state", "res_model")["res_model"], "crm.lead")
        # From the record's message back to the email.
        message = self.page.locator(".o-mail-Message", has_text="refused in every shop").first
        message.hover()
        original = message.locator("[name='spp-original-email']")
        if not original.count():
            message.locator("[title='Expand'], [aria-label='Expand'], .oi-ellipsis-v, .oi-ellipsis-h").first.click()
            original = self.page.locator("[name='spp-original-email'], .o-dropdown-item:has-text('Original Email')")
        original.first.wait_for()
        self.screenshot("original-email")
        original.first.click()
        self.page.wait_for_selector("iframe.o_spp_email_preview")
        self.state_is("Done")
        self.tab("What Happened")
        self.assertIn("decided by", self.page.locator("[name=trace_text]").inner_text())
        self.screenshot("journal-decision")

    def test_attach(self):
        partner = self.ask("answer = env['res.partner'].create({'name': 'Joseph Mwangi'}).id")
        (entry,) = self.waiting(letter("More about the card", BODY, sender="Joseph Mwangi <joseph@remote.test>"))
        self.open(f"email-quarantine/{entry}")
        self.press("Attach to a Record")
        dialog = self.dialog()
        model = dialog.locator("[name=record] select, [name=record] input").first
        if model.evaluate("element => element.tagName") == "SELECT":
            model.select_option(label="Contact")
        else:
            self.pick_from("record", "Contact")
        self.settle()
        record = dialog.locator("[name=record] .o-autocomplete input, [name=record] .o_input").last
        record.fill("Joseph Mwangi")
        self.page.locator(".o-autocomplete--dropdown-item").get_by_text("Joseph Mwangi", exact=True).first.click()
        self.settle()
        self.screenshot("quarantine-attach")
        self.submit("Attach Now")
        self.title_is("Joseph Mwangi")
        self.page.locator(".o-mail-Message", has_text="refused in every shop").first.wait_for()
        self.assertEqual(self.read(entry, "res_id")["res_id"], partner)

    def test_an_alias_and_replay(self):
        first, second = self.waiting(
            letter("A complaint", BODY, to=f"complaints@{DOMAIN}"), letter("Another one", to=f"complaints@{DOMAIN}")
        )
        self.open(f"email-quarantine/{first}")
        self.press("Create an Alias")
        self.assertEqual(self.dialog().locator("[name=alias_name] input").input_value(), "complaints")
        self.pick_from("target_model", "Lead")
        self.dialog().locator("[name=other_ids]").get_by_text("Another one").wait_for()
        self.screenshot("quarantine-alias")
        self.submit("Create and Replay")
        self.assertIn("2 messages were processed.", self.notification())
        for entry in (first, second):
            self.assertEqual(self.read(entry, "state")["state"], "done")
        alias = self.ask(
            "answer = env['mail.alias'].search_count([('alias_full_name', '=', name)])", name=f"complaints@{DOMAIN}"
        )
        self.assertEqual(alias, 1)

    def test_answer(self):
        (entry,) = self.waiting(letter("Is the office open on Friday?", sender="Li Wei <li@remote.test>"))
        self.open(f"email-quarantine/{entry}")
        self.press("Answer")
        self.assertIn("li@remote.test", self.dialog().locator("[name=recipient_text]").inner_text())
        self.pick_from("template_id", "Email Gateway: Not the Right Address")
        self.dialog().locator("[name=body]").get_by_text("This address cannot help with it.").wait_for()
        self.screenshot("quarantine-answer")
        self.submit("Send")
        self.assertIn("1 answers are on their way.", self.notification())
        self.assertEqual(self.read(entry, "state", "reason")["reason"], "answered")
        mail = self.ask(
            "mail = env['mail.mail'].search([('email_to', '=', 'li@remote.test')])\n"
            "answer = [mail.subject, mail.references]"
        )
        self.assertEqual(mail[0], "Re: Is the office open on Friday?")
        self.assertTrue(re.fullmatch(r"<\d+@remote.test>", mail[1]), mail)

    def test_a_machine_is_not_answered(self):
        robot = letter("Scan of a page").replace(b"MIME-Version", b"Auto-Submitted: auto-generated\r\nMIME-Version")
        (entry,) = self.waiting(robot)
        self.open(f"email-quarantine/{entry}")
        self.press("Answer")
        self.assertIn("a machine wrote it", self.dialog().inner_text())
        self.assertEqual(self.dialog().get_by_role("button", name="Send", exact=True).count(), 0)

    def test_somebody_else_was_faster(self):
        (entry,) = self.waiting(letter("Two people look at me"))
        self.open(f"email-quarantine/{entry}")
        self.press("Route to a Model")
        self.pick_from("target_model", "Lead")
        self.ask("env['spp.email.inbound'].browse(entry).action_discard()", entry=entry)
        self.dialog().get_by_role("button", name="Create Now", exact=True).click()
        words = self.page.locator(".modal-body", has_text="Nothing was changed")
        words.wait_for()
        self.assertIn("somebody else has just decided about this message", words.inner_text())
        self.assertEqual(self.read(entry, "state")["state"], "discarded")


class TestViewer(BrowserCase):
    login = "viewer"

    def test_a_viewer_sees_and_decides_nothing(self):
        self.open("email-quarantine")
        self.page.locator(".o_switch_view.o_list").click()
        self.page.locator(".o_list_view").wait_for()
        for label in ("Retry", "Route", "Attach", "Answer", "Discard"):
            self.assertEqual(self.page.get_by_role("button", name=label, exact=True).count(), 0)
