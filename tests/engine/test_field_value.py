# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.field_value import SCALARS, ValueMisfit, field_value
from .case import EngineCase

CHOICES = (("low", "Low"), ("high", "Very High"), ("twin", "Same"), ("other", "Same"))


class TestFieldValue(EngineCase):
    def test_what_fits(self):
        for kind, text, expected in (
            ("char", "Ann  \n Lee", "Ann Lee"),
            ("text", "one\ntwo", "one\ntwo"),
            ("html", "<b>&\ntwo", "<p>&lt;b&gt;&amp;<br/>two</p>"),
            ("integer", "42", 42),
            ("integer", " -1,234 ", -1234),
            ("integer", "7.0", 7),
            ("float", "1 234.5", 1234.5),
            ("monetary", "1'234.50", 1234.5),
            ("boolean", "Yes", True),
            ("boolean", "0", False),
            ("boolean", "Não", False),
            ("date", "2026-05-04", "2026-05-04"),
            ("date", "04.05.2026", "2026-05-04"),
            ("date", "4 May 2026", "2026-05-04"),
            ("date", "2026-05-04 10:00:00", "2026-05-04"),
            ("datetime", "2026-05-04 10:30", "2026-05-04 10:30:00"),
            ("datetime", "2026-05-04T10:30:01", "2026-05-04 10:30:01"),
            ("datetime", "2026-05-04", "2026-05-04 00:00:00"),
            ("selection", "high", "high"),
            ("selection", "very  HIGH", "high"),
        ):
            with self.subTest(kind=kind, text=text):
                value = field_value(kind, text, choices=CHOICES)
                self.assertEqual((value, type(value)), (expected, type(expected)))

    def test_what_does_not_fit(self):
        number, date = "it is not a number such as 1234.50", "it is not a date such as 2026-12-31 or 31.12.2026"
        for kind, text, words in (
            ("char", "too long for it", "it is longer than 5 characters"),
            ("integer", "4.5", "it is not a whole number that fits"),
            ("integer", "99999999999", "it is not a whole number that fits"),
            ("integer", "many", number),
            ("integer", "1,23", number),
            ("integer", "٤٢", number),
            ("float", "nan", number),
            ("float", "1e5", number),
            ("float", "inf", number),
            ("float", "1.234,50", number),
            ("float", "9" * 400, "the number is too large"),
            ("boolean", "maybe", "it is neither yes nor no"),
            ("date", "03/04/2026", date),
            ("date", "2026-02-30", date),
            ("date", "0001-01-01", date),
            ("datetime", "soon", date),
            ("selection", "highest", "it is none of the choices"),
            ("selection", "same", "it names several choices"),
            ("many2one", "Ann", "fields of type many2one cannot be filled from a message"),
            ("binary", "x", "fields of type binary cannot be filled from a message"),
        ):
            with self.subTest(kind=kind, text=text[:20]), self.assertRaises(ValueMisfit) as caught:
                field_value(kind, text, size=5, choices=CHOICES)
            self.assertEqual(str(caught.exception), words)

    def test_the_words_never_hold_the_value(self):
        for kind in SCALARS[3:]:
            with self.subTest(kind=kind), self.assertRaises(ValueMisfit) as caught:
                field_value(kind, "secret", choices=CHOICES)
            self.assertNotIn("secret", str(caught.exception))
