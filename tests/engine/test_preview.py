# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import random

from ...engine.preview import LONGEST_TEXT, MOST_PARTS, Attachment, preview
from .case import EngineCase


def message(*parts, kind="mixed"):
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/" + kind.encode() + b"; boundary=b\r\n\r\n" + body + b"--b--\r\n"


def part(media_type, payload, *fields):
    return b"\r\n".join([b"Content-Type: " + media_type, *fields, b"", payload])


class TestPreview(EngineCase):
    def test_bodies(self):
        for content, text, html in (
            (b"Subject: x\r\n\r\nhello", "hello", ""),
            (b"", "", ""),
            (part(b"text/html", b"<p>hi</p>"), "", "<p>hi</p>"),
            (part(b"text/plain; charset=iso-8859-1", b"caf\xe9"), "café", ""),
            (part(b"text/plain; charset=klingon", "café".encode()), "café", ""),
            (part(b"text/plain; charset=utf-8", b"caf\xe9"), "café", ""),
            (part(b"text/plain", b"aGVsbG8=", b"Content-Transfer-Encoding: base64"), "hello", ""),
            (part(b"text/plain", b"caf=C3=A9", b"Content-Transfer-Encoding: quoted-printable"), "café", ""),
            (part(b"text/plain", b"a\x00b"), "ab", ""),
            (message(part(b"text/plain", b"hello"), part(b"text/html", b"<p>"), kind="alternative"), "hello", "<p>"),
            (message(part(b"text/plain", b"one"), part(b"text/plain", b"two")), "one", ""),
        ):
            with self.subTest(content=content):
                shown = preview(content)
                self.assertEqual((shown.text.strip(), shown.html.strip()), (text, html))

    def test_attachments(self):
        for content, expected in (
            (
                message(part(b"text/plain", b"hello"), part(b"image/png; name=a.png", b"1234")),
                (Attachment("a.png", "image/png", 4),),
            ),
            (
                message(part(b"text/plain", b"x", b"Content-Disposition: attachment; filename=note.txt")),
                (Attachment("note.txt", "text/plain", 1),),
            ),
            (message(part(b"application/pdf", b"12")), (Attachment("(no name)", "application/pdf", 2),)),
            (
                message(part(b"application/pdf", b"12", b"Content-Disposition: attachment; filename*=utf-8''%C5%BE")),
                (Attachment("ž", "application/pdf", 2),),
            ),
        ):
            with self.subTest(content=content):
                self.assertEqual(preview(content).attachments, expected)

    def test_a_forwarded_message_is_one_attachment(self):
        inner = b"Subject: inner\r\n\r\ninner text"
        shown = preview(message(part(b"text/plain", b"outer"), part(b"message/rfc822", inner)))
        self.assertEqual(shown.text.strip(), "outer")
        self.assertEqual([one.media_type for one in shown.attachments], ["message/rfc822"])

    def test_a_message_of_very_many_parts_is_cut(self):
        shown = preview(message(*[part(b"image/png", b"x")] * (MOST_PARTS + 50)))
        self.assertEqual(len(shown.attachments), MOST_PARTS)

    def test_a_long_text_is_cut(self):
        self.assertEqual(len(preview(b"\r\n" + b"x" * (LONGEST_TEXT + 10)).text), LONGEST_TEXT)

    def test_deep_nesting_does_not_exhaust_the_stack(self):
        content = part(b"text/plain", b"deep")
        for depth in range(40):
            boundary = f"n{depth}".encode()
            content = (
                b"Content-Type: multipart/mixed; boundary="
                + boundary
                + b"\r\n\r\n--"
                + boundary
                + b"\r\n"
                + content
                + b"\r\n--"
                + boundary
                + b"--\r\n"
            )
        self.assertEqual(preview(content).text.strip(), "deep")

    def test_no_bytes_make_it_fail(self):
        rng = random.Random(20260504)
        pieces = [b"Content-Type: ", b"multipart/mixed; boundary=b", b"text/plain", b"text/html", b"message/rfc822"]
        pieces += [
            b"\r\n",
            b"\n",
            b"--b",
            b"--b--",
            b"; charset=",
            b"utf-7",
            b"\xff",
            b"\0",
            b'; name="',
            b"filename*=",
        ]
        pieces += [
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Disposition: attachment; filename*0*=x''%ff",
            b"a",
        ]
        for _round in range(2000):
            content = b"".join(rng.choice(pieces) for _count in range(rng.randrange(30)))
            shown = preview(content)
            self.assertNotIn("\0", shown.text + shown.html)
