# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.sender_address import ascii_domain, plain_address, sender_address
from ...engine.summary import summarize
from .case import EngineCase


def find(*lines):
    content = b"\r\n".join([*(line if isinstance(line, bytes) else line.encode() for line in lines), b"", b"hello"])
    return sender_address(content, summarize(content))


class TestSenderAddress(EngineCase):
    def test_one_address(self):
        for value, expected in (
            ("ann@example.org", "ann@example.org"),
            ("Ann <Ann@Example.ORG>", "ann@example.org"),
            ('"Miller, Ann" <ann@example.org>', "ann@example.org"),
            ("Miller, Ann <ann@example.org>", "ann@example.org"),
            ("=?utf-8?q?M=C3=BCller=2C_Ann?= <ann@example.org>", "ann@example.org"),
            ("=?utf-8?q?boss=40gateway=2Etest?= <ann@example.org>", "ann@example.org"),
            ('"boss@gateway.test" <ann@example.org>', "ann@example.org"),
            ("Ann\r\n <ann@example.org>", "ann@example.org"),
            ("ann+tag@example.org (Ann)", "ann+tag@example.org"),
            ("Ann <ann@bücher.example>", "ann@xn--bcher-kva.example"),
        ):
            with self.subTest(value=value):
                found = find(f"From: {value}")
                self.assertEqual((found.address, found.doubt), (expected, ""))

    def test_no_certain_address(self):
        for name, lines, words in (
            ("no field", ["To: x@y.z"], "no From field"),
            ("two fields", ["From: ann@example.org", "From: boss@gateway.test"], "more than one From field"),
            ("two fields, one spelt oddly", ["From: ann@example.org", "FROM : boss@gateway.test"], "more than one"),
            ("two addresses", ["From: ann@example.org, boss@gateway.test"], "more than one address"),
            ("a group", ["From: all: ann@example.org;"], "with certainty"),
            ("an empty group", ["From: undisclosed:;"], "with certainty"),
            ("empty", ["From: "], "with certainty"),
            ("only a name", ["From: Ann"], "with certainty"),
            ("an address in an address", ["From: <boss@gateway.test@example.org>"], ""),
            ("one without brackets before", ["From: boss@gateway.test <ann@example.org>"], ""),
            ("a quoted local part", ['From: "boss@gateway.test "@example.org'], ""),
            ("a second field after a bare return", [b"X: a\rFrom: boss@gateway.test", "From: ann@example.org"], "one"),
            ("a zero byte", [b"From: ann\0@example.org"], ""),
            ("too long", ["From: " + "a" * 3000 + "@example.org"], ""),
            ("groups without end", ["From: " + "a:" * 900], ""),
            ("comments without end", ["From: " + "(" * 1900], ""),
        ):
            with self.subTest(name=name):
                found = find(*lines)
                self.assertEqual(found.address, "")
                self.assertTrue(found.doubt)
                self.assertIn(words, found.doubt)

    def test_every_address_that_anybody_may_find_is_named(self):
        for lines in (
            ["From: ann@example.org", "From: boss@gateway.test"],
            ["From: ann@example.org, boss@gateway.test"],
            ["From: ann@example.org (boss@gateway.test)"],
            ["From: team: boss@gateway.test;"],
            ["From: boss@gateway.test <ann@example.org>"],
            [b"X: a\rFrom: boss@gateway.test", "From: ann@example.org"],
            ["From: =?utf-8?q?boss=40gateway=2Etest=2C?= ann@example.org"],
        ):
            with self.subTest(lines=lines):
                self.assertIn("boss@gateway.test", find(*lines).named)

    def test_plain_forms(self):
        for text, expected in (
            ("a@b.c", "a@b.c"),
            ("a@b", "a@b"),
            ("@b.c", ""),
            ("a@", ""),
            ("a b@c.d", ""),
            ("a@b c", ""),
            ("a@b..c", ""),
            ("", ""),
        ):
            with self.subTest(text=text):
                self.assertEqual(plain_address(text), expected)
        self.assertEqual(ascii_domain("EXAMPLE.org."), "example.org")
        self.assertEqual(ascii_domain("x" * 300), "")
        self.assertEqual(ascii_domain("b\u00fccher.example"), "xn--bcher-kva.example")
        self.assertEqual(ascii_domain("\u2603\u2603.\u0000"), "")
