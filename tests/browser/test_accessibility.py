# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The gateway's screens with a keyboard and a screen reader, and what can be read of its own colours."""

from __future__ import annotations

from .case import BrowserCase, letter
from .screens import PREPARE, SCREENS

# What a person does something with has to have a name (WCAG 2.2, 4.1.2).
ROLES = {
    "button",
    "checkbox",
    "combobox",
    "link",
    "menuitem",
    "option",
    "radio",
    "searchbox",
    "slider",
    "spinbutton",
    "switch",
    "tab",
    "textbox",
}
class TestAccessibility(BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.records = cls.world.console.ask(PREPARE)

    def nameless(self):
        """Return the elements a person does something with that a screen reader has no name for, as HTML."""
        session = self.page.context.new_cdp_session(self.page)
        try:
            nodes = session.send("Accessibility.getFullAXTree")["nodes"]
            found = []
            for node in nodes:
                role, name = node.get("role", {}).get("value"), node.get("name", {}).get("value", "")
                if node.get("ignored") or role not in ROLES or name.strip() or "backendDOMNodeId" not in node:
                    continue
                html = session.send("DOM.getOuterHTML", {"backendNodeId": node["backendDOMNodeId"]})["outerHTML"]
                found.append(f"{role}: {' '.join(html.split())[:300]}")
            return found
        finally:
            session.detach()

    def test_everything_that_can_be_used_has_a_name(self):
        for screen, path in SCREENS.items():
            self.open(path.format(**self.records))
            tabs = self.page.locator(".o_notebook_headers .nav-link").locator("visible=true")
            for number in range(max(1, tabs.count())):
                if tabs.count():
                    tabs.nth(number).click()
                    self.page.wait_for_timeout(50)
                with self.subTest(screen=screen, tab=number):
                    self.assertEqual(self.nameless(), [])
