# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.recipient import MOST_RECIPIENTS, answer_address, answer_references, proposed_address, recipients
from ...engine.summary import summarize
from .case import EngineCase

OURS = frozenset({"ours.test", "also.test"})


def message(*fields):
    return summarize(b"\r\n".join([*fields, b"", b"text"]))


class TestRecipient(EngineCase):
    def test_recipients(self):
        for fields, expected in (
            ((), ()),
            ((b"To: A@x.test",), ("a@x.test",)),
            ((b"To: a@x.test, B <b@x.test>", b"Cc: a@x.test"), ("a@x.test", "b@x.test")),
            ((b"To: undisclosed-recipients:;",), ()),
            ((b"To: =?utf-8?q?=C3=A9?= <e@x.test>",), ("e@x.test",)),
            ((b"Bcc: c@x.test",), ()),
        ):
            with self.subTest(fields=fields):
                self.assertEqual(recipients(message(*fields)), expected)

    def test_a_flood_of_recipients_is_cut(self):
        many = ", ".join(f"a{number}@x.test" for number in range(1000)).encode()
        self.assertEqual(len(recipients(message(b"To: " + many))), MOST_RECIPIENTS)

    def test_proposed_address(self):
        for envelope, fields, expected in (
            ("", (b"To: a@x.test, b@ours.test",), "b@ours.test"),
            ("", (b"To: a@x.test", b"Cc: c@ALSO.test"), "c@also.test"),
            ("Hidden@Ours.test", (b"To: b@ours.test",), "hidden@ours.test"),
            ("me@elsewhere.test", (b"To: b@ours.test",), "b@ours.test"),
            ("", (b"To: b@not-ours.test",), ""),
            ("", (), ""),
        ):
            with self.subTest(envelope=envelope, fields=fields):
                self.assertEqual(proposed_address(message(*fields), envelope, OURS), expected)

    def test_where_an_answer_goes(self):
        for fields, expected in (
            ((b"From: Ann <ANN@x.test>",), "ann@x.test"),
            ((b"From: ann@x.test", b"Reply-To: Office <office@x.test>"), "office@x.test"),
            ((b"From: ann@x.test", b"Reply-To: nonsense"), "ann@x.test"),
            ((), ""),
        ):
            with self.subTest(fields=fields):
                self.assertEqual(answer_address(message(*fields)), expected)

    def test_references_of_an_answer(self):
        many = " ".join(f"<{number}@x.test>" for number in range(50)).encode()
        for fields, expected in (
            ((b"Message-ID: <1@x.test>",), "<1@x.test>"),
            ((b"Message-ID: <2@x.test>", b"In-Reply-To: <1@x.test>"), "<1@x.test> <2@x.test>"),
            ((b"Message-ID: <3@x.test>", b"References: <1@x.test> junk <3@x.test>"), "<1@x.test> <3@x.test>"),
            ((b"References: <1@x.test>",), ""),
        ):
            with self.subTest(fields=fields):
                self.assertEqual(answer_references(message(*fields)), expected)
        found = answer_references(message(b"Message-ID: <new@x.test>", b"References: " + many)).split()
        self.assertEqual((len(found), found[0], found[-2:]), (20, "<0@x.test>", ["<49@x.test>", "<new@x.test>"]))
