# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta

from ...engine.own_mark import HEADER, LIFETIME, find_own_mark, own_mark
from ...engine.summary import summarize
from ...engine.token import TokenRing
from .case import EngineCase

NOW = datetime(2026, 5, 4, 12, 0, 0)
RING = TokenRing({1: b"k" * 32})


def find(value, now=NOW, ring=RING):
    facts = {}
    head = f"{HEADER}: {value}\r\n" if value is not None else ""
    verdict = find_own_mark(ring, now)(summarize(f"From: ann@example.com\r\n{head}\r\nhello".encode()), facts)
    return facts["own_mark"], [(step.found, step.followed) for step in verdict.steps], verdict.state


class TestOwnMark(EngineCase):
    def test_own_mail_is_known_again(self):
        self.assertEqual(find(own_mark(RING, NOW)), (True, [("sent by this database", "it is never answered")], None))

    def test_a_relay_may_change_the_case_of_the_mark(self):
        self.assertTrue(find(own_mark(RING, NOW).upper())[0])

    def test_mail_without_a_mark_is_not_ours(self):
        self.assertEqual(find(None), (False, [], None))
        self.assertEqual(find(""), (False, [], None))

    def test_a_mark_that_does_not_hold_is_ignored_and_told(self):
        foreign = own_mark(TokenRing({1: b"x" * 32}), NOW)
        for name, value, now, words in (
            ("forged", "a" * 40, NOW, "The token is not one of ours."),
            ("nonsense", "1", NOW, "The token is malformed."),
            ("of another database", foreign, NOW, "The token is not one of ours."),
            ("old", own_mark(RING, NOW), NOW + LIFETIME + timedelta(seconds=1), "The token has expired."),
        ):
            with self.subTest(name=name):
                self.assertEqual(find(value, now), (False, [(words, "ignored")], None))

    def test_a_token_for_another_purpose_is_no_mark(self):
        self.assertFalse(find(RING.sign("reply", 0, NOW + LIFETIME))[0])
