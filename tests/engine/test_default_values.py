# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.default_values import LONGEST, parse_default_values, show_default_values
from ...engine.errors import ConfigurationError
from .case import EngineCase

SHAPE = "Write the default values as {'field': value, …}, such as {'priority': '1'}."


class TestDefaultValues(EngineCase):
    def test_what_is_read(self):
        for text, expected in (
            ("", {}),
            (" \n", {}),
            ("{}", {}),
            ("{'a': 1}", {"a": 1}),
            ('{"a": true, "b": null}', {"a": True, "b": None}),
            ("{'a': True, 'b': [1, 2]}", {"a": True, "b": [1, 2]}),
            (" {'a': 'é'} ", {"a": "é"}),
        ):
            with self.subTest(text=text):
                self.assertEqual(parse_default_values(text), expected)

    def test_what_is_refused(self):
        for text, words in (
            ("a", SHAPE),
            ("[1]", SHAPE),
            ("1", SHAPE),
            ("null", SHAPE),
            ("{'a': open('x')}", SHAPE),
            ("{'a':", SHAPE),
            ("[" * 5000, SHAPE),
            ("{'a': 1}\0", SHAPE),
            ("{1: 2}", "Every field of the default values is named by a text, such as 'priority'."),
            ("{'': 2}", "Every field of the default values is named by a text, such as 'priority'."),
            (" " * LONGEST + "{'a': 1}", f"The default values are longer than {LONGEST} characters."),
        ):
            with self.subTest(text=text[:40]), self.assertRaises(ConfigurationError) as caught:
                parse_default_values(text)
            self.assertEqual(str(caught.exception), words)

    def test_what_is_shown_is_read_again(self):
        for values in ({}, {"a": 1, "b": ["é", None]}):
            self.assertEqual(parse_default_values(show_default_values(values)), values)
