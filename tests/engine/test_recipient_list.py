# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.recipient_list import clean_entry, refusal
from .case import EngineCase


class TestRecipientList(EngineCase):
    def test_what_an_entry_may_be(self):
        for value, expected in (
            (" Ann@A.org ", "ann@a.org"),
            ("A.org", "a.org"),
            ("@a.org", "a.org"),
            (".a.org", ".a.org"),
            ("localhost", "localhost"),
            ("*", "*"),
        ):
            with self.subTest(value=value):
                self.assertEqual(clean_entry(value), expected)

    def test_what_no_entry_is(self):
        for value in ("", "a b.org", "a.org, b.org", "*@a.org,", "ann@", "..a.org", "Ann <ann@a.org>", "**"):
            with self.subTest(value=value), self.assertRaises(ValueError) as caught:
                clean_entry(value)
            self.assertIn("is neither an address (ann@your-domain.org) nor a domain", str(caught.exception))

    def test_who_may_be_written_to(self):
        missing = "The allow list of this database does not have this address."
        for expected, allowed, denied in (
            ("", (), ()),
            ("", ("a.org",), ()),
            ("", ("ann@a.org",), ()),
            ("", (".org",), ()),
            ("", ("*",), ()),
            (missing, ("b.org",), ()),
            (missing, ("ben@a.org",), ()),
            (missing, (".a.org.uk",), ()),
            ("The deny list of this database has a.org.", (), ("a.org",)),
            ("The deny list of this database has *.", (), ("*",)),
            ("The deny list of this database has .org.", ("a.org",), (".org",)),
            ("The deny list of this database has ann@a.org.", ("ann@a.org",), ("ann@a.org",)),
            ("", ("ann@a.org",), ("*",)),
            ("", ("ann@a.org",), ("a.org",)),
        ):
            with self.subTest(allowed=allowed, denied=denied):
                self.assertEqual(refusal("ann@a.org", frozenset(allowed), frozenset(denied)), expected)
