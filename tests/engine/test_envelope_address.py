# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.envelope_address import MOST_RECIPIENTS, read_recipients, read_sender
from ...engine.errors import EnvelopeError
from .case import EngineCase


class TestEnvelope(EngineCase):
    def test_recipients(self):
        for values, found in (
            ([], ()),
            ([""], ()),
            (["a@b.org"], ("a@b.org",)),
            (["<a@b.org>, c@d.org"], ("a@b.org", "c@d.org")),
            (["a@b.org", "a@b.org,c@d.org,"], ("a@b.org", "c@d.org")),
            (['"a, b"@c.org, d@e.org'], ('"a, b"@c.org', "d@e.org")),
            ([r'"a\", b"@c.org'], (r'"a\", b"@c.org',)),
            (["odoo"], ("odoo",)),
            (["jürgen@bücher.example"], ("jürgen@bücher.example",)),
        ):
            with self.subTest(values):
                self.assertEqual(read_recipients(values), found)

    def test_malformed_recipients(self):
        quoted = ('"a\x00"@c.org', '"a\r\nX: y"@c.org', '"\x7f"@c.org', "a\udcfc@c.org")
        bare = ("a b@c.org", "a@", "@c.org", "a@b\r\nX: y", "<a@b.org", "a@b.org;c", "x" * 321, "a\x00@b.org")
        for value in (*quoted, *bare):
            with self.subTest(value), self.assertRaisesRegex(EnvelopeError, "^malformed address$"):
                read_recipients([value])

    def test_too_many_recipients(self):
        many = [f"a{number}@b.org" for number in range(MOST_RECIPIENTS)]
        self.assertEqual(len(read_recipients(many)), MOST_RECIPIENTS)
        with self.assertRaisesRegex(EnvelopeError, "^more than 100 recipients$"):
            read_recipients([*many, "one@more.org"])

    def test_sender(self):
        for value, sender in (("", ""), ("<>", ""), ("MAILER-DAEMON", ""), ("<a@b.org>", "a@b.org"), ("a@b", "a@b")):
            with self.subTest(value):
                self.assertEqual(read_sender(value), sender)
        with self.assertRaises(EnvelopeError):
            read_sender("a b")
