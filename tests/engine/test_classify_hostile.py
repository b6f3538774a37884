# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ...engine import bounce_verdict, bounce_words, delivery_report, report_part
from ...engine.bounce_text import MOST_RECIPIENTS as MOST_IN_TEXT
from ...engine.bounce_text import read_bounce_text
from ...engine.bounce_verdict import judge_bounce
from ...engine.classify import classify
from ...engine.delivery_status import MOST_RECIPIENTS, find_status, read_delivery_status
from ...engine.disposition import read_disposition
from ...engine.feedback_report import read_feedback_report
from ...engine.message_kind import Classification, MessageKind
from ...engine.provider_notice import read_provider_notice
from ...engine.report_address import bare_address, found_addresses, typed_address
from ...engine.report_part import DEEPEST, MOST_PARTS, media_type, parameter, walk_parts
from ...engine.smtp_stage import find_stage
from ...engine.summary import summarize
from .case import EngineCase

HEAD = b"From: MAILER-DAEMON@mx.example.org\r\nReturn-Path: <>\r\nSubject: Undelivered mail\r\n"
REPORT = HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n"
NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000))
GROUP = b"Final-Recipient: rfc822; a%d@example.com\r\nAction: failed\r\nDiagnostic-Code: smtp; 550 mailbox host\r\n\r\n"

# Each took minutes, or a recursion error, with a walk or a pattern that is not bounded.
BOMBS = {
    "nested parts": REPORT + b"\r\n--b\r\n" + NESTED,
    "10,000 parts": REPORT + b"\r\n" + b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 10_000,
    "10,000 delivery-status parts": REPORT
    + b"\r\n"
    + b"--b\r\nContent-Type: message/delivery-status\r\n\r\nx: y\r\n" * 10_000,
    "10,000 recipients": REPORT
    + b"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    + b"".join(GROUP % n for n in range(10_000)),
    "boundary of one letter": HEAD + b"Content-Type: multipart/report; boundary=a\r\n\r\n" + b"--a\r\n" * 50_000,
    "boundary that never comes": REPORT + b"\r\n" + b"--" * 500_000,
    "huge header": HEAD + b"X-Long: " + b"a" * 3_000_000 + b"\r\n\r\nx",
    "huge content type": HEAD + b"Content-Type: multipart/report; " + b'a="' * 300_000 + b"\r\n\r\nx",
    "100,000 fields": HEAD + b"X: y\r\n" * 100_000 + b"\r\nx",
    "one long line": HEAD + b"\r\n" + b"user " * 1_000_000,
    "empty lines": HEAD + b"\r\n" + b"\n" * 1_000_000,
    "blanks": HEAD + b"\r\n" + b" " * 1_000_000,
    "at signs": HEAD + b"\r\n" + b"@" * 1_000_000,
    "angle brackets": HEAD + b"\r\n" + b"<" * 1_000_000,
    "transcript": HEAD + b"\r\n" + b">>> RCPT\n<<< 550 x\n" * 50_000,
    "dashes": HEAD + b"\r\n" + b"-----\n" * 200_000,
    "addresses": HEAD + b"\r\n" + b"".join(b"<a%d@example.com>: user unknown\r\n" % n for n in range(20_000)),
    "failed recipients": HEAD + b"X-Failed-Recipients: " + b"a@example.com, " * 50_000 + b"\r\n\r\nx",
    "deep JSON": HEAD + b'\r\n{"notificationType": ' + b"[" * 200_000,
    "deep HTML": HEAD + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 200_000,
    "charset that is none": HEAD + b'Content-Type: text/plain; charset="a\0b"\r\n\r\n\xff',
    "encoding that is none": HEAD + b"Content-Transfer-Encoding: x-nothing\r\n\r\n\xff",
    "nothing": b"",
}

# Deterministic, so that a change of the code alone can make it fail.
bounded = settings(
    max_examples=150, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
PIECES = st.sampled_from(
    [
        "Content-Type: multipart/report; boundary=b\r\n",
        "Content-Type: message/delivery-status\r\n",
        "Return-Path: <>\r\n",
        "From: MAILER-DAEMON\r\n",
        "From: <>\r\n",
        "Subject: failure notice\r\n",
        "\r\n",
        "\r\n--b\r\n",
        "--b--",
        "Final-Recipient: ",
        "rfc822; a@example.com\r\n",
        "Action: failed\r\n",
        "Action: delayed\r\n",
        "Status: 5.1.1\r\n",
        "Diagnostic-Code: smtp; 550 ",
        "user unknown",
        "<a@example.com>: ",
        "\r\n ",
        "X-Failed-Recipients: a@example.com\r\n",
        '{"notificationType":"Bounce"',
        "Content-Type: message/feedback-report\r\n",
        "Feedback-Type: abuse\r\n",
        "Disposition: x; y\r\n",
        "Message-ID: <1@x>\r\n",
        "Auto-Submitted: auto-replied\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "\0",
        "\udcff",
        "=?utf-8?q?x?=",
        "--- original message ---\r\n",
    ]
)
MAILS = st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=30).map(
    lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass")
)


