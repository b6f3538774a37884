# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta

from ...engine.mail_query import first_since, mail_query
from .case import EngineCase

NOON = datetime(2026, 5, 4, 12)


class TestMailQuery(EngineCase):
    def test_what_was_typed(self):
        for text, address, message_id, subject in (
            ("ann@example.com", "ann@example.com", "<ann@example.com>", ""),
            ("  Ann@Example.COM ", "ann@example.com", "<Ann@Example.COM>", ""),
            ("Ann <ann@example.com>", "ann@example.com", "", ""),
            ("<x.1@mail.example.com>", "x.1@mail.example.com", "<x.1@mail.example.com>", ""),
            ("Message-ID: <x@y>", "x@y", "<x@y>", ""),
            ("Your grievance", "", "", "Your grievance"),
            ("meet @ noon", "", "", "meet @ noon"),
            ("a@b, c@d", "", "", "a@b, c@d"),
            ("", "", "", ""),
            (None, "", "", ""),
        ):
            with self.subTest(text):
                found = mail_query(text)
                self.assertEqual(found.address.address if found.address else "", address)
                self.assertEqual((found.message_id, found.subject), (message_id, subject))

    def test_no_text_is_too_long(self):
        self.assertLessEqual(len(mail_query("word " * 100_000).subject), 600)

    def test_the_first_row_of_a_time(self):
        # Ids with gaps, one row an hour.
        rows = [(number * 7, NOON + timedelta(hours=number)) for number in range(1, 200)]
        looks = []

        def look(number):
            looks.append(number)
            return next((row for row in rows if row[0] >= number), None)

        for hours, expected in ((-5, 1), (1, 7), (50, 350), (199, 1393), (200, 1394)):
            with self.subTest(hours):
                looks.clear()
                found = first_since(NOON + timedelta(hours=hours), rows[-1][0], look)
                self.assertEqual(next((row[0] for row in rows if row[0] >= found), 1394), max(expected, 7))
                self.assertLess(len(looks), 15)
        self.assertEqual(first_since(NOON, 0, lambda number: None), 1)
