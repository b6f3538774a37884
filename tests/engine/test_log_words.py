# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from __future__ import annotations

import smtplib
import time
import unittest

from ...engine.log_words import error_text, error_words, mask_sql, mask_text, mask_traceback, mask_value

TEXTS = (
    ("nothing of anybody: crm.lead(3,) odoo.addons.mail", "nothing of anybody: crm.lead(3,) odoo.addons.mail"),
    ("from ann@ngo.example to 5", "from [address] to 5"),
    ("from <ann.o'neil@ngo.example>", "from <ann.o'[address]>"),
    ("login:ann@ngo.example from 10.0.0.1", "login:[address] from 10.0.0.1"),
    ("GET /web/login?login=ann%40ngo.example HTTP/1.1", "GET /web/login?login=[secret] HTTP/1.1"),
    ("GET /x/ann%40ngo.example HTTP/1.1", "GET /x/[address] HTTP/1.1"),
    ('GET /confirm?code=4/abc&state=%7B%7D&scope=x" 303', 'GET /confirm?code=[secret]&state=[secret]&scope=x" 303'),
    ("reset?db=a&token=abc", "reset?db=a&token=[secret]"),
    ('to "Ann Smith" <ann@ngo.example>, bob@b.example', "to [address], [address]"),
    ("to Ann Smith <ann@ngo.example> now", "to [address] now"),
    ("Routing mail from Ann Smith <ann@ngo.example>", "Routing mail from [address]"),
    ("to Åsa Öberg <asa@ngo.example>", "to [address]"),
    ('to "ann smith"@ngo.example', "to [address]"),
    ("to ann@[192.0.2.1]!", "to [address]!"),
    ("to пример@почта.рф", "to [address]"),
    ("to a%b@relay.example@ngo.example", "to [address]"),
    ("postgres://user:pw@db.example/x", "postgres://user:[address]/x"),
    ("with Message-Id <1.2@ngo.example>: x", "with Message-Id [message-id]: x"),
    ("and Message-Id '<1.2@ngo.example>' from", "and Message-Id [message-id] from"),
    ("Message-ID: <without-at>, y", "Message-ID: [message-id], y"),
)

STATEMENTS = (
    ("SELECT 1 WHERE id IN (1, 2)", "SELECT 1 WHERE id IN (1, 2)"),
    ("x = 'ann@b.c' AND y = 7", "x = '?' AND y = 7"),
    ("x = 'it''s ann' AND y = ''", "x = '?' AND y = '?'"),
    (r"x = E'a\'b''c\\' AND y = 'd'", "x = '?' AND y = '?'"),
    (r"data = '\x00ff'::bytea", "data = '?'::bytea"),
    ("x = 'two\nlines' AND z", "x = '?' AND z"),
    ("SELECT 'never closed", "SELECT '?'"),
)


class Records:
    _name, _ids = "crm.lead", (3, 4)

    def __repr__(self):
        return "Ann"


class DatabaseError(Exception):
    pgerror = "x"

    def __init__(self, code, message):
        super().__init__(f"{message}\nDETAIL:  Key (email)=(ann@ngo.example) already exists.")
        self.pgcode, self.diag = code, type("Diagnosis", (), {"message_primary": message})


VALUES = (
    (5, 5),
    (1.5, 1.5),
    (None, None),
    ("crm.lead", "crm.lead"),
    ("123456", "123456"),
    ("+254700111222", "[hidden]"),
    ("0700111222", "[hidden]"),
    ("", "''"),
    ("Ann", "[hidden]"),
    ("mail.ngo.example", "[hidden]"),
    ("ann@ngo.example", "[address]"),
    ("<1@ngo.example>", "[message-id]"),
    (b"From: ann", "[9 bytes]"),
    (Records(), "crm.lead(3, 4)"),
    (Records, "Records"),
    (object(), "<object>"),
    (("crm.lead", 0, {"name": "Help"}, 2, Records()), "(crm.lead, 0, {1 values}, 2, crm.lead(3, 4))"),
    ({"ann@ngo.example": (550, b"no")}, "{1 values}"),
    ([[[[["deep"]]]]], "(((([hidden]))))"),
    (ValueError("Ann"), "ValueError: [hidden]"),
)

ERRORS = (
    (ValueError("Ann"), "ValueError: [hidden]"),
    (ConnectionRefusedError(111, "Ann"), "ConnectionRefusedError: [Errno 111] Connection refused [hidden]"),
    (smtplib.SMTPDataError(554, b"5.7.1 Ann"), "smtplib.SMTPDataError: 554 [hidden]"),
    (smtplib.SMTPRecipientsRefused({"ann@b.c": (550, b"")}), "smtplib.SMTPRecipientsRefused: [hidden]"),
    (
        DatabaseError("23505", 'duplicate key value violates unique constraint "x_uniq"'),
        '23505 duplicate key value violates unique constraint "x_uniq"',
    ),
    (DatabaseError("22P02", 'invalid input syntax for type integer: "Ann"'), "22P02 [hidden]"),
)


class TestLogWords(unittest.TestCase):
    def test_texts(self):
        for text, masked in TEXTS:
            with self.subTest(text):
                self.assertEqual(mask_text(text), masked)

    def test_statements(self):
        for statement, masked in STATEMENTS:
            with self.subTest(statement):
                self.assertEqual(mask_sql(statement), masked)

    def test_values(self):
        for value, masked in VALUES:
            with self.subTest(repr(value)):
                self.assertEqual(mask_value(value, {"crm.lead"}.__contains__), masked)

    def test_errors(self):
        for error, masked in ERRORS:
            with self.subTest(repr(error)):
                self.assertTrue(error_words(error).endswith(masked), error_words(error))

    def test_somebody_elses_error_keeps_its_text_but_for_addresses(self):
        self.assertEqual(error_text(KeyError("Ann ann@b.c")), "KeyError: 'Ann [address]'")
        self.assertNotIn("DETAIL", error_text(DatabaseError("23505", "duplicate")))

    def test_a_traceback_keeps_places_and_loses_texts(self):
        try:
            try:
                raise ValueError("secret one")
            except ValueError as cause:
                raise KeyError("secret two") from cause
        except KeyError as error:
            text = mask_traceback(error, error_words)
        self.assertNotRegex(text, "(?m)^.*Error: .*secret")
        self.assertIn("test_log_words.py", text)
        self.assertRegex(text, r"(?s)ValueError: \[hidden\]\n\nThe above .*direct cause.*KeyError: \[hidden\]$")

    def test_causes_in_a_circle_end(self):
        one, two = ValueError(), KeyError()
        one.__cause__, two.__cause__ = two, one
        self.assertIn("KeyError: [hidden]", mask_traceback(one, error_words))

    def test_long_lines_cost_little(self):
        for text in ("a" * 2_000_000 + "@", "@" * 500_000, "A " * 500_000 + "<@", "%40" * 300_000, "'" * 500_001):
            begin = time.monotonic()
            mask_text(text)
            mask_sql(text)
            self.assertLess(time.monotonic() - begin, 2, text[:5])
