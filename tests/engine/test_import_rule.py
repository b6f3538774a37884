# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import ast
from pathlib import Path

from .case import EngineCase

ADDON = Path(__file__).resolve().parents[2]


def imported(path):
    """Yield (line, module) of every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


class TestImportRule(EngineCase):
    def test_the_engine_imports_neither_odoo_nor_what_lies_above_it(self):
        files = sorted((ADDON / "engine").rglob("*.py"))
        self.assertGreater(len(files), 10)
        for path in files:
            for line, module in imported(path):
                wrong = module.split(".")[0] == "odoo" or module.startswith("..")
                self.assertFalse(wrong, f"{path.relative_to(ADDON)}:{line} imports {module}")

    def test_models_do_no_mail_parsing_and_no_network(self):
        forbidden = {"re", "regex", "email", "socket", "ssl", "imaplib", "poplib", "imapclient"}
        allowed = {
            # The host's name, for the owner of a claim.
            ("spp_email_claim_mixin.py", "socket"),
        }
        for path in sorted((ADDON / "models").rglob("*.py")):
            for line, module in imported(path):
                name = module.split(".")[0]
                if (path.name, name) not in allowed:
                    self.assertNotIn(name, forbidden, f"{path.relative_to(ADDON)}:{line} imports {module}")
