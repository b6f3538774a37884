# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import unittest

from ...engine.suppression_address import suppression_address

SAME = (
    ("ann@a.org", "ann@a.org"),
    ("Ann@A.ORG", "ann@a.org"),
    ("  <ann@a.org> ", "ann@a.org"),
    ("ann@a.org.", "ann@a.org"),
    ("ann@bücher.example", "ann@bücher.example"),
    ("ann@BÜCHER.example", "ann@bücher.example"),
    ("ann@xn--bcher-kva.example", "ann@bücher.example"),
    ("ann@XN--BCHER-KVA.example", "ann@bücher.example"),
    ("ann@bu\u0308cher.example", "ann@bücher.example"),
    ("JÖRG@a.org", "jörg@a.org"),
    ("jo\u0308rg@a.org", "jörg@a.org"),
    ("ann+news@a.org", "ann+news@a.org"),
    ("ann@under_score.a.org", "ann@under_score.a.org"),
    ("ann@xn--.example", "ann@xn--.example"),
    ("ann@localhost", "ann@localhost"),
)
NONE = (
    "",
    "ann",
    "@a.org",
    "ann@",
    "ann@a..org",
    "ann@a.org, ben@b.org",
    "Ann <ann@a.org>",
    "ann b@a.org",
    "ann@a.org\nBcc: ben@b.org",
    "ann\0@a.org",
    "x" * 400 + "@a.org",
    "é" * 161 + "@a.org",
)


class TestSuppressionAddress(unittest.TestCase):
    def test_one_mailbox_has_one_form(self):
        for text, expected in SAME:
            with self.subTest(text):
                self.assertEqual(suppression_address(text), expected)

    def test_the_form_is_stable(self):
        for _text, found in SAME:
            with self.subTest(found):
                self.assertEqual(suppression_address(found), found)

    def test_what_is_no_address(self):
        for text in NONE:
            with self.subTest(text[:30]):
                self.assertEqual(suppression_address(text), "")
