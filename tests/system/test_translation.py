# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The template of the translations, against what a database with the addon really shows."""

import tempfile
import unittest
from pathlib import Path

from tools import translation, translation_file


class TestTranslation(unittest.TestCase):
    def test_the_template_is_complete(self):
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder) / "fresh.pot"
            translation.export(fresh)
            self.assertEqual(list(translation_file.missing(fresh)), [], "run ./dev translate")
