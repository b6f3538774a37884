# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The files of i18n/. tools/ is no part of the addon, so this runs by `./dev test engine` alone, and not in Odoo."""

from tools import translation_file, translation_source

from .case import EngineCase


class TestTranslation(EngineCase):
    def test_every_text_is_translated_and_keeps_its_places(self):
        for language in translation_file.LANGUAGES:
            with self.subTest(language):
                file = translation_file.FOLDER / f"{language}.po"
                self.assertEqual(list(translation_file.faults(file)), [])

    def test_the_template_has_all_that_the_engine_says(self):
        stored = {entry.msgid for entry in translation_file.read(translation_file.TEMPLATE)}
        self.assertEqual(sorted(set(translation_source.terms()) - stored), [], "run ./dev translate")
