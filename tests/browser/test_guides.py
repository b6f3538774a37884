# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Every path and label of the three guides, as docs/guides.md lists them, with developer mode and without."""

from __future__ import annotations

from tools import checkout

from .case import BrowserCase

NOWHERE = "–"
PAGE = checkout.ROOT / "docs" / "guides.md"


def table(title):
    """Return the rows of the first table below a title of the page, as lists of cells."""
    text = PAGE.read_text().split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


class TestGuides(BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.world.console.ask(
            "env['ir.config_parameter'].set_param('base_setup.default_external_email_server', True)\n"
            "if not env['mail.alias.domain'].search_count([]):\n"
            "    env['mail.alias.domain'].create({'name': 'example.test'})"
        )

    def developer_mode(self, on=True):
        self.page.goto(f"{self.url}/odoo?debug={int(on)}")
        self.page.locator(".o_navbar_apps_menu button").wait_for()

    def tearDown(self):
        self.developer_mode(False)
        super().tearDown()

    def walk(self, path, title):
        app, *entries = path.split(" → ")
        if entries[0] != "Technical":
            self.open_app(app, *entries)
            return
        self.open_app(app)
        self.page.locator(".o_menu_sections").get_by_text("Technical", exact=True).click()
        self.page.locator(".o-dropdown--menu").last.get_by_text(entries[1], exact=True).click()
        self.title_is(title)

    def walk_all(self, column):
        paths = [(row[column], row[3]) for row in table("Paths") if row[column] != NOWHERE]
        self.assertGreaterEqual(len(paths), 9)
        for path, title in paths:
            with self.subTest(path):
                self.walk(path, title)
                self.title_is(title)

    def test_paths_with_developer_mode(self):
        self.developer_mode()
        self.walk_all(1)

    def test_paths_without_developer_mode(self):
        self.walk_all(2)

    def labels_of(self, screen, is_developer):
        # Each address says anew which mode it is.
        self.page.goto(f"{self.url}/odoo/{screen}/new?debug={int(is_developer)}")
        self.wait_for_view()
        self.settle()
        return self.labels(), [
            button.inner_text().strip()
            for button in self.page.locator(".o_statusbar_buttons button").locator("visible=true").all()
        ]

    def look_at_labels(self, is_developer):
        rows = table("Labels")
        for screen in dict.fromkeys(row[1] for row in rows):
            fields, buttons = self.labels_of(screen, is_developer)
            wanted = [row for row in rows if row[1] == screen]
            with self.subTest(screen):
                missing = [
                    label
                    for _guide, _screen, label, kind in wanted
                    if label not in (buttons if kind == "button" else fields)
                    if kind != "developer" or is_developer
                ]
                self.assertEqual(missing, [], (fields, buttons))

    def test_labels_with_developer_mode(self):
        self.look_at_labels(is_developer=True)

    def test_labels_without_developer_mode(self):
        self.look_at_labels(is_developer=False)

    def test_general_settings(self):
        for _guide, label, opens in table("General Settings"):
            with self.subTest(label):
                self.open("settings")
                block = self.page.locator(".app_settings_block", has=self.page.locator("#email_servers_setting")).first
                found = block.get_by_text(label, exact=True).locator("visible=true").first
                found.scroll_into_view_if_needed()
                if opens != "box":
                    found.click()
                    self.title_is(opens)
        self.open("settings")
        self.page.locator("#email_servers_setting").scroll_into_view_if_needed()
        self.screenshot("general-settings")


class TestGuidesOfficer(BrowserCase):
    """An officer works with what comes in and goes out, and sets up nothing."""

    login = "officer"

    def test_what_an_officer_finds(self):
        for entry in ("Journal", "Quarantine", "Try a Message", "Loop Breakers"):
            with self.subTest(entry):
                self.open_app("Email Gateway", "Incoming", entry)
        for entry in ("Deliveries", "Suppression"):
            with self.subTest(entry):
                self.open_app("Email Gateway", "Outgoing", entry)
        sections = [text.strip() for text in self.page.locator(".o_menu_sections > *").all_inner_texts()]
        for hidden in ("Domains", "Health", "Configuration"):
            self.assertNotIn(hidden, sections)
