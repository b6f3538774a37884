# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whatever a sender writes: a verdict, in bounded time, and never a proof."""

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ...engine.authentication_results import NAMELESS, parse_field, server_of, trusted_field
from ...engine.dkim_signature import SignedMessage
from ...engine.dmarc import parse_record, walk
from ...engine.resolver import Questions, Resolver
from ...engine.sender_address import ascii_domain, plain_address, sender_address
from ...engine.sender_check import SenderTrust, check_sender, keys_to_ask
from ...engine.sender_verdict import SenderResult
from ...engine.summary import summarize
from .case import EngineCase
from .signed import key_pair, signed

ROUNDS = settings(max_examples=150, deadline=2000, suppress_health_check=list(HealthCheck))
# What the grammars are made of, so that most of what is tried gets far.
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *'();=@.:,<>"\\/ \t',
                "mx",
                "dmarc",
                "dkim",
                "spf",
                "auth",
                "pass",
                "fail",
                "none",
                "header.from",
                "header.d",
                "smtp.auth",
                "smtp.mailfrom",
                "example.org",
                "ann@example.org",
                "reason",
                "p=reject",
                "v=DMARC1",
                "i=1",
                "1",
                "\r\n ",
                "v=1",
                "a=rsa-sha256",
                "d=example.org",
                "s=s1",
                "h=from",
                "bh=AAAA",
                "b=AAAA",
                "l=0",
                "c=relaxed/relaxed",
            ]
        ),
        st.text(max_size=6),
    ),
    max_size=60,
).map("".join)
FIELDS = st.sampled_from(
    [
        "From",
        "FROM ",
        "Sender",
        "Authentication-Results",
        "DKIM-Signature",
        "ARC-Seal",
        "ARC-Message-Signature",
        "ARC-Authentication-Results",
        "Subject",
        "X",
    ]
)
HEADS = st.lists(st.tuples(FIELDS, PIECES), max_size=12).map(
    lambda lines: "\r\n".join(f"{name}:{value}" for name, value in lines).encode("utf-8", "surrogatepass")
)
RESOLVER = Resolver(None)
TRUST = SenderTrust(("mx", NAMELESS), ("example.org",))


def judged(content, trust=TRUST):
    summary = summarize(content)
    sender = sender_address(content, summary)
    keys_to_ask(content, sender, SenderTrust())
    return sender, check_sender(content, summary, sender, trust, Questions(RESOLVER), time.time())


class TestFuzz(EngineCase):
    def test_fields(self):
        @ROUNDS
        @given(PIECES)
        def run(text):
            server_of(text)
            for server in ("mx", NAMELESS):
                parse_field(text, server)
            trusted_field([("authentication-results", text)], ("mx", NAMELESS, ""))
            parse_record(text)
            plain_address(text)
            domain = ascii_domain(text)
            if domain:
                self.assertTrue(domain.isascii())
                self.assertLessEqual(len(walk(domain, lambda name: (text,)).records), 8)

        run()

    def test_messages(self):
        @ROUNDS
        @given(HEADS, st.binary(max_size=200))
        def run(head, body):
            content = head + b"\r\n\r\n" + body
            sender, verdict = judged(content, SenderTrust())
            # No DNS server is there, and nobody is trusted.
            self.assertEqual(verdict.result, SenderResult.NONE)
            self.assertTrue(verdict.reasons)
            if not sender.address:
                self.assertTrue(sender.doubt)
            judged(content)

        run()

    def test_any_bytes(self):
        @ROUNDS
        @given(st.binary(max_size=2000))
        def run(content):
            judged(content)
            message = SignedMessage(content, 0)
            message.chain(lambda name: ())

        run()

    def test_a_signed_message_with_bytes_changed(self):
        original = signed()
        record = key_pair()[1]
        text = original.partition(b"\r\n\r\n")[0]
        head = text.index(b"From: ")

        # Whatever is put in place of a byte of the From field or the text, the signature does not hold any more.
        @ROUNDS
        @given(st.integers(head + 6, len(original) - 1), st.integers(0, 255))
        def run(place, value):
            changed = original[:place] + bytes([value]) + original[place + 1 :]
            message = SignedMessage(changed, time.time())
            for signature in message.signatures("example.org"):
                if message.check(signature, lambda name: (record,)).is_valid:
                    # Spaces and case of names do not count (relaxed, RFC 6376 §3.4).
                    self.assertEqual(_even(changed), _even(original))

        run()

    def test_attacks_that_cost_time(self):
        begun = time.monotonic()
        for name, content in (
            ("fields of a trusted server", b"Authentication-Results: mx; " + b"(" * 3900 + b"\r\nFrom: a@b.c\r\n\r\n"),
            ("many fields", b"Authentication-Results: mx2; dkim=pass\r\n" * 20_000 + b"From: a@b.c\r\n\r\n"),
            ("many From fields", b"From: a@b.c\r\n" * 50_000 + b"\r\n"),
            ("a long From field", b"From: " + b"a@b.c, " * 100_000 + b"\r\n\r\n"),
            ("a From field folded without end", b"From: a@b.c\r\n" + b" (\r\n" * 100_000 + b"\r\n"),
            ("a megabyte of an address", b"From: <" + b"a" * 900_000 + b"@b.c>\r\n\r\n"),
            ("groups in groups", b"From: " + b"a:" * 100_000 + b"\r\n\r\n"),
        ):
            with self.subTest(name=name):
                self.assertEqual(judged(content)[1].result, SenderResult.NONE)
        self.assertLess(time.monotonic() - begun, 15)


def _even(content):
    """Return a message without what a relaxed signature does not see."""
    lines = [b" ".join(line.split()) for line in content.replace(b"\r\n", b"\n").split(b"\n")]
    return b"\n".join(lines).rstrip().lower()
