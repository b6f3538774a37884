# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.sending_address import ADDRESS_KIND_WORDS, SENDING_RIGHT_WORDS, AddressKind, SendingRight, sending_right
from .case import EngineCase


class TestSendingAddress(EngineCase):
    def test_what_becomes_of_an_address(self):
        for wanted, leaves, entries, found in (
            ("ann@a.org", "ann@a.org", ("a.org",), "named"),
            ("ann@a.org", "ann@a.org", ("ann@a.org",), "named"),
            ("ann@b.a.org", "ann@b.a.org", (".a.org",), "named"),
            ("ann@a.org", "ann@a.org", (), "any"),
            ("ann@b.org", "office@a.org", ("a.org",), "replaced"),
            ("ann@b.org", "ann@b.org", ("a.org",), "refused"),
            ("ann@b.org", "office@b.org", ("a.org",), "refused"),
            ("odoobot@example.com", "odoobot@example.com", (), "placeholder"),
            ("odoobot@example.com", "office@a.org", (), "replaced"),
            ("", "", (), "missing"),
            ("", "office@a.org", (), "replaced"),
        ):
            with self.subTest(wanted=wanted, leaves=leaves, entries=entries):
                self.assertEqual(sending_right(wanted, leaves, entries), SendingRight(found))

    def test_all_have_words(self):
        self.assertEqual(set(ADDRESS_KIND_WORDS), set(AddressKind))
        self.assertEqual(set(SENDING_RIGHT_WORDS), set(SendingRight))
