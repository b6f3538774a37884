# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the pages of docs/ link to exists, and every screenshot is made by a test and shown or kept for that."""

import ast
import re
from pathlib import Path

from .case import EngineCase

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "bench" / "RESULTS.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "readme").glob("*.md"))
IMAGES = ROOT / "docs" / "images"
# In a fence or a code span a bracket is no link.
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def prose(path):
    return re.sub(r"(`+)(?!`).*?\1", "", FENCE.sub("", path.read_text(encoding="utf-8")))


def anchors(path):
    """Return the names by which headings are linked to, as Git hosts make them."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    words = (re.sub(r"[*`]", "", heading).lower() for heading in HEADING.findall(text))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in words}


def links(path):
    return [link for link in LINK.findall(prose(path)) if not re.match(r"[a-z]+:", link)]


def names(path):
    """Yield patterns of what a browser test may call a screenshot: its strings, with anything where a value goes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.escape(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = (re.escape(part.value) if isinstance(part, ast.Constant) else r"[\w-]+" for part in node.values)
            yield "".join(parts)


class TestDocuments(EngineCase):
    def test_every_link_leads_somewhere(self):
        checked = 0
        for page in PAGES:
            for link in links(page):
                name, _hash, anchor = link.partition("#")
                target = (page.parent / name).resolve() if name else page
                with self.subTest(page=page.name, link=link):
                    self.assertTrue(target.exists(), "no such file")
                    self.assertTrue(target.is_relative_to(ROOT), "a link out of the repository")
                    if anchor and target.suffix == ".md":
                        self.assertIn(anchor, anchors(target))
                checked += 1
        self.assertGreater(checked, 100)

    def test_every_page_is_reached_from_the_readme(self):
        reached, waiting = set(), [ROOT / "README.md"]
        while waiting:
            page = waiting.pop()
            if page not in reached and page.suffix == ".md" and page.exists():
                reached.add(page)
                waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
        self.assertEqual([page.name for page in sorted((ROOT / "docs").glob("*.md")) if page not in reached], [])

    def test_the_images_of_the_description_are_those_of_the_docs(self):
        folder = ROOT / "static" / "description"
        shown = re.findall(r'src="([^"]+)"', (folder / "index.html").read_text(encoding="utf-8"))
        self.assertEqual({path.name for path in folder.glob("*.png")} - {"icon.png"}, set(shown))
        for image in shown:
            # Odoo serves nothing but static/, so these are copies.
            same = (folder / image).read_bytes() == (IMAGES / image).read_bytes()
            self.assertTrue(same, f"cp docs/images/{image} static/description/")

    def test_every_screenshot_is_made_by_a_test(self):
        # One that no test makes ages without anybody seeing it.
        patterns = {name for file in (ROOT / "tests" / "browser").glob("test_*.py") for name in names(file)}
        self.assertGreater(len(patterns), 50)
        for image in sorted(IMAGES.iterdir()):
            with self.subTest(image=image.name):
                self.assertTrue(any(re.fullmatch(pattern, image.stem) for pattern in patterns), "no test makes it")
