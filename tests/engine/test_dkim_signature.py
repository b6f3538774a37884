# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import re
import time

import dkim

from ...engine.dkim_signature import LARGEST_MESSAGE, SignedMessage
from ...engine.errors import GatewayError
from .case import EngineCase
from .signed import key_pair, letter, signed

NOW = time.time()
PUBLIC = key_pair()[1]
# 768 bits.
SHORT_KEY = (
    "v=DKIM1; p=MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAKPUuPh7D75LG9wZ5zm6FSVxeFsVBIlKKfmfQHAduId9+LMeVIY/xF5pl3nv86ONTjKk"
    "JR9YUqQamRKmc8Ddqik0BpCxYoP5Uomruanrx2DNxSDNcgO1TZVP+lMLu7IT4wIDAQAB"
)


def texts(record=PUBLIC):
    return lambda name: (record,) if record is not None else ()


def check(content, record=PUBLIC, domain="example.org", now=NOW):
    """Return (is valid, is contradicted, problem) of the first signature that may speak for ``domain``."""
    message = SignedMessage(content, now)
    signatures = message.signatures(domain)
    if not signatures:
        return None, False, message.problem
    found = message.check(signatures[0], texts(record))
    return found.is_valid, found.is_contradicted, found.problem


class TestSignature(EngineCase):
    def test_what_is_signed_is_valid(self):
        for name, content in (
            ("relaxed", signed()),
            ("simple", signed(canonical=(b"simple", b"simple"))),
            ("relaxed, simple", signed(canonical=(b"relaxed", b"simple"))),
            ("line feeds alone", signed().replace(b"\r\n", b"\n")),
            ("no text", signed(letter(body=b""))),
            ("spaces", signed(letter(body=b"a  b \t \r\n\r\n c\r\n\r\n\r\n"))),
            ("many spaces", signed(letter(body=b"a" + b" " * 3000 + b"b" + b" " * 3000 + b"\r\n"))),
            ("not expired", signed(tags=[(b"x", b"%d" % (NOW + 1000))])),
            ("fields added above", b"Received: by mx\r\nX-Spam: no\r\n" + signed()),
        ):
            with self.subTest(name=name):
                self.assertEqual(check(content), (True, False, ""))

    def test_spaces_change_nothing_where_they_do_not_count(self):
        content = signed(letter(body=b"a b\r\nc\r\n"))
        self.assertTrue(check(content.replace(b"a b\r\n", b"a   b \t\r\n"))[0])
        strict = signed(letter(body=b"a b\r\nc\r\n"), canonical=(b"simple", b"simple"))
        self.assertFalse(check(strict.replace(b"a b\r\n", b"a   b \t\r\n"))[0])

    def test_what_was_changed_is_not(self):
        content = signed()
        changed = "its text was changed after it was signed"
        for name, altered, words in (
            ("text", content.replace(b"hello", b"hell0"), changed),
            ("text added", content + b"more\r\n", changed),
            ("subject", content.replace(b"A question", b"A quest1on"), "what was signed was changed"),
            ("sender", content.replace(b"Ann <ann@", b"Bob <bob@"), "what was signed was changed"),
        ):
            with self.subTest(name=name):
                is_valid, is_contradicted, problem = check(altered)
                self.assertEqual((is_valid, is_contradicted), (False, True))
                self.assertIn(words, problem)

    def test_signatures_that_prove_nothing(self):
        for name, content, record, words in (
            ("expired", signed(tags=[(b"x", b"%d" % (NOW - 90_000))]), PUBLIC, "has expired"),
            ("a part of the text", signed(length=True), PUBLIC, "only a part of its text"),
            ("From is not signed", signed().replace(b"h=from : ", b"h="), PUBLIC, "From field is not signed"),
            ("SHA-1", signed(algorithm=b"rsa-sha1"), PUBLIC, "SHA-1"),
            ("a short key", signed(), SHORT_KEY, "shorter than 1024 bits"),
            ("no key", signed(), None, "publishes no such key"),
            ("another record there", signed(), "v=spf1 -all", "publishes no such key"),
            ("revoked", signed(), "v=DKIM1; p=", "was revoked"),
            ("trying out", signed(), PUBLIC + "; t=y", "only tries"),
            ("for no subdomains", signed(identity=b"@mail.example.org"), PUBLIC + "; t=s", "t=s"),
            ("for SHA-1 only", signed(), PUBLIC + "; h=sha1", "not for SHA-256"),
            ("an endless key", signed(), PUBLIC + "A" * 2000, "longer than 4096 bits"),
            ("nonsense", signed(), "v=DKIM1; p=!!!!", "cannot be read"),
            ("cut off", signed(), PUBLIC[:-60], "cannot be read"),
            ("another kind", signed(), PUBLIC.replace("k=rsa", "k=dsa"), "unknown kind"),
            ("Ed25519", signed(), "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "Ed25519"),
            ("the future", re.sub(rb"\bt=\d+", b"t=99999999999", signed()), PUBLIC, "malformed"),
        ):
            with self.subTest(name=name):
                is_valid, is_contradicted, problem = check(content, record)
                self.assertIs(is_valid, False)
                self.assertIn(words, problem)
                self.assertFalse(is_contradicted, "old or weak is not false")

    def test_the_key_of_another_proves_nothing(self):
        self.assertEqual(check(signed(), key_pair(1024, 3)[1])[:2], (False, True))

    def test_a_service_key_that_is_not_for_mail(self):
        self.assertFalse(check(signed(), PUBLIC + "; s=tlsrpt")[0])

    def test_messages_whose_signatures_are_not_looked_at(self):
        good = signed()
        for name, content, words in (
            ("unsigned", letter(), "not signed"),
            ("a second Subject above", b"Subject: Pay now\r\n" + good, "subject stands more than once"),
            ("a second From above", b"From: boss@example.org\r\n" + good, "from stands more than once"),
            ("other parts above", b"Content-Type: a/b\r\nContent-Type: c/d\r\n" + good, "content-type stands"),
            ("two readers, two headers", b"X: a\rFrom: boss@example.org\r\r" + good, "carriage return"),
            ("a zero byte", b"X: a\0b\r\n" + good, "zero byte"),
            ("no end of the header", good.partition(b"\r\n\r\n")[0], "no end"),
            ("an endless header", b"X: " + b"x" * 200_000 + b"\r\n" + good, "too long"),
            ("endless lines", b"X: y\r\n" * 2500 + good, "too many lines"),
            ("a line that is no field", b"nonsense\r\n" + good, "malformed"),
            ("a first line that begins with a blank", b" x: y\r\n" + good, "malformed"),
            ("a mailbox's line that goes on", b"From x\r\n y\r\n" + good, "malformed"),
            ("too large", good + b"x" * LARGEST_MESSAGE, "too large"),
        ):
            with self.subTest(name=name):
                message = SignedMessage(content, NOW)
                self.assertIn(words, message.problem)
                self.assertEqual(message.signatures("example.org"), [])

    def test_only_signatures_that_may_speak_for_the_domain(self):
        content = signed(signed(signed(), "mail.example.org", "s2"), "evil.test", "s3")
        found = [(one.index, one.domain, one.key_name) for one in SignedMessage(content, NOW).signatures("example.org")]
        self.assertEqual(
            found,
            [
                (2, "example.org", "s1._domainkey.example.org"),
                (1, "mail.example.org", "s2._domainkey.mail.example.org"),
            ],
        )
        for domain in ("example.com", "xample.org", "org", ""):
            with self.subTest(domain=domain):
                self.assertEqual(SignedMessage(signed(), NOW).signatures(domain), [])

    def test_the_second_of_two_is_found(self):
        content = signed(signed(), "mail.example.org", "s2")
        message = SignedMessage(content, NOW)
        self.assertTrue(message.check(message.signatures("example.org")[0], texts()).is_valid)

    def test_five_signatures_and_no_more(self):
        field = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=s%d; h=from; bh=AAAA; b=AAAA\r\n"
        content = b"".join(field % number for number in range(100)) + letter()
        self.assertEqual(len(SignedMessage(content, NOW).signatures("example.org")), 5)

    def test_a_silent_dns_is_not_known(self):
        def silent(name):
            raise GatewayError("The DNS did not answer in time.", phase="resolve")

        message = SignedMessage(signed(), NOW)
        found = message.check(message.signatures("example.org")[0], silent)
        self.assertEqual((found.is_valid, found.is_known, found.is_contradicted), (False, False, False))

    def test_hostile_signatures_cost_no_time(self):
        field = b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s1; h=from; bh=AAAA; "
        begun = time.monotonic()
        for name, content in (
            ("a megabyte of spaces", field + b"b=AAAA\r\n" + letter(body=b"x" + b" " * 3_000_000 + b"x")),
            ("spaces in the signature", field + b"b" + b" \r\n" * 1200 + b" =AAAA\r\n" + letter()),
            ("folds without end", field + b"b=AAAA\r\n" + b"X: y\r\n" + b" z\r\n" * 60_000 + letter()),
            ("names without end", field + b"h=" + b"from:" * 700 + b"; b=AAAA\r\n" + letter()),
            ("empty lines without end", field + b"b=AAAA\r\n" + letter(body=b"\r\n" * 2_000_000)),
        ):
            with self.subTest(name=name):
                self.assertFalse(check(content)[0])
        self.assertLess(time.monotonic() - begun, 10)


class TestChain(EngineCase):
    def sealed(self, content, domain, results, key=None):
        head = f"Authentication-Results: {domain}; {results}\r\n".encode() + content
        fields = dkim.arc_sign(head, b"s1", domain.encode(), key or key_pair()[0], domain.encode())
        return b"".join(fields) + head

    def test_a_valid_chain(self):
        content = self.sealed(letter(), "lists.test", "dmarc=pass header.from=example.org")
        ((instance, domain, value),) = SignedMessage(content, NOW).chain(texts())
        self.assertEqual((instance, domain), (1, "lists.test"))
        self.assertIn("dmarc=pass", value)
        again = self.sealed(content, "relay.test", "arc=pass")
        self.assertEqual(
            [one[:2] for one in SignedMessage(again, NOW).chain(texts())], [(2, "relay.test"), (1, "lists.test")]
        )

    def test_a_chain_that_does_not_hold(self):
        content = self.sealed(letter(), "lists.test", "dmarc=pass header.from=example.org")
        for name, altered, record in (
            ("none", letter(), PUBLIC),
            ("text", content.replace(b"hello", b"hell0"), PUBLIC),
            ("results", content.replace(b"dmarc=pass", b"dmarc=fail"), PUBLIC),
            ("another key", content, key_pair(1024, 3)[1]),
            ("no key", content, None),
            (
                "a seal alone",
                b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=lists.test; s=s1; b=AAAA\r\n" + letter(),
                PUBLIC,
            ),
            ("many seals", b"ARC-Seal: i=1; x\r\n" * 100 + letter(), PUBLIC),
            ("nonsense", b"ARC-Seal: i=999999999999; =;;\r\n" + letter(), PUBLIC),
        ):
            with self.subTest(name=name):
                self.assertEqual(SignedMessage(altered, NOW).chain(texts(record)), [])
