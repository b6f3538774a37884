# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from __future__ import annotations

import time
import unittest
from datetime import datetime, timedelta

from ...engine.outcome import InboundState
from ...engine.return_path import (
    PROOF_HEADER,
    find_return_path_proof,
    is_signed,
    proof_token,
    read_return_path,
    report_texts,
    sign_return_path,
    signed_return_paths,
    unsigned,
)
from ...engine.summary import summarize
from ...engine.token import TokenRing

NOW = datetime(2026, 1, 1)
RING, OTHER = TokenRing({1: b"k" * 32}), TokenRing({1: b"o" * 32})


class TestReturnPath(unittest.TestCase):
    def test_what_is_signed_can_be_read(self):
        signed = sign_return_path(RING, "bounce@example.org", 77, NOW)
        self.assertRegex(signed, r"^bounce\+[a-z2-7]{40}@example\.org$")
        self.assertEqual(read_return_path(RING, signed, NOW), ("bounce@example.org", 77))
        # Local parts may be folded on the way.
        self.assertEqual(read_return_path(RING, signed.upper(), NOW), ("bounce@example.org", 77))
        self.assertTrue(is_signed(signed))
        self.assertEqual(unsigned(signed), "bounce@example.org")

    def test_nobody_else_can_make_one(self):
        signed = sign_return_path(RING, "bounce@example.org", 77, NOW)
        for address, ring, now in (
            ("bounce@example.org", RING, NOW),
            ("bounce+abc@example.org", RING, NOW),
            (signed.replace("+a", "+b").replace("+c", "+d"), OTHER, NOW),
            (signed, OTHER, NOW),
            (signed, RING, NOW + timedelta(days=16)),
            (f"bounce+{proof_token(RING, 5, NOW)}@example.org", RING, NOW),
            ("", RING, NOW),
        ):
            with self.subTest(address=address):
                self.assertIsNone(read_return_path(ring, address, now))

    def test_where_a_report_names_it(self):
        signed = sign_return_path(RING, "bounce@example.org", 77, NOW)
        other = sign_return_path(RING, "b.o-u_nce@other.example", 78, NOW)
        forged = sign_return_path(OTHER, "bounce@example.org", 77, NOW)
        for name, envelope, content, expected in (
            ("envelope", signed, "From: a@b\n\nx", {signed}),
            ("To", "", f"To: <{signed}>\n\nx", {signed}),
            ("To, folded to capitals", "", f"To: {signed.upper()}\n\nx", {signed}),
            ("Delivered-To", "", f"Delivered-To: {signed}\n\nx", {signed}),
            ("enclosed copy", "", f"To: a@b\n\nReturn-Path: <{signed}>\nReceived: x for <{other}>.", {signed, other}),
            ("at the end of a sentence", "", f"To: a@b\n\nthe sender was {signed}.", {signed}),
            ("forged", forged, f"To: {forged}\n\n{forged}", set()),
            ("without a local part", "", f"To: a@b\n\n+{signed.partition('+')[2]}", set()),
            ("another purpose", "", f"To: bounce+{proof_token(RING, 5, NOW)}@example.org\n\n", set()),
            ("none", "", "To: a@b\n\nx", set()),
        ):
            octets = content.encode()
            with self.subTest(name):
                found = signed_return_paths(RING, report_texts(octets, summarize(octets), envelope), NOW)
                self.assertEqual(set(found), expected)

    def test_a_hostile_report_costs_little(self):
        for content in (
            b"a" * 10_000_000,
            b"+" * 10_000_000,
            b"+abcd" * 2_000_000,
            b"x+" + b"a" * 40 + b"@" * 5_000_000,
        ):
            started = time.monotonic()
            texts = report_texts(b"To: a@b\n\n" + content, summarize(content), "")
            self.assertEqual(signed_return_paths(RING, [*texts, content.decode()], NOW), ())
            self.assertLess(time.monotonic() - started, 2)
        many = b"".join(
            sign_return_path(OTHER, f"bounce{number}@example.org", number, NOW).encode() + b"\n"
            for number in range(5000)
        )
        self.assertEqual(signed_return_paths(RING, report_texts(many, summarize(many), ""), NOW), ())

    def test_a_local_part_that_would_be_too_long_stays_plain(self):
        address = f"{'b' * 24}@example.org"
        self.assertEqual(sign_return_path(RING, address, 77, NOW), address)
        self.assertFalse(is_signed(address))

    def test_a_proof_is_known_when_it_comes(self):
        step = find_return_path_proof(RING, NOW)
        for text, state, proof in (
            (proof_token(RING, 5, NOW), InboundState.DONE, 5),
            (proof_token(OTHER, 5, NOW), None, None),
            ("nonsense", None, None),
        ):
            facts = {}
            verdict = step(summarize(f"{PROOF_HEADER}: {text}\r\nSubject: x\r\n\r\nx".encode()), facts)
            with self.subTest(text=text):
                self.assertEqual((verdict.state, facts.get("return_path_proof")), (state, proof))
        self.assertEqual(step(summarize(b"Subject: x\r\n\r\nx"), {}).steps, ())
