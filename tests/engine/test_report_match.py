# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.message_kind import MessageKind, RecipientReport, ReportAction
from ...engine.report_match import SentCopy, match_reports
from .case import EngineCase

FAILURE, RECEIPT = MessageKind.DELIVERY_FAILURE, MessageKind.READ_RECEIPT


def about(recipient="", original=""):
    return RecipientReport(recipient, ReportAction.FAILED, original)


def plain(number, recipient):
    return SentCopy(number, recipient)


def signed(number, recipient):
    return SentCopy(number, recipient, is_signed=True)


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
        ):
            with self.subTest(name):
                found = match_reports(FAILURE, reports, copies)
                self.assertEqual([match.copies for match in found], expected)
                self.assertEqual([match.report for match in found], reports)
                self.assertTrue(all(match.why for match in found))

    def test_a_receipt_comes_from_who_read_it_not_along_the_return_path(self):
        (match,) = match_reports(RECEIPT, [about("a@x")], [signed(1, "a@x"), signed(2, "b@x")])
        self.assertEqual(match.copies, (1,))

    def test_the_words_name_no_address(self):
        for copies in ([], [plain(1, "other@x")], [signed(1, "a@x")], [proved(1, "a@x")]):
            (match,) = match_reports(FAILURE, [about("a@x")], copies)
            self.assertNotIn("@", match.why)
