# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from ...engine.condition import Condition, Operator, Place
from ...engine.rule import Rule, walk_rules
from .case import EngineCase
from .letters import letter


def subject(value, operator=Operator.CONTAINS):
    return Condition(Place.SUBJECT, operator, value)


YES, NO = subject("question"), subject("answer")


class TestRule(EngineCase):
    def walked(self, *rules, message=None):
        return [match.rule.id for match in walk_rules(rules, message or letter(), time.monotonic) if match.matched]

    def test_all_or_any(self):
        for conditions, is_any, expected in (
            ((), False, True),
            ((), True, True),
            ((YES,), False, True),
            ((NO,), False, False),
            ((YES, NO), False, False),
            ((YES, NO), True, True),
            ((NO, YES), True, True),
            ((NO, NO), True, False),
            ((YES, YES), False, True),
        ):
            with self.subTest(conditions=conditions, any=is_any):
                self.assertEqual(self.walked(Rule(1, conditions, match_any=is_any)), [1] if expected else [])

    def test_order_and_stop(self):
        self.assertEqual(self.walked(Rule(2), Rule(1, (NO,)), Rule(3)), [2, 3])
        self.assertEqual(self.walked(Rule(2), Rule(1, stops=True), Rule(3)), [2, 1])
        self.assertEqual(self.walked(Rule(1, (NO,), stops=True), Rule(3)), [3])

    def test_for_whom(self):
        for rule, company, server, expected in (
            (Rule(1), 5, 7, True),
            (Rule(1, company_id=5), 5, 7, True),
            (Rule(1, company_id=5), 6, 7, False),
            (Rule(1, server_ids=frozenset({7, 8})), 5, 7, True),
            (Rule(1, server_ids=frozenset({8})), 5, 7, False),
            (Rule(1, server_ids=frozenset({8})), 5, 0, False),
            (Rule(1, server_ids=frozenset({-1})), 5, 0, False),
        ):
            with self.subTest(rule=rule, company=company, server=server):
                self.assertIs(rule.is_for(company, server), expected)

    def test_a_rule_that_runs_out_of_time_does_not_match_and_does_not_stop(self):
        slow = Rule(1, (subject("(a+)+$", Operator.MATCHES),), stops=True)
        matches = list(walk_rules([slow, Rule(2)], letter(Subject="a" * 1000 + "b"), time.monotonic))
        self.assertEqual(
            [(one.rule.id, one.matched, one.timed_out) for one in matches], [(1, False, True), (2, True, False)]
        )

    def test_groups_of_the_conditions_that_held(self):
        first = subject(r"(?P<a>A) (?P<b>\w+)", Operator.MATCHES)
        second = subject(r"(?P<b>Q)(?P<c>u)", Operator.MATCHES)
        (match,) = walk_rules([Rule(1, (first, second))], letter(), time.monotonic)
        self.assertEqual(match.groups, {"a": "A", "b": "Question", "c": "u"})
