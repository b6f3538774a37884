# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta

from ...engine.message_kind import MessageKind, RecipientReport, ReportAction
from ...engine.report_match import SentCopy, match_reports, message_id_doubt
from .case import EngineCase

FAILURE, RECEIPT = MessageKind.DELIVERY_FAILURE, MessageKind.READ_RECEIPT
COMPLAINT = MessageKind.ABUSE_COMPLAINT
NOW = datetime(2026, 5, 4, 12)


def about(recipient="", original=""):
    return RecipientReport(recipient, ReportAction.FAILED, original)


def plain(number, recipient):
    return SentCopy(number, recipient)


def signed(number, recipient):
    return SentCopy(number, recipient, is_signed=True)


def doubtful(number, recipient):
    return SentCopy(number, recipient, doubt="anybody can know its Message-ID")


def doubtful_but_proved(number, recipient):
    return SentCopy(number, recipient, is_signed=True, is_proved=True, doubt="anybody can know its Message-ID")


def proved(number, recipient):
    return SentCopy(number, recipient, is_signed=True, is_proved=True)


class TestReportMatch(EngineCase):
    def test_which_mail_a_report_is_about(self):
        for name, reports, copies, expected in (
            ("signed return path", [about("a@x")], [proved(1, "a@x")], [(1,)]),
            (
                "two of one transaction",
                [about("a@x"), about("b@x")],
                [proved(1, "a@x"), proved(2, "b@x")],
                [(1,), (2,)],
            ),
            ("one of two", [about("b@x")], [proved(1, "a@x"), proved(2, "b@x")], [(2,)]),
            ("two contacts of one address", [about("a@x")], [proved(1, "a@x"), proved(2, "a@x")], [(1, 2)]),
            ("by the first address", [about("a@gmail", "a@x")], [proved(1, "a@x"), proved(2, "b@x")], [(1,)]),
            ("passed on to another address", [about("a@gmail")], [proved(1, "a@x")], [(1,)]),
            ("passed on to one of several", [about("a@gmail")], [proved(1, "a@x"), proved(2, "b@x")], [()]),
            ("a list that passed it on to many", [about("a@y"), about("b@y")], [proved(1, "list@x")], [(), ()]),
            ("names nobody", [about()], [proved(1, "a@x")], [(1,)]),
            ("by Message-ID", [about("a@x")], [plain(1, "a@x"), plain(2, "b@x")], [(1,)]),
            ("by Message-ID, names nobody", [about()], [plain(1, "a@x")], [(1,)]),
            ("by Message-ID, names nobody, several", [about()], [plain(1, "a@x"), plain(2, "b@x")], [()]),
            # Whoever has the Message-ID could name anybody.
            ("by Message-ID, names somebody else", [about("victim@x")], [plain(1, "a@x")], [()]),
            # Whoever got one of our mails has its Message-ID, and not the others' return paths.
            ("without the return path that it left with", [about("a@x")], [signed(1, "a@x")], [()]),
            ("with another's return path", [about("b@x")], [proved(1, "a@x"), signed(2, "b@x")], [(1,)]),
            ("nothing of ours", [about("a@x")], [], [()]),
            # Its Message-ID is no proof, such as one that its writer chose.
            ("by a doubtful Message-ID", [about("a@x")], [doubtful(1, "a@x")], [()]),
            ("by a doubtful Message-ID, names nobody", [about()], [doubtful(1, "a@x")], [()]),
            ("one of them doubtful", [about("a@x")], [doubtful(1, "a@x"), plain(2, "a@x")], [(2,)]),
            ("the return path settles doubts", [about("a@x")], [doubtful_but_proved(1, "a@x")], [(1,)]),
        ):
            with self.subTest(name):
                found = match_reports(FAILURE, reports, copies)
                self.assertEqual([match.copies for match in found], expected)
                self.assertEqual([match.report for match in found], reports)
                self.assertTrue(all(match.why for match in found))

    def test_a_receipt_comes_from_who_read_it_not_along_the_return_path(self):
        (match,) = match_reports(RECEIPT, [about("a@x")], [signed(1, "a@x"), signed(2, "b@x")])
        self.assertEqual(match.copies, (1,))

    def test_a_doubtful_receipt_is_nobodys(self):
        (match,) = match_reports(RECEIPT, [about("a@x")], [doubtful(1, "a@x")])
        self.assertEqual((match.copies, match.why), ((), "anybody can know its Message-ID"))

    def test_only_a_return_path_proves(self):
        for kind, copies, expected in (
            (FAILURE, [proved(1, "a@x")], True),
            (FAILURE, [plain(1, "a@x")], False),
            (COMPLAINT, [plain(1, "a@x")], False),
            (RECEIPT, [proved(1, "a@x")], True),
            (RECEIPT, [signed(1, "a@x")], False),
            (FAILURE, [proved(1, "b@x"), proved(2, "c@x")], False),
            (FAILURE, [], False),
        ):
            (match,) = match_reports(kind, [about("a@x")], copies)
            with self.subTest(kind=kind, copies=copies):
                self.assertIs(match.is_proved, expected)

    def test_when_a_message_id_is_believed(self):
        recent, old = NOW - timedelta(days=14), NOW - timedelta(days=16)
        for name, kind, sent, facts, expected in (
            ("ours and recent", FAILURE, recent, {}, ""),
            ("chosen by whoever wrote to us", FAILURE, recent, {"is_incoming": True}, "chose"),
            ("a complaint about such a mail", COMPLAINT, recent, {"is_incoming": True}, "chose"),
            ("a receipt for such a mail", RECEIPT, recent, {"is_incoming": True}, "chose"),
            ("who is not who it claims to be", FAILURE, recent, {"is_forged": True}, "not who it claims"),
            ("a receipt of such a one", RECEIPT, recent, {"is_forged": True}, "not who it claims"),
            ("long ago", FAILURE, old, {}, "long ago"),
            ("a complaint long after", COMPLAINT, old, {}, "long ago"),
            ("read long after", RECEIPT, old, {}, ""),
            ("nobody knows when", FAILURE, None, {}, "long ago"),
        ):
            doubt = message_id_doubt(kind, sent, NOW, **{"is_incoming": False, "is_forged": False, **facts})
            with self.subTest(name):
                self.assertIn(expected, doubt)
                self.assertEqual(bool(doubt), bool(expected))

    def test_the_words_name_no_address(self):
        for copies in ([], [plain(1, "other@x")], [signed(1, "a@x")], [proved(1, "a@x")]):
            (match,) = match_reports(FAILURE, [about("a@x")], copies)
            self.assertNotIn("@", match.why)
