# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from __future__ import annotations

import unittest

from ...engine.person_address import erased_address, person_address, without_address

TYPED = (
    # typed, address, other forms, patterns
    ("ann@ngo.example", "ann@ngo.example", (), ("ann+%@ngo.example",)),
    ("  Ann Smith <Ann@NGO.example> ", "ann@ngo.example", (), ("ann+%@ngo.example",)),
    ("ann+news@ngo.example", "ann+news@ngo.example", (), ()),
    (
        "ann@bücher.example",
        "ann@bücher.example",
        ("ann@xn--bcher-kva.example",),
        ("ann+%@bücher.example", "ann+%@xn--bcher-kva.example"),
    ),
    (
        "ann@XN--BCHER-KVA.example",
        "ann@bücher.example",
        ("ann@xn--bcher-kva.example",),
        ("ann+%@bücher.example", "ann+%@xn--bcher-kva.example"),
    ),
    ("a_n%n@ngo.example", "a_n%n@ngo.example", (), (r"a\_n\%n+%@ngo.example",)),
    ("é@ngo.example", "é@ngo.example", ("e\u0301@ngo.example",), ("é+%@ngo.example", "e\u0301+%@ngo.example")),
)
REFUSED = ("", "ann", "@ngo.example", "ann@", "ann@a.example, ben@b.example", "a@b@c.example", "ann@ngo example", "%@%")


class TestPersonAddress(unittest.TestCase):
    def test_forms(self):
        for typed, address, others, patterns in TYPED:
            with self.subTest(typed):
                found = person_address(typed)
                self.assertEqual(found.address, address)
                self.assertEqual(set(found.plain), {address, *others})
                self.assertEqual(set(found.details), set(patterns))

    def test_subaddresses_only_where_they_are_meant(self):
        self.assertEqual(person_address("ann@ngo.example", with_details=False).details, ())

    def test_a_text_without_it(self):
        for text, left in (
            ("Ann@NGO.example, ben@ngo.example", "erased@erased.invalid, ben@ngo.example"),
            ("of ann@ngo.example: ann@ngo.example", "of erased@erased.invalid: erased@erased.invalid"),
            ("an.n@ngo.example", "an.n@ngo.example"),
            ("", ""),
        ):
            with self.subTest(text):
                self.assertEqual(without_address(text, person_address("ann@ngo.example")), left)

    def test_what_is_not_one_address(self):
        for typed in REFUSED:
            with self.subTest(typed), self.assertRaisesRegex(ValueError, "^not one address$"):
                person_address(typed)

    def test_a_digest_is_no_address_and_names_one_only(self):
        digest = person_address("Ann@NGO.example").digest
        self.assertRegex(digest, "^erased:[0-9a-f]{64}$")
        self.assertEqual(digest, erased_address("ann@ngo.example"))
        self.assertNotEqual(digest, erased_address("ben@ngo.example"))
