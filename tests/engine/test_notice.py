# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.message_kind import Classification, MessageKind
from ...engine.notice import may_answer, notice_address
from ...engine.sender_verdict import SenderResult, SenderVerdict
from .case import EngineCase

ANN = "ann@example.com"
FORGED = SenderVerdict(SenderResult.FAIL)
PROGRAM = Classification(MessageKind.AUTO_GENERATED)


class TestNotice(EngineCase):
    def test_where_a_notice_goes(self):
        passed, failed, none = (SenderVerdict(result) for result in SenderResult)
        for verdict, return_path, address in (
            (passed, "ann+bounces@ngo.example", "ann+bounces@ngo.example"),
            (passed, "<Desk@NGO.example>", "desk@ngo.example"),
            (passed, "", "ann@ngo.example"),
            (passed, "x@elsewhere.example", "ann@ngo.example"),
            (passed, "x@sub.ngo.example", "ann@ngo.example"),
            (passed, "@ngo.example", "ann@ngo.example"),
            (none, "desk@ngo.example", "ann@ngo.example"),
            (failed, "desk@ngo.example", "ann@ngo.example"),
            (None, "desk@ngo.example", "ann@ngo.example"),
        ):
            with self.subTest(verdict=verdict and verdict.result, return_path=return_path):
                facts = {"sender_verdict": verdict}
                self.assertEqual(notice_address("ann@ngo.example", return_path, facts), address)
        self.assertEqual(notice_address("", "desk@ngo.example", {"sender_verdict": passed}), "")

    def test_who_may_be_answered(self):
        for recipient, facts, recent, own, why in (
            (ANN, {}, 0, (), ""),
            (ANN, {"automatic": "", "own_mark": False}, 0, ("box@example.com",), ""),
            ("", {}, 0, (), "the message names no sender"),
            (ANN, {"automatic": "List-Id"}, 0, (), "a machine wrote it (List-Id)"),
            (ANN, {"kind": Classification()}, 0, (), ""),
            (ANN, {"kind": PROGRAM}, 0, (), "a machine wrote it (Sent by a Program)"),
            (ANN, {"kind": Classification(MessageKind.MAILING_LIST)}, 0, (), "a machine wrote it (Mailing List)"),
            (ANN, {"kind": Classification(MessageKind.READ_RECEIPT)}, 0, (), "a machine wrote it (Read Receipt)"),
            (ANN, {"null_return_path": True}, 0, (), "its return path is null"),
            (ANN, {"own_mark": True}, 0, (), "this database sent it"),
            (ANN, {"turns": 1}, 0, (), "another gateway sent it because of a mail that it got"),
            (ANN, {"sender_verdict": SenderVerdict()}, 0, (), ""),
            (ANN, {"sender_verdict": FORGED}, 0, (), "the sender is not who the message says"),
            (ANN, {}, 0, (ANN,), "the sender is an address of this database"),
            ("box+a+b@example.com", {}, 0, ("box@example.com",), "the sender is an address of this database"),
            ("ann+box@example.com", {}, 0, ("box@example.com",), ""),
            (ANN, {}, 1, (), "the sender had such a notice within a day"),
        ):
            with self.subTest(why=why):
                allowed, step = may_answer(recipient, facts, recent=recent, own_addresses=frozenset(own))
                self.assertIs(allowed, not why)
                self.assertEqual(step.found, why or "a person, not told before")
                self.assertEqual(step.followed, "no notice" if why else "notice queued")
