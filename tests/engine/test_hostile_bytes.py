# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.automatic import sign_of_a_machine
from ...engine.preview import LONGEST_HTML, preview
from ...engine.storable import storable
from ...engine.summary import body_digest, summarize
from .case import EngineCase

NESTED = (
    b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(2000))
    + b"\r\ntext"
)


class TestHostileBytes(EngineCase):
    """Whatever a sender writes, the message is summarized and its form opens."""

    def test_no_header_stops_a_summary(self):
        for head in (
            b"Subject: =?utf-8?b?A?=",
            b"Subject: =?undefined?q?x?=",
            b"Subject: =?a\0b?q?x?=",
            b"Subject: =?utf-8?q?=00?=",
            b"From: \xff\xfe",
            b"Message-ID: <" + b"x" * 100_000 + b">",
            b"To: " + b"x" * 2_000_000,
            b"no field at all",
            b"",
        ):
            with self.subTest(head=head[:30]):
                summary = summarize(head + b"\r\n\r\nbody")
                self.assertLessEqual(len(summary.message_id), 600)
                for text in (summary.subject, summary.email_from, summary.email_to, summary.message_id):
                    self.assertNotIn("\0", text)
                    self.assertLessEqual(len(text), 2000)

    def test_the_sign_of_a_machine_is_found_in_linear_time(self):
        # A search that is quadratic in this takes half an hour, and the suite's limit is five minutes.
        self.assertEqual(sign_of_a_machine(summarize(b"From: " + b"x" * 500_000 + b"\r\n\r\n")), "")

    def test_a_form_opens_for_every_message(self):
        for name, content in (
            ("nested parts", NESTED),
            ("charset that is none", b"Content-Type: text/plain; charset=undefined\r\n\r\n\xff"),
            ("charset with a zero byte", b'Content-Type: text/plain; charset="a\0b"\r\n\r\n\xff'),
            ("nothing", b""),
        ):
            with self.subTest(name=name):
                self.assertIsInstance(preview(content).text, str)

    def test_long_html_is_cut(self):
        self.assertEqual(len(preview(b"Content-Type: text/html\r\n\r\n" + b"<!--" * 200_000).html), LONGEST_HTML)

    def test_text_that_a_database_keeps(self):
        for given, kept in (("a\0b", "ab"), ("\udcff", "?"), ("x" * 9, "xxxx…"), (7, "7")):
            with self.subTest(given=given):
                self.assertEqual(storable(given, 5), kept)

    def test_copies_that_took_different_ways_have_one_body(self):
        first, second = b"Received: a\r\nSubject: x\r\n\r\nbody\r\n", b"Received: b\r\n\r\nbody"
        self.assertEqual(body_digest(first), body_digest(second))
        self.assertNotEqual(body_digest(first), body_digest(b"Subject: x\r\n\r\nother"))
