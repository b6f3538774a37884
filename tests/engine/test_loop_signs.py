# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from hypothesis import given, settings
from hypothesis import strategies as st

from ...engine.loop_signs import HOPS, TURNS_HEADER, Own, find_loop, hops, returned_to, turns
from ...engine.outcome import InboundReason, InboundState
from ...engine.summary import summarize
from .case import EngineCase

NAMES = ("Received", "Delivered-To", "References", "In-Reply-To", TURNS_HEADER, "X")
TAG = "<1234.5678-openerp-loop-detection-bounce-email@host>"


def mail(*lines):
    return summarize("\r\n".join(["From: ann@example.com", *lines, "", "hello"]).encode())


def judge(message, own=None, *, own_mark=False, most_hops=HOPS):
    facts = {"own_mark": own_mark}
    verdict = find_loop(own or Own(), most_hops=most_hops)(message, facts)
    return verdict.reason and verdict.reason.value, verdict, facts


class TestLoopSigns(EngineCase):
    def test_signs_in_the_header(self):
        received = "Received: from a by b; Mon, 4 May 2026 12:00:00 +0000"
        for name, lines, reason in (
            ("nothing", [], None),
            ("a long way", [received] * HOPS, None),
            ("one server too many", [received] * (HOPS + 1), "too_many_hops"),
            ("one server too many, and a notice", [*[received] * (HOPS + 1), f"References: {TAG}"], "too_many_hops"),
            ("an answer to a notice", [f"References: <a@b> {TAG}"], "loop"),
            ("an answer to a notice, alone", [f"In-Reply-To: {TAG}"], "loop"),
            ("an answer to something else", ["References: <a@b>", "In-Reply-To: <a@b>"], None),
            ("delivered once", ["Delivered-To: box@a.test", received], None),
            ("delivered by one server that says it twice", ["Delivered-To: box@a.test"] * 2, None),
            ("forwarded", ["Delivered-To: box@b.test", received, "Delivered-To: box@a.test", received], None),
            ("come back", ["Delivered-To: Box@A.test", received, "Delivered-To: <box@a.test>", received], "loop"),
            (
                "come back by another one",
                ["Delivered-To: a@a", received, "Delivered-To: b@b", received, "Delivered-To: a@a"],
                "loop",
            ),
            ("no address in Delivered-To", ["Delivered-To: box", received, "Delivered-To: box"], None),
            ("the answer to a mail", [f"{TURNS_HEADER}: 1"], None),
            ("the answer to an answer", [f"{TURNS_HEADER}: 2"], "loop"),
            ("nonsense in place of a number", [f"{TURNS_HEADER}: two"], None),
            ("a number without end", [f"{TURNS_HEADER}: {'9' * 5000}"], None),
            ("a negative number", [f"{TURNS_HEADER}: -2"], None),
        ):
            with self.subTest(name=name):
                found, verdict, _facts = judge(mail(*lines))
                self.assertEqual(found, reason)
                if reason:
                    self.assertIs(verdict.state, InboundState.QUARANTINED)
                    self.assertTrue(verdict.detail.endswith("."))
                    self.assertEqual(verdict.steps[-1].followed, "quarantine")

    def test_own_mail_that_comes_back(self):
        allowed = {"is_allowed": lambda: True}
        for name, own, mark, reason in (
            ("not ours", Own(), False, None),
            ("our mark", Own(), True, "loop"),
            ("our Message-ID", Own(is_sent=True), False, "loop"),
            # Odoo takes it for a duplicate: nothing goes round, and nobody has to look at it.
            ("our mark, in a chatter", Own(is_in_chatter=True), True, None),
            ("our Message-ID, in a chatter", Own(True, True), False, None),
            ("an answer in a chatter that others sent", Own(is_in_chatter=True), False, None),
            ("our Message-ID, a second copy", Own(is_sent=True, was_taken=lambda: True), False, "known_message_id"),
            ("our mark, a second copy", Own(was_taken=lambda: True), True, "known_message_id"),
            (
                "a copy for others",
                Own(is_sent=True, was_taken=lambda: True, is_for_others=lambda: True),
                False,
                None,
            ),
            ("not ours, taken before", Own(was_taken=lambda: True), False, None),
            ("our mark, from who may", Own(**allowed), True, None),
            ("our Message-ID, from who may", Own(is_sent=True, **allowed), False, None),
        ):
            with self.subTest(name=name):
                self.assertEqual(judge(mail(), own, own_mark=mark)[0], reason)

    def test_who_may_send_without_limit_answers_answers(self):
        found, verdict, _facts = judge(mail(f"{TURNS_HEADER}: 7"), Own(is_allowed=lambda: True))
        self.assertIsNone(found)
        self.assertEqual([step.followed for step in verdict.steps], ["let in: the sender may send without limit"])

    def test_an_automatic_reply_that_wakes_nothing_is_left_to_its_policy(self):
        for policy, reason in ((None, "loop"), ("accept", "loop"), ("attach", None), ("discard", None)):
            with self.subTest(policy=policy):
                facts = {"automatic_policy": policy}
                verdict = find_loop(Own())(mail(f"{TURNS_HEADER}: 2"), facts)
                self.assertEqual(verdict.reason and verdict.reason.value, reason)

    def test_who_is_allowed_is_only_asked_where_it_matters(self):
        def fail():
            raise AssertionError("asked")

        self.assertIsNone(judge(mail("References: <a@b>"), Own(is_allowed=fail))[0])

    def test_the_number_of_servers_is_a_setting(self):
        message = mail(*["Received: x"] * 7)
        for most, reason in ((6, "too_many_hops"), (7, None), (0, None)):
            with self.subTest(most=most):
                self.assertEqual(judge(message, most_hops=most)[0], reason)

    def test_the_words_say_the_numbers(self):
        _found, verdict, _facts = judge(mail(*["Received: x"] * 7), most_hops=6)
        self.assertEqual(verdict.detail, "It passed 7 servers; more than 6 are the sign of a loop.")
        self.assertIs(verdict.reason, InboundReason.TOO_MANY_HOPS)

    def test_the_answers_in_a_row_are_a_fact(self):
        for lines, number in (([], 0), ([f"{TURNS_HEADER}: 1"], 1), ([f"{TURNS_HEADER}: ٣"], 0)):
            with self.subTest(lines=lines):
                self.assertEqual(judge(mail(*lines))[2]["turns"], number)

    @settings(max_examples=200, deadline=None, database=None)
    @given(st.lists(st.tuples(st.sampled_from(NAMES), st.binary(max_size=60)), max_size=60))
    def test_no_header_whatever_it_is_fails(self, fields):
        content = b"\r\n".join([*(name.encode() + b": " + value for name, value in fields), b"", b"hello"])
        verdict = find_loop(Own())(summarize(content), {})
        self.assertEqual(verdict.state is None, verdict.reason is None)

    def test_hostile_headers_take_no_time(self):
        message = mail(*["Delivered-To: " + "a@b, " * 200] * 500, "References: " + TAG[:-3] * 20_000)
        judge(message)
        self.assertEqual((hops(message), turns(message), returned_to(message)), (0, 0, ""))