class TestClassifyHostile(EngineCase):
    """Whatever a stranger sends, it is classified, and the work is bounded by numbers in the code."""

    def test_the_work_on_bombs_is_bounded(self):
        counted = [0]
        find = bounce_words.find_reasons

        def count(text):
            counted[0] += 1
            self.assertLess(len(bounce_words.flat_words(text)), 2_001)
            return find(text)

        for name, content in BOMBS.items():
            with self.subTest(name=name):
                counted[0] = 0
                walk = walk_parts(content)
                self.assertLessEqual(len(walk.parts), MOST_PARTS)
                self.assertLessEqual(walk.looked_at, 2 * MOST_PARTS)
                self.assertLessEqual(max((part.depth for part in walk.parts), default=0), DEEPEST)
                with (
                    patch.object(bounce_verdict, "find_reasons", count),
                    patch.object(delivery_report, "find_reasons", count),
                ):
                    found = classify(content, summarize(content))
                self.assertIsInstance(found, Classification)
                self.assertLessEqual(len(found.reports), max(MOST_RECIPIENTS, MOST_IN_TEXT))
                self.assertLessEqual(counted[0], 4 * MOST_RECIPIENTS)
                for one in found.reports:
                    self.assertLessEqual(len(one.text), 1000)
                    self.assertLessEqual(len(one.recipient.encode()), 320)

    def test_a_persons_mail_is_not_taken_apart(self):
        content = b"From: Ann <ann@example.org>\r\nSubject: Photos\r\n\r\n" + b"x" * 1000
        with patch.object(report_part, "split_head", side_effect=AssertionError):
            self.assertEqual(classify(content, summarize(content)).kind, MessageKind.PERSON)

    def test_parts_behind_the_limit_are_not_seen(self):
        parts = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" * (MOST_PARTS + 10)
        content = REPORT + b"\r\n" + parts + b"--b\r\nContent-Type: message/delivery-status\r\n\r\n" + GROUP % 1
        self.assertNotIn("message/delivery-status", [part.media_type for part in walk_parts(content).parts])

    def test_what_is_found_can_be_stored(self):
        group = (
            b"Final-Recipient: rfc822; j\xff\0o@example.net\r\nAction: failed\r\nDiagnostic-Code: smtp; 550 \xff\0\r\n"
        )
        original = b"--b\r\nContent-Type: message/rfc822\r\n\r\nTo: \xff@x.example\r\nMessage-ID: <\xff\0@x>\r\n\r\n"
        for content in (
            REPORT + b"\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n" + group + original,
            REPORT + b"\r\n" + original,
            HEAD + b"X-Failed-Recipients: \xff\0@example.net\r\nReferences: <\xff\0@x>\r\n\r\nx",
            HEAD + b"\r\n<\xff\0a@example.net>: 550 \xff\0\r\nMessage-ID: <\xff\0@x>\r\n",
            REPORT + b"\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: \xff\0\r\nTo: \xff",
        ):
            with self.subTest(content=content):
                found = classify(content, summarize(content))
                self.assertNotEqual(found.kind, MessageKind.PERSON)
                texts = [*found.original_ids, found.feedback_type, found.automatic]
                for one in found.reports:
                    texts += [one.recipient, one.original_recipient, one.text, one.remote_server, one.status]
                for text in texts:
                    # PostgreSQL takes neither.
                    self.assertNotIn("\0", text)
                    text.encode()

    @bounded
    @given(MAILS)
    def test_any_mail(self, content):
        found = classify(content, summarize(content))
        self.assertIsInstance(found, Classification)
        for one in found.reports:
            f"{one.recipient}{one.original_recipient}{one.text}{one.remote_server}".encode()

    @bounded
    @given(st.binary(max_size=300))
    def test_any_bytes(self, content):
        for source in (content, REPORT + b"\r\n--b\r\n" + content, HEAD + b"\r\n" + content):
            self.assertIsInstance(classify(source, summarize(source)), Classification)
        read_provider_notice(b'{"notificationType":"Bounce","bounce":' + content)

    @bounded
    @given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=20).map("".join)))
    def test_any_text(self, text):
        for read in (
            read_delivery_status,
            read_disposition,
            read_feedback_report,
            read_bounce_text,
            find_stage,
            find_status,
            judge_bounce,
            bare_address,
            typed_address,
            found_addresses,
            media_type,
        ):
            self.assertIsNotNone(read(text))
        self.assertIsInstance(parameter(text, "boundary"), str)
