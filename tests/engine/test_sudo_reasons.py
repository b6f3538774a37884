# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The rule of `./dev lint` that every sudo() says why. It runs by `./dev test engine` alone, and not in Odoo."""

from tools import checkout, lint

from .case import EngineCase

CASES = (
    ("records.sudo().write({})", True),
    ("# sudo: counted only.\nrecords.sudo().write({})", False),
    ("records.sudo().write({})  # nosemgrep: starting work, no data", False),
    # The name of a rule is no reason, and neither is silence.
    ("records.sudo().write({})  # nosemgrep: odoo-sudo-without-context", True),
    ("records.sudo().write({})  # nosemgrep", True),
    ("# sudo:\nrecords.sudo().write({})", True),
    # Above the statement, wherever in it the call stands.
    ("# sudo: names only.\nnames = (\n    records\n    .sudo()\n    .mapped('name')\n)", False),
    ("# sudo: names only.\nx = 1\nrecords.sudo()", True),
    # A reason above a block is for its head.
    ("# sudo: names only.\nfor one in records.sudo():\n    pass", False),
    ("# sudo: names only.\nfor one in records.sudo():\n    one.partner_id.sudo()", True),
    ("def f():\n    if x:\n        return 1\n    return records.sudo()", True),
    # Rights that are given back need none.
    ("records.sudo(False).read()", False),
)


class TestSudoReasons(EngineCase):
    def test_what_is_found(self):
        for text, is_found in CASES:
            with self.subTest(text=text):
                found = list(lint.sudo_reasons(checkout.ROOT / "models" / "any.py", text))
                self.assertEqual(bool(found), is_found)

    def test_tests_and_tools_need_none(self):
        for folder in ("tests", "tools", "bench"):
            self.assertFalse(list(lint.sudo_reasons(checkout.ROOT / folder / "any.py", "records.sudo()")))

    def test_this_addon_says_why_everywhere(self):
        for file in lint.committed():
            if file.name.endswith(".py") and file.is_file():
                with self.subTest(file=file.name):
                    self.assertEqual(list(lint.sudo_reasons(file, file.read_text())), [])
