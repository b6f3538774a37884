# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime

from .case import EngineCase
from .letters import MIXED, letter


class TestLetter(EngineCase):
    def test_what_can_be_asked(self):
        asked = letter(envelope=["alias@gateway.test"])
        for found, expected in (
            (asked.sender, "ann@example.com"),
            (asked.sender_name, "Ann Lee"),
            (asked.domain, "example.com"),
            (asked.recipients, ("box@gateway.test", "other@gateway.test", "copy@gateway.test")),
            (asked.envelope_recipients, ("alias@gateway.test",)),
            (asked.date, datetime(2026, 5, 4, 12, 0)),
            (asked.fields("SUBJECT: "), ("A Question",)),
            (asked.text, "hello"),
            (asked.attachment_names, ()),
        ):
            self.assertEqual(found, expected)

    def test_missing_and_senseless_fields_are_empty(self):
        asked = letter(From=None, To=None, Cc=None, Date="yesterday")
        self.assertEqual((asked.sender, asked.sender_name, asked.domain, asked.recipients), ("", "", "", ()))
        for date in (None, "yesterday", "Mon, 99 May 2026 14:00:00 +0200", "4 May 99999 14:00:00 +0000", "\x00"):
            with self.subTest(date=date):
                self.assertIsNone(letter(Date=date).date)

    def test_the_text_of_a_html_message(self):
        self.assertEqual(letter("<p>Name: Ann</p><p>Bye</p>", Content_Type="text/html").text, "Name: Ann\nBye")

    def test_names_of_attachments(self):
        asked = letter(MIXED, Content_Type="multipart/mixed; boundary=b")
        self.assertEqual(asked.attachment_names, ("Invoice.PDF",))
        self.assertEqual(asked.text.strip(), "see the file")
