# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who finds which entries where: the guide's path, and people of other roles."""

from __future__ import annotations

from .case import BrowserCase, letter


class RoleCase(BrowserCase):
    def apps(self):
        self.page.goto(f"{self.url}/odoo")
        self.page.click(".o_navbar_apps_menu button")
        self.page.wait_for_selector(".o-dropdown--menu .o_app")
        found = [text.strip() for text in self.page.locator(".o-dropdown--menu .o_app").all_inner_texts()]
        self.page.keyboard.press("Escape")
        return found

    def sections(self):
        return [text.strip() for text in self.page.locator(".o_menu_sections > *").all_inner_texts()]

    def entries(self, section):
        """The entries of a drop-down menu of the menu bar, from the top."""
        self.page.locator(".o_menu_sections").get_by_text(section, exact=True).click()
        menu = self.page.locator(".o-dropdown--menu").last
        menu.locator(".dropdown-item").first.wait_for()
        found = [text.strip() for text in menu.locator(".dropdown-item").all_inner_texts()]
        self.page.keyboard.press("Escape")
        menu.wait_for(state="detached")
        return found


class TestGuide(RoleCase):
    def technical(self, entry):
        """Click on the Technical menu in the header, then on an entry of its section Email; return its entries."""
        self.page.locator(".o_menu_sections").get_by_text("Technical", exact=True).click()
        menu = self.page.locator(".o-dropdown--menu").last
        menu.get_by_text(entry, exact=True).wait_for()
        lines = [line.strip() for line in menu.inner_text().split("\n") if line.strip()]
        headers = [text.strip() for text in menu.locator(".dropdown-menu_group").all_inner_texts()]
        start = lines.index("Email")
        following = [lines.index(header) for header in headers if lines.index(header) > start]
        menu.get_by_text(entry, exact=True).click()
        self.title_is(entry)
        return lines[start + 1 : min(following, default=len(lines))]

    def test_settings_technical_email(self):
        self.open_app("Settings")
        self.page.get_by_text("Activate the developer mode", exact=True).click()
        self.page.wait_for_selector(".o_debug_manager .fa-bug")
        entries = self.technical("Outgoing Email Servers")
        for entry in ("Incoming Email Servers", "Incoming Email Journal"):
            self.assertIn(entry, entries)
        # Odoo's own.
        for entry in ("Outgoing Mail Servers", "Incoming Mail Servers"):
            self.assertIn(entry, entries)
        self.assertIn("/odoo/outgoing-email-servers", self.page.url)
        self.press("New")
        self.page.wait_for_selector(".o_form_sheet")
        self.assertIn("Connection Encryption", self.labels())
        self.open_app("Settings")
        self.technical("Incoming Email Servers")
        self.assertIn("/odoo/incoming-email-servers", self.page.url)
        self.press("New")
        self.page.wait_for_selector(".o_form_sheet")
        self.assertIn("Action to Perform on Incoming Mails", self.labels())
        self.open_app("Settings")
        self.technical_journal()
        # Odoo's own entry shows the same form.
        self.open_app("Settings")
        self.technical("Outgoing Mail Servers")
        self.press("New")
        self.page.wait_for_selector(".o_form_sheet")
        self.assertIn("Connection Encryption", self.labels())

    def technical_journal(self):
        self.page.locator(".o_menu_sections").get_by_text("Technical", exact=True).click()
        self.page.locator(".o-dropdown--menu").last.get_by_text("Incoming Email Journal", exact=True).click()
        self.title_is("Journal")
        self.assertIn("/odoo/email-journal", self.page.url)

    def test_without_developer_mode(self):
        self.open_app("Email Gateway")
        self.assertEqual(
            self.sections(),
            ["Overview", "Incoming", "Outgoing", "Domains", "Find a Message", "Health", "Configuration"],
        )
        incoming = self.entries("Incoming")
        self.assertEqual(
            incoming,
            [
                "Incoming Email Servers",
                "Journal",
                "Quarantine",
                "Incoming Rules",
                "Intakes",
                "Try a Message",
                "Upload Emails",
                "Comparisons",
                "Loop Breakers",
            ],
        )
        outgoing = self.entries("Outgoing")
        self.assertEqual(outgoing, ["Outgoing Email Servers", "Queue", "Deliveries", "Suppression", "Round Trips"])
        self.assertEqual(
            self.entries("Configuration"),
            [
                "Set Up Email",
                "Teams",
                "OAuth Credentials",
                "Retention",
                "Retention of Outgoing Emails",
                "Tags",
                "Allowed Recipients",
                "Suppression Policies",
                "Monitoring",
                "Digests",
                "Personal Data of an Address",
                "Data Subject Requests",
                "Changes",
                "Who Did What",
            ],
        )
        for entry in (entry for entry in incoming if entry != "Upload Emails"):
            with self.subTest(entry=entry):
                self.open_app("Email Gateway", "Incoming", entry)
        for entry in outgoing:
            with self.subTest(entry=entry):
                self.open_app("Email Gateway", "Outgoing", entry)
        self.open_app("Email Gateway", "Domains", "Alias Domains")
        self.open_app("Email Gateway", "Configuration", "Tags")


class TestViewer(RoleCase):
    login = "viewer"

    def test_a_viewer_reads_and_decides_nothing(self):
        (entry,) = self.fetched("quarantine", letter("For a viewer"), user="quarantine@example.test")[-1:]
        self.assertIn("Email Gateway", self.apps())
        self.open_app("Email Gateway", "Incoming", "Journal")
        self.assertEqual([name for name in self.sections() if "Servers" in name or name == "Health"], [])
        self.page.locator(".o_data_row", has_text="For a viewer").first.locator("input").check()
        self.assertEqual(self.page.get_by_role("button", name="Retry").count(), 0)
        self.open(f"email-journal/{entry}")
        self.assertIn("In quarantine", self.alerts()[0])
        self.assertNotIn("Route it to a model", self.alerts()[0])
        # Nothing leads to the mailbox, which only managers may see.
        self.page.locator("[name=server_id]", has_text="Quarantine Mailbox").wait_for()
        self.assertEqual(self.page.locator("[name=server_id] a").count(), 0)
        # What it says is not for viewers.
        for label in ("Retry", "Discard", "Download .eml"):
            self.assertEqual(self.page.get_by_role("button", name=label).count(), 0)


class TestOfficer(RoleCase):
    login = "officer"

    def test_an_officer_decides_and_sets_up_nothing(self):
        (entry,) = self.fetched("quarantine", letter("For an officer"), user="quarantine@example.test")[-1:]
        self.open_app("Email Gateway")
        self.assertEqual([name for name in self.sections() if "Servers" in name or name == "Health"], [])
        self.open(f"email-journal/{entry}")
        self.press("Discard")
        self.page.locator(".modal-content [name=why] input").fill("Advertisement")
        self.page.locator(".modal-content .btn-primary").click()
        self.state_is("Discarded")


class TestPlain(RoleCase):
    login = "plain"

    def test_an_internal_user_finds_nothing(self):
        apps = self.apps()
        self.assertIn("Discuss", apps)
        self.assertNotIn("Email Gateway", apps)
