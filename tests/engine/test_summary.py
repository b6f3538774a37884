# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import hashlib
import random
import time

from ...engine.letter import Letter
from ...engine.summary import addresses, sole_address, summarize
from .case import EngineCase


def headed(*lines):
    return b"\r\n".join([*lines, b"", b"body"])


class TestSummary(EngineCase):
    def test_fields_are_decoded(self):
        for line, name, expected in (
            (b"Subject: Hello", "subject", "Hello"),
            (b"subject:Hello", "subject", "Hello"),
            (b"Subject: =?utf-8?b?xb1sdcWl?=", "subject", "Žluť"),
            (b"Subject: =?iso-8859-1?q?caf=E9?= noir", "subject", "café noir"),
            (b"Subject: =?utf-8?q?a?=\r\n =?utf-8?q?b?=", "subject", "ab"),
            (b"Subject: folded\r\n over\r\n\tlines", "subject", "folded over lines"),
            (b"Subject: \xc5\xbelu\xc5\xa5", "subject", "žluť"),
            (b"Subject: caf\xe9", "subject", "café"),
            (b"Subject: =?klingon?q?caf=E9?=", "subject", "café"),
            (b"Subject: =?utf-8?q?caf=E9?=", "subject", "café"),
            (b"Subject: =?utf-8?b?broken!base64?=", "subject", None),
            (b"Subject: with \x00 NUL", "subject", "with NUL"),
            (b"Subject:", "subject", ""),
            (b"From: Ann <ann@example.com>", "email_from", "Ann <ann@example.com>"),
            (b"To: box@example.com,\r\n other@example.com", "email_to", "box@example.com, other@example.com"),
            (b"Message-ID: <a@b>", "message_id", "<a@b>"),
            (b"Message-Id:   <a@b> (comment)", "message_id", "<a@b>"),
            (b"Message-ID: <a@\r\n b>", "message_id", ""),
            (b"Message-ID: no brackets", "message_id", ""),
            (b"X-Other: x", "message_id", ""),
        ):
            with self.subTest(line=line):
                found = getattr(summarize(headed(line)), name)
                if expected is None:
                    self.assertTrue(found)
                else:
                    self.assertEqual(found, expected)

    def test_no_header_takes_minutes(self):
        for separator in (b" ", b"\x0c", b"\r"):
            with self.subTest(separator=separator):
                began = time.process_time()
                summarize(headed(b"Subject: " + (b"=?a?q?" + separator) * 140_000, b"From: Ann <ann@example.com>"))
                # It was an hour.
                self.assertLess(time.process_time() - began, 20)

    def test_what_is_too_long_for_an_address_is_no_sender(self):
        self.assertEqual(sole_address(f"{'a' * 300}@example.com"), f"{'a' * 300}@example.com")
        self.assertEqual(sole_address(f"{'a' * 400}@example.com, ann@example.com"), "ann@example.com")
        self.assertEqual(sole_address(f"{'漢' * 110}@example.com"), "")

    def test_the_first_of_several_fields_counts(self):
        self.assertEqual(summarize(headed(b"Subject: one", b"Subject: two")).subject, "one")

    def test_the_body_is_not_read(self):
        self.assertEqual(summarize(b"From: a@b\n\nSubject: in the body").subject, "")
        self.assertEqual(summarize(b"From: a@b\r\n\r\nSubject: in the body").subject, "")

    def test_header_fields_are_found_in_any_case(self):
        summary = summarize(headed(b"X-Loop: one", b"x-loop: two", b"X-Empty:"))
        self.assertEqual(summary.header("X-LOOP"), "one")
        self.assertEqual(summary.header("X-Missing"), "")
        self.assertTrue(summary.has_header("x-empty"))
        self.assertFalse(summary.has_header("X-Missing"))
        self.assertEqual([name for name, _value in summary.headers], ["x-loop", "x-loop", "x-empty"])

    def test_digest_and_size_are_of_all_bytes(self):
        content = headed(b"Subject: x") + b"\x00\xff" * 1000
        summary = summarize(content)
        self.assertEqual(summary.digest, hashlib.sha256(content).hexdigest())
        self.assertEqual(summary.size, len(content))

    def test_no_bytes_make_it_fail(self):
        rng = random.Random(20260504)
        pieces = [b"Subject: ", b"From: ", b"=?utf-8?b?", b"=?x?q?", b"?=", b"\r\n", b"\n", b"\r", b" ", b":", b"\0"]
        pieces += [b"<", b">", b"@", b"\xff", b"\xc5", b"\xed\xa0\x80", b"a", b"\t", b";", b'"', b"\\"]
        for _round in range(2000):
            content = b"".join(rng.choice(pieces) for _count in range(rng.randrange(30)))
            summary = summarize(content)
            for text in (summary.subject, summary.email_from, summary.email_to, summary.message_id):
                # What PostgreSQL takes, on one line.
                self.assertNotIn("\0", text)
                self.assertNotIn("\n", text)
                text.encode()

    def test_a_header_section_without_end_is_cut(self):
        content = b"Subject: first\r\n" + b"X-Fill: x\r\n" * 200_000 + b"X-Loop: far behind\r\n"
        summary = summarize(content)
        self.assertEqual(summary.subject, "first")
        self.assertFalse(summary.has_header("X-Loop"))

    def test_the_address_in_a_field(self):
        for value, expected in (
            ("ann@example.com", "ann@example.com"),
            ("Ann <Ann@Example.COM>", "ann@example.com"),
            ('"Lee, Ann" <ann@example.com>, ben@example.com', "ann@example.com"),
            ("undisclosed-recipients:;", ""),
            ("Ann", ""),
            ("", ""),
        ):
            with self.subTest(value=value):
                self.assertEqual(sole_address(value), expected)

    def test_addresses_nested_without_end_are_none(self):
        for value in ("a:" * 5000, "(" * 5000 + "a@b.org", "<" * 5000, '"' * 5001, "[" * 5000):
            with self.subTest(value[:2]):
                self.assertEqual(sole_address(value + ","), "")
                self.assertEqual(addresses(value + ","), [])
                letter = Letter(summarize(f"From: {value}\nTo: {value}\n\n".encode()), b"")
                self.assertEqual((letter.sender, letter.sender_name, letter.recipients), ("", "", ()))
