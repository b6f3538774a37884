# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Every way through the app's menu that a page of docs/ names is there."""

import re
from pathlib import Path
from xml.etree import ElementTree

from .case import EngineCase

ROOT = Path(__file__).resolve().parents[2]
APP = "Email Gateway"
PATH = re.compile(rf"\*({APP}(?: → [^*→\n]+)+|(?:Incoming|Outgoing|Domains|Configuration)(?: → [^*→\n]+)+)\*")


def menu(text):
    """Return the app's menu as {name: {name: …}}."""
    children, names = {}, {}
    # The repository's own file.
    for item in ElementTree.fromstring(text).iter("menuitem"):  # noqa: S314
        names[item.get("id")] = item.get("name")
        children.setdefault(item.get("parent"), []).append(item.get("id"))

    def below(identifier):
        return {names[child]: below(child) for child in children.get(identifier, ())}

    return below("menu_email_gateway")


def steps(path):
    """Return the menu entries of a path; buttons that it may end with are no menu."""
    parts = [part.strip() for part in path.split("→")]
    return parts[1:] if parts[0] == APP else parts


class TestMenuPaths(EngineCase):
    def test_every_path_leads_somewhere(self):
        text, checked = (ROOT / "views" / "menus.xml").read_text(encoding="utf-8"), 0
        if "menu_email_gateway_setup" not in text:
            self.skipTest("the pages describe the menu with the guided set-up, which is not merged yet")
        tree = menu(text)
        for page in sorted((ROOT / "docs").glob("*.md")):
            for path in PATH.findall(" ".join(page.read_text(encoding="utf-8").split())):
                place = tree
                for step in steps(path):
                    if not place:  # behind an entry come buttons
                        break
                    with self.subTest(page=page.name, path=path):
                        self.assertIn(step, place)
                    place = place.get(step, {})
                checked += 1
        self.assertGreater(checked, 40)
