# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import email
import email.policy

from ...engine.charset import name_known_charsets
from .case import EngineCase


def message(charset, content, media_type="text/plain"):
    head = f"Content-Type: {media_type}; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return email.message_from_bytes(head.encode() + content, policy=email.policy.SMTP)


class TestCharset(EngineCase):
    def test_unknown_charset_is_read_as_utf_8_where_that_is_valid(self):
        found = message("x-klingon", "Grüße".encode())
        self.assertEqual(name_known_charsets(found), ["x-klingon"])
        self.assertEqual(found.get_content(), "Grüße")

    def test_unknown_charset_is_read_as_latin_1_otherwise(self):
        found = message("x-klingon", b"Gr\xfc\xdfe")
        self.assertEqual(name_known_charsets(found), ["x-klingon"])
        self.assertEqual(found.get_content(), "Grüße")

    def test_codecs_that_are_no_charsets_are_unknown(self):
        found = message("rot13", b"Uryc")
        self.assertEqual(name_known_charsets(found), ["rot13"])
        self.assertEqual(found.get_content(), "Uryc")

    def test_known_charsets_and_other_parts_are_left_alone(self):
        for charset, media_type in (("utf-8", "text/plain"), ("x-klingon", "application/pdf")):
            with self.subTest(charset):
                found = message(charset, b"abc", media_type)
                self.assertEqual(name_known_charsets(found), [])
                self.assertIn(charset, found["Content-Type"])
