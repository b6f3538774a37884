# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The page of docs/. tools/ is no part of the addon, so this runs by `./dev test engine` alone, and not in Odoo."""

from tools import diagnosis_page

from ...engine.cure import WHERE_WORDS
from ...engine.cure_table import CURES
from .case import EngineCase


class TestDiagnosisPage(EngineCase):
    def test_the_page_has_each_row(self):
        written = diagnosis_page.PAGE.read_text()
        for row in CURES:
            self.assertIn(f"| {row.cause} | {row.cure} |", written, row.said)
        made = diagnosis_page.page(written, CURES, WHERE_WORDS)
        self.assertEqual(written, made, "python -m tools.diagnosis_page writes it anew")
