# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time
import unittest
from datetime import datetime

from ...engine.suppression_file import MOST_BYTES, MOST_LINES, find_columns, read_lines

NOW = datetime(2026, 11, 20, 12, 0)


def read(text):
    content = text if isinstance(text, bytes) else text.encode()
    return list(read_lines(content, find_columns(content), NOW))


def good(text):
    return [(line.address, line.reason.value, line.note) for line in read(text) if not line.problem]


def bad(text):
    return [(line.number, line.problem) for line in read(text) if line.problem]


# Files as they come, and what they say of ann@a.org.
FORMS = (
    ("our own", "address,reason,expiry,note\nann@a.org,hard_bounce,,left", "hard_bounce", "left"),
    ("the words of our own list", "Address,Reason\nann@a.org,Repeated Soft Bounces", "soft_bounces", ""),
    ("addresses alone", "ann@a.org\nben@b.org", "import", ""),
    ("no names", "Ann@A.org,complaint,,she said so", "complaint", "she said so"),
    ("SES bulk", "ann@a.org,BOUNCE\nben@b.org,COMPLAINT", "hard_bounce", ""),
    ("SES", "EmailAddress,Reason,LastUpdateTime\nann@a.org,COMPLAINT,2026-01-01T00:00:00Z", "complaint", ""),
    (
        "SendGrid bounces",
        "status,reason,email,created\n5.1.1,550 5.1.1 no such user,ann@a.org,1700000000",
        "hard_bounce",
        "5.1.1; 550 5.1.1 no such user",
    ),
    (
        "SendGrid, about us",
        'status,reason,email,created\n5.7.1,"550 5.7.1 blocked, as spam, by policy of ours",ann@a.org,1',
        "import",
        "5.7.1; 550 5.7.1 blocked, as spam, by policy of ours",
    ),
    ("SendGrid spam reports", "email,ip,created\nann@a.org,192.0.2.1,1700000000", "import", ""),
    ("Mailjet", "Email;Status;Comment\nann@a.org;hardbounced;x", "hard_bounce", "x"),
    ("Mailjet, soft", "Email;Status\nann@a.org;softbounced", "soft_bounces", ""),
    ("Mailjet, spam", "Email Address\tState\nann@a.org\tspam", "complaint", ""),
    ("a mailbox that is full", "email,status\nann@a.org,5.2.2", "soft_bounces", "5.2.2"),
    ("an unknown word", "email,reason\nann@a.org,moved to Rome", "import", "moved to Rome"),
    ("quotes", '"email","note"\n"ann@a.org","a ""b"", c"', "import", 'a "b", c'),
    ("a note of two lines", 'email,note\nann@a.org,"one\ntwo"', "import", "one two"),
    ("byte order mark", b"\xef\xbb\xbfemail,note\r\nann@a.org,x\r\n", "import", "x"),
    ("UTF-16", "email\tnote\r\nann@a.org\tJörg".encode("utf-16"), "import", "Jörg"),
    ("a spreadsheet of the west", "email;note\nann@a.org;Jörg".encode("cp1252"), "import", "Jörg"),
    ("empty lines", "\n\nemail\n\nann@a.org\n\n", "import", ""),
)

# (file, line, what is wrong)
BAD = (
    ("email\nann", 2, "“ann” is no address"),
    ("email,note\n,x", 2, "there is no address"),
    ("email\nann@a.org\nANN@a.org", 3, "the address stands in line 2 already"),
    ("email,expiry\nann@a.org,31/12/2027", 2, "“31/12/2027” is no date such as 2027-12-31"),
    ("email,expiry\nann@a.org,2026-11-19", 2, "the expiry 2026-11-19 is over already"),
    ("email,status\nann@a.org,Unsubscribed", 2, "who unsubscribed belongs on Odoo's blacklist, which is for mass mail"),
    ('email,note\nann@a.org,"open', 2, "a quotation mark is opened and not closed"),
    ("email\nAnn <ann@a.org>", 2, "“Ann <ann@a.org>” is no address"),
)

REFUSED = (
    ("", "The file is empty."),
    (" \n \n", "The file is empty."),
    (
        "name,phone\nann,1",
        "The first line names no column of addresses. Call it “address” or “email”; the names found are: name, phone.",
    ),
    (
        "Ann,ann@a.org",
        "Without a line of names the columns are address, reason, expiry, note, but the first one holds no address.",
    ),
    (b"x" * (MOST_BYTES + 1), "The file is larger than 5 MB. Import it in parts."),
    ("a@b.org\n" * (MOST_LINES + 1), "The file has more than 20000 lines. Import it in parts."),
)


class TestSuppressionFile(unittest.TestCase):
    def test_the_forms_in_which_lists_come(self):
        for name, text, reason, note in FORMS:
            with self.subTest(name):
                self.assertEqual(good(text)[0], ("ann@a.org", reason, note))
                self.assertEqual(bad(text), [])

    def test_a_bad_line_is_named_with_what_is_wrong(self):
        for text, number, problem in BAD:
            with self.subTest(problem):
                self.assertEqual(bad(text), [(number, problem)])

    def test_a_bad_line_takes_no_other_with_it(self):
        text = 'email,note\nann@a.org,"never closed\nben@b.org,x\nno address\ncy@c.org,"y"'
        self.assertEqual([address for address, *_rest in good(text)], ["ben@b.org", "cy@c.org"])
        self.assertEqual([number for number, _problem in bad(text)], [2, 4])

    def test_each_line_is_either_good_or_bad(self):
        text = "email,expiry\n" + "\n".join(f"{n}@a.org,{'bad' if n % 5 == 0 else ''}" for n in range(50))
        self.assertEqual((len(good(text)), len(bad(text))), (40, 10))

    def test_what_is_wrong_with_the_whole_file(self):
        for text, problem in REFUSED:
            with self.subTest(problem), self.assertRaises(ValueError) as caught:
                read(text)
            self.assertEqual(str(caught.exception), problem)

    def test_expiry(self):
        for text, expected in (
            ("2027-01-02", datetime(2027, 1, 2, 23, 59, 59)),
            ("2027-01-02 03:04:05", datetime(2027, 1, 2, 3, 4, 5)),
            ("2027-01-02T03:04:05Z", datetime(2027, 1, 2, 3, 4, 5)),
            ("2027-01-02T03:04:05+02:00", datetime(2027, 1, 2, 1, 4, 5)),
            ("", None),
        ):
            with self.subTest(text):
                self.assertEqual(read(f"email,expiry\nann@a.org,{text}")[0].until, expected)

    def test_columns_that_are_not_used_are_named(self):
        self.assertEqual(find_columns(b"email,ip,created\na@b.org,1,2").ignored, ("ip", "created"))

    def test_line_numbers_are_those_of_the_file(self):
        self.assertEqual(bad('email,note\n\nann@a.org,"a\nb"\nwrong'), [(5, "“wrong” is no address")])

    def test_hostile_files_take_no_time(self):
        for name, content in (
            ("quotation marks", b"email\n" + b'"\n' * (MOST_LINES - 1)),
            ("one long line", b"email\n" + b'"' + b"x" * (MOST_BYTES - 10) + b'"'),
            ("commas", b"email\n" + b"," * (MOST_BYTES - 10)),
            ("a long international domain", b"email\nann@" + "é".encode() * 100_000),
            ("bytes", bytes(range(256)) * 100),
        ):
            begin = time.monotonic()
            with self.subTest(name):
                try:
                    self.assertEqual(good(content), [])
                except ValueError as error:
                    self.assertRegex(str(error), "^(The|Without)")
                self.assertLess(time.monotonic() - begin, 5)
