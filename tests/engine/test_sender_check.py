# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time
import tracemalloc

import dkim

from ...engine.resolver import Questions, Resolver
from ...engine.sender_address import sender_address
from ...engine.sender_check import SenderTrust, check_sender, keys_to_ask
from ...engine.summary import summarize
from .case import EngineCase
from .name_server import NameServer
from .signed import key_pair, letter, signed, zone

MX = "mx.gateway.test"
NOW = time.time()
NOBODY = SenderTrust()


class TestSenderCheck(EngineCase):
    """A real DNS server on loopback, and mail that is really signed."""

    def check(self, content, records=None, trust=None, *, seconds=5.0, question_seconds=0.4):
        """Return (result, reasons as one text); keep what was asked of the DNS in ``self.asked``."""
        with NameServer(records or {}) as server:
            resolver = Resolver(server.resolver(), question_seconds=question_seconds)
            summary = summarize(content)
            sender = sender_address(content, summary)
            verdict = check_sender(content, summary, sender, trust or SenderTrust(), Questions(resolver, seconds), NOW)
            self.asked = [name for name, _kind in server.asked]
        self.assertTrue(verdict.reasons)
        self.assertTrue(verdict.steps)
        return verdict.result.value, " ".join(verdict.reasons)

    def test_own_verification(self):
        enforced, lenient = "v=DMARC1; p=reject", "v=DMARC1; p=none"
        changed = signed().replace(b"hello", b"hell0")
        below = zone(domain="mail.example.org", dmarc=None)
        for name, content, records, expected, words in (
            ("signed", signed(), zone(), "pass", "example.org signed it"),
            (
                "signed by a domain below",
                signed(domain="mail.example.org"),
                {**below, **zone("", dmarc=enforced)},
                "pass",
                "mail.example.org signed it",
            ),
            (
                "… where only the very domain may",
                signed(domain="mail.example.org"),
                {**below, **zone("", dmarc="v=DMARC1; p=none; adkim=s")},
                "none",
                "does not speak for example.org",
            ),
            ("… where nothing is published", signed(domain="mail.example.org"), below, "none", "does not speak"),
            (
                "signed by a stranger",
                signed(domain="evil.test"),
                zone(domain="evil.test"),
                "none",
                "No signature proves",
            ),
            ("not signed", letter(), zone(dmarc=enforced), "none", "not signed"),
            ("changed, and the domain says so", changed, zone(dmarc=enforced), "fail", "asks not to believe it"),
            ("changed, and the domain does not care", changed, zone(dmarc=lenient), "none", "changed after"),
            ("changed, and nothing is published", changed, zone(), "none", "changed after"),
            ("no key any more", signed(), zone("", dmarc=enforced), "none", "no such key"),
            ("expired", signed(tags=[(b"x", b"%d" % (NOW - 90_000))]), zone(dmarc=enforced), "none", "expired"),
            ("the DNS fails", signed(), {("s1._domainkey.example.org", "TXT"): None}, "none", "with a failure"),
            ("two From fields", b"From: boss@gateway.test\r\n" + signed(), zone(), "none", "more than one From"),
            (
                "two From fields, one hidden",
                b"X: a\rFrom: boss@gateway.test\r\n" + signed(),
                zone(),
                "none",
                "one From",
            ),
            ("two addresses", signed(letter("ann@example.org, boss@gateway.test")), zone(), "none", "more than one"),
        ):
            with self.subTest(name=name):
                result, reasons = self.check(content, records)
                self.assertEqual(result, expected, reasons)
                self.assertIn(words, reasons)

    def test_a_signature_of_the_same_domain_under_another_header(self):
        # Whoever has a mail that Ann sent puts a From of her boss above it, where only one reader sees it.
        content = b"From: boss@example.org\r\r" + signed()
        self.assertNotEqual(self.check(content, zone())[0], "pass")

    def test_a_trusted_server(self):
        trust = SenderTrust((MX,))
        noted = f"Authentication-Results: {MX}; ".encode()
        passed, failed = b"dmarc=pass header.from=example.org\r\n", b"dmarc=fail header.from=example.org\r\n"
        for name, content, expected in (
            ("pass", noted + passed + letter(), "pass"),
            ("fail", noted + failed + letter(), "fail"),
            ("fail above a forged pass", noted + failed + noted + passed + letter(), "fail"),
            ("nothing proved", noted + b"dmarc=none header.from=example.org\r\n" + letter(), "none"),
            ("nothing proved, a forged pass below", noted + b"none\r\n" + noted + passed + letter(), "none"),
            ("a stranger's pass", b"Authentication-Results: mx.evil.test; " + passed + letter(), "none"),
            ("two From fields", noted + passed + b"From: boss@gateway.test\r\n" + letter(), "none"),
            ("injected by a folded line", letter(head=b"Subject: x\r\n " + noted + passed), "none"),
        ):
            with self.subTest(name=name):
                self.assertEqual(self.check(content, trust=trust)[0], expected)
                self.assertEqual(self.asked, [])

    def test_where_the_trusted_server_noted_nothing_a_signature_counts(self):
        self.assertEqual(self.check(signed(), zone(), SenderTrust((MX,)))[0], "pass")

    def test_where_it_noted_something_no_signature_is_looked_at(self):
        # It has added a line to the text since, as many do.
        content = (
            f"Authentication-Results: {MX}; dkim=pass header.d=example.org\r\n".encode() + signed() + b"footer\r\n"
        )
        self.assertEqual(self.check(content, zone(dmarc="v=DMARC1; p=reject"), SenderTrust((MX,)))[0], "pass")
        self.assertEqual(self.asked, [])

    def test_a_domain_below_that_a_trusted_server_found(self):
        content = f"Authentication-Results: {MX}; dkim=pass header.d=mail.example.org\r\n".encode() + letter()
        self.assertEqual(self.check(content, zone("", dmarc="v=DMARC1; p=none"), SenderTrust((MX,)))[0], "pass")
        self.assertEqual(self.check(content, {}, SenderTrust((MX,)))[0], "none")

    def test_a_chain_of_trusted_servers(self):
        head = b"Authentication-Results: lists.test; dmarc=pass header.from=example.org\r\n" + letter()
        content = b"".join(dkim.arc_sign(head, b"s1", b"lists.test", key_pair()[0], b"lists.test")) + head
        records = zone(domain="lists.test")
        for name, altered, sealers, expected in (
            ("trusted", content, ("lists.test",), "pass"),
            ("not trusted", content, ("other.test",), "none"),
            ("nobody", content, (), "none"),
            ("changed since", content.replace(b"hello", b"hell0"), ("lists.test",), "none"),
            (
                "forged",
                b"ARC-Authentication-Results: i=1; lists.test; dmarc=pass header.from=example.org\r\n" + letter(),
                ("lists.test",),
                "none",
            ),
        ):
            with self.subTest(name=name):
                self.assertEqual(self.check(altered, records, SenderTrust((), sealers))[0], expected)

    def test_a_chain_that_went_on_through_a_stranger(self):
        head = b"Authentication-Results: lists.test; dmarc=pass header.from=example.org\r\n" + letter()
        first = b"".join(dkim.arc_sign(head, b"s1", b"lists.test", key_pair()[0], b"lists.test")) + head
        noted = b"Authentication-Results: evil.test; arc=pass\r\n" + first
        content = b"".join(dkim.arc_sign(noted, b"s1", b"evil.test", key_pair()[0], b"evil.test")) + noted
        records = {**zone(domain="lists.test"), **zone(domain="evil.test")}
        self.assertEqual(self.check(content, records, SenderTrust((), ("lists.test",)))[0], "none")
        self.assertEqual(self.check(content, records, SenderTrust((), ("lists.test", "evil.test")))[0], "pass")

    def test_a_silent_dns_proves_nothing_and_holds_nobody(self):
        records = {("s1._domainkey.example.org", "TXT"): "silence", ("_dmarc.example.org", "TXT"): "silence"}
        content = signed(signed(signed(), selector="s2"), selector="s3")
        records.update({(f"s{number}._domainkey.example.org", "TXT"): "silence" for number in (2, 3)})
        begun = time.monotonic()
        result, reasons = self.check(content, records, seconds=0.6)
        self.assertEqual(result, "none")
        self.assertIn("did not answer in time", reasons)
        self.assertLess(time.monotonic() - begun, 1.5)

    def test_no_question_where_nothing_is_signed(self):
        self.check(letter(), zone(dmarc="v=DMARC1; p=reject"))
        self.assertEqual(self.asked, [])

    def test_one_question_for_what_is_signed_by_the_very_domain(self):
        self.check(signed(), zone(dmarc="v=DMARC1; p=reject"))
        self.assertEqual(self.asked, ["s1._domainkey.example.org"])

    def test_names_of_keys_cost_no_copy_of_the_body(self):
        content = signed() + b"line\n" * 2_000_000
        sender = sender_address(content, summarize(content))
        tracemalloc.start()
        try:
            self.assertEqual(keys_to_ask(content, sender, NOBODY), ["s1._domainkey.example.org"])
            self.assertLess(tracemalloc.get_traced_memory()[1], 2_000_000)
        finally:
            tracemalloc.stop()

    def test_what_is_asked_is_known_beforehand(self):
        def keys(content, trust=NOBODY):
            return keys_to_ask(content, sender_address(content, summarize(content)), trust)

        self.assertEqual(keys(signed()), ["s1._domainkey.example.org"])
        self.assertEqual(keys(letter()), [])
        self.assertEqual(keys(signed(domain="evil.test")), [])
        self.assertEqual(keys(signed(), SenderTrust((MX,))), [])
        self.assertEqual(keys(b"From: a@b.c\r\n" + signed()), [])
