# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time
from datetime import datetime, timedelta

from ...engine.outcome import InboundReason, InboundState
from ...engine.subaddress import (
    MOST_ADDRESSES,
    bases,
    detail_of,
    detailed_recipients,
    find_subaddress_proof,
    proof_address,
    with_detail,
    without_detail,
)
from ...engine.summary import summarize
from ...engine.token import TokenRing
from .case import EngineCase

NOW = datetime(2026, 5, 4, 12)
RING, OTHER = TokenRing({1: b"k" * 32}), TokenRing({1: b"o" * 32})


class TestSubaddress(EngineCase):
    def test_what_an_address_is_a_subaddress_of(self):
        for address, found in (
            ("help@example.org", ()),
            ("help+water@example.org", ("help@example.org",)),
            ("Help+Water@Example.org", ("help@example.org",)),
            ("help+a+b@example.org", ("help+a@example.org", "help@example.org")),
            ("help+@example.org", ("help@example.org",)),
            ("+water@example.org", ()),
            ("help@plus+domain.org", ()),
            ("help", ()),
            ("", ()),
        ):
            with self.subTest(address=address):
                self.assertEqual(bases(address), found)

    def test_plus_signs_without_end_are_a_few_questions(self):
        self.assertEqual(len(bases("a" + "+b" * 10_000 + "@example.org")), 4)

    def test_the_detail(self):
        for address, detail in (
            ("a@b.org", ""),
            ("a+x@b.org", "x"),
            ("a+x+y@b.org", "y"),
            ("a@b+c.org", ""),
            ("a+@b.org", ""),
            ("", ""),
        ):
            with self.subTest(address=address):
                self.assertEqual(detail_of(address), detail)
        self.assertEqual(with_detail("a@b.org", "x"), "a+x@b.org")
        self.assertEqual(with_detail("a" * 62 + "@b.org", "x"), "a" * 62 + "+x@b.org")
        self.assertEqual(with_detail("a" * 63 + "@b.org", "x"), "")

    def test_all_that_follows_a_plus_sign_is_detail(self):
        for address, expected in (
            ("Bounce+a+b@Gateway.test", "bounce@gateway.test"),
            ("bounce+abc@a.org", "bounce@a.org"),
            ("ann@a.org", "ann@a.org"),
        ):
            with self.subTest(address):
                self.assertEqual(without_detail(address), expected)

    def test_for_whom_a_message_is(self):
        for headers, envelope, found in (
            ("To: B+1@x.org\r\nCc: c+1@x.org", (), ("b+1@x.org", "c+1@x.org")),
            ("Cc: c+1@x.org\r\nTo: b+1@x.org, b+1@x.org, e@x.org", (), ("b+1@x.org", "c+1@x.org")),
            ("To: b+1@x.org\r\nTo: d+1@x.org", (), ("b+1@x.org", "d+1@x.org")),
            ("To: b+1@x\r\nDelivered-To: e+1@x\r\nX-Original-To: o+1@x", (), ("o+1@x", "e+1@x", "b+1@x")),
            ("To: b+1@x.org", ("Env+1@x.org", "b+1@x.org", "c@x.org"), ("env+1@x.org", "b+1@x.org")),
            ("To: b@x.org, C++ Group <c@x.org>", ("e@x.org",), ()),
            ("From: ann+1@x.org\r\nReply-To: r+1@x.org\r\nBcc: s+1@x.org", (), ()),
        ):
            with self.subTest(headers=headers):
                self.assertEqual(detailed_recipients(summarize(headers.encode() + b"\r\n\r\nx"), envelope), found)

    def test_recipients_without_end_are_cut(self):
        many = ", ".join(f"a+{number}@x.org" for number in range(5000))
        message = summarize(f"To: {many}\r\n".encode() * 20 + b"\r\nx")
        begin = time.monotonic()
        self.assertEqual(len(detailed_recipients(message)), MOST_ADDRESSES)
        self.assertLess(time.monotonic() - begin, 5)

    def test_a_proof_is_known_when_it_comes(self):
        proof = proof_address(RING, "catchall@example.org", 5, NOW)
        self.assertRegex(proof, r"^catchall\+[a-z2-7]{40}@example\.org$")
        self.assertEqual(proof_address(RING, "c" * 24 + "@example.org", 5, NOW), "")
        for name, to, ring, now, state in (
            ("as it was sent", proof, RING, NOW, InboundState.DONE),
            ("folded to one case", proof.upper(), RING, NOW, InboundState.DONE),
            ("too late", proof, RING, NOW + timedelta(days=16), None),
            ("of another database", proof, OTHER, NOW, None),
            ("another detail", "catchall+water@example.org", RING, NOW, None),
            ("without", "catchall@example.org", RING, NOW, None),
        ):
            facts = {}
            verdict = find_subaddress_proof(ring, now)(summarize(f"To: {to}\r\n\r\nx".encode()), facts)
            with self.subTest(name=name):
                self.assertEqual(verdict.state, state)
                self.assertEqual(facts, {"subaddress_proof": 5} if state else {})
                self.assertEqual(verdict.reason, InboundReason.ROUND_TRIP if state else None)

    def test_a_proof_may_be_named_by_the_envelope_only(self):
        proof = proof_address(RING, "catchall@example.org", 5, NOW)
        facts = {}
        find_subaddress_proof(RING, NOW, [proof])(summarize(b"To: list@x.org\r\n\r\nx"), facts)
        self.assertEqual(facts, {"subaddress_proof": 5})
