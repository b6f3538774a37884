# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from ...engine.condition import OPERATOR_WORDS, PLACE_WORDS, Condition, Operator, Place, look
from ...engine.errors import ConfigurationError
from ...engine.pattern import PatternError, PatternTimeout
from .case import EngineCase
from .letters import MIXED, letter


def holds(place, operator, value="", message=None, **options):
    return Condition(Place(place), Operator(operator), value, **options).test(message or letter(), time.monotonic).holds


class TestCondition(EngineCase):
    def test_every_place_and_operator_has_words(self):
        self.assertEqual((list(PLACE_WORDS), list(OPERATOR_WORDS)), (list(Place), list(Operator)))

    def test_operators(self):
        for operator, value, expected in (
            ("contains", "question", True),
            ("contains", "QUEST", True),
            ("contains", "answer", False),
            ("equals", "a question", True),
            ("equals", " a question ", True),
            ("equals", "question", False),
            ("starts", "a q", True),
            ("starts", "question", False),
            ("ends", "question", True),
            ("ends", "a q", False),
            ("in_list", "first\r\nA question\nlast", True),
            ("in_list", "a\nquestion", False),
            ("in_list", "\n\n", False),
            ("matches", "^a .*n$", True),
            ("matches", "^question", False),
            ("exists", "", True),
        ):
            with self.subTest(operator=operator, value=value):
                self.assertIs(holds("subject", operator, value), expected)
                self.assertIs(holds("subject", operator, value, negated=True), not expected)

    def test_what_the_message_is(self):
        failure = letter(kind="delivery_failure")
        self.assertTrue(holds("kind", "equals", "delivery_failure", failure))
        self.assertFalse(holds("kind", "equals", "person", failure))
        self.assertTrue(holds("kind", "equals", "person", failure, negated=True))
        # Nothing is known of it, so it is not said to be a person's.
        self.assertFalse(holds("kind", "equals", "person", letter()))
        for operator in set(Operator) - {Operator.EQUALS}:
            with self.subTest(operator=operator), self.assertRaisesRegex(ConfigurationError, "“is exactly”"):
                Condition(Place.KIND, operator, "person").check()
        with self.assertRaisesRegex(ConfigurationError, "value to compare with is missing"):
            Condition(Place.KIND, Operator.EQUALS).check()

    def test_the_same_case(self):
        for operator, value in (
            ("contains", "question"),
            ("equals", "a question"),
            ("in_list", "a question"),
            ("matches", "question"),
        ):
            with self.subTest(operator=operator):
                self.assertFalse(holds("subject", operator, value, case_sensitive=True))

    def test_places(self):
        message = letter(
            MIXED,
            ["other@gateway.test", "alias@gateway.test"],
            Content_Type="multipart/mixed; boundary=b",
            X_Kind=["first", "Second"],
            X_Empty="",
        )
        for place, operator, value, header, expected in (
            ("sender", "equals", "ann@example.com", "", True),
            ("sender", "contains", "lee", "", False),
            ("domain", "equals", "EXAMPLE.com", "", True),
            ("domain", "in_list", "example.org\nexample.com", "", True),
            ("recipient", "equals", "other@gateway.test", "", True),
            ("recipient", "equals", "copy@gateway.test", "", True),
            ("recipient", "equals", "alias@gateway.test", "", False),
            ("envelope_recipient", "equals", "alias@gateway.test", "", True),
            ("header", "equals", "second", "x-kind", True),
            ("header", "equals", "third", "X-Kind", False),
            ("header", "exists", "", "X-Kind", True),
            ("header", "exists", "", "X-Empty", False),
            ("header", "exists", "", "X-None", False),
            ("text", "contains", "the FILE", "", True),
            ("attachment", "ends", ".pdf", "", True),
            ("attachment", "ends", ".exe", "", False),
            ("size", "over", "10", "", True),
            ("size", "over", "100000", "", False),
        ):
            with self.subTest(place=place, operator=operator, value=value, header=header):
                self.assertIs(holds(place, operator, value, message, header=header), expected)

    def test_not_means_none_of_several(self):
        message = letter(X_Kind=["first", "second"])
        self.assertFalse(holds("header", "equals", "first", message, header="X-Kind", negated=True))
        self.assertTrue(holds("header", "equals", "third", message, header="X-Kind", negated=True))
        self.assertTrue(holds("header", "exists", "", message, header="X-None", negated=True))

    def test_named_groups(self):
        condition = Condition(Place.SUBJECT, Operator.MATCHES, r"(?P<ref>GRM-\d+)(?P<none>x)?")
        found = condition.test(letter(Subject="Re: [GRM-00012]"), time.monotonic)
        self.assertEqual((found.holds, found.groups), (True, {"ref": "GRM-00012"}))

    def test_a_hostile_expression_is_an_answer_of_its_own(self):
        condition = Condition(Place.TEXT, Operator.MATCHES, r"(a+)+$")
        with self.assertRaises(PatternTimeout):
            condition.test(letter("a" * 90_000 + "b"), time.monotonic)

    def test_what_makes_no_sense_is_refused(self):
        for condition, words in (
            (Condition(Place.HEADER, Operator.EXISTS), "the name of the header field is missing"),
            (Condition(Place.SIZE, Operator.CONTAINS, "1"), "a size can only be compared with “is over”"),
            (Condition(Place.SUBJECT, Operator.OVER, "1"), "“is over” compares a size only"),
            (Condition(Place.SIZE, Operator.OVER, "much"), "the size must be a whole number of bytes"),
            (Condition(Place.SUBJECT, Operator.EQUALS, " "), "the value to compare with is missing"),
            (Condition(Place.SUBJECT, Operator.MATCHES, "("), "missing )"),
        ):
            with self.subTest(condition=condition), self.assertRaises(ConfigurationError) as caught:
                condition.check()
            self.assertEqual(str(caught.exception), words)
        with self.assertRaises(PatternError) as caught:
            Condition(Place.SUBJECT, Operator.MATCHES, "a(").check()
        self.assertEqual(caught.exception.position, 3)
        Condition(Place.SUBJECT, Operator.EXISTS).check()

    def test_the_body_is_parsed_only_when_it_is_asked_for(self):
        message = letter()
        look(message, Place.SUBJECT)
        self.assertNotIn("_preview", vars(message))
        look(message, Place.TEXT)
        self.assertIn("_preview", vars(message))
