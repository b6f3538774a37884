# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import unittest

from ...engine.mail_domain import is_published, mail_domain


class TestMailDomain(unittest.TestCase):
    def test_what_is_a_domain(self):
        for text, expected in (
            ("example.org", "example.org"),
            (" Example.ORG. ", "example.org"),
            ("ann@mail.example.org", "mail.example.org"),
            ("<ann@example.org>", "example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("a-b.org", "a-b.org"),
            ("", ""),
            ("org", ""),
            ("192.0.2.1", ""),
            ("-a.org", ""),
            ("a b.org", ""),
            ("a..org", ""),
            (f"{'a' * 64}.org", ""),
            (".".join(["a" * 60] * 5), ""),
            ("example.org/../x", ""),
            ("_dmarc.example.org", ""),
            ("example.org\nx.org", ""),
        ):
            with self.subTest(text=text):
                self.assertEqual(mail_domain(text), expected)

    def test_what_the_dns_can_know(self):
        for domain, expected in (
            ("your-ngo.org", True),
            ("example.org", False),
            ("mail.local", False),
            ("x.invalid", False),
        ):
            with self.subTest(domain=domain):
                self.assertEqual(is_published(domain), expected)
