# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from ...engine.pattern import LONGEST_PATTERN, LONGEST_TEXT, PatternError, PatternTimeout, compile_pattern, search
from .case import EngineCase


class TestPattern(EngineCase):
    def test_faults_have_their_position(self):
        for text, words, position in (
            ("(ab", "missing )", 4),
            ("ab)", "unbalanced parenthesis", 3),
            ("a**", "multiple repeat", 3),
            ("[a", "unterminated character set", 3),
            (
                "x" * (LONGEST_PATTERN + 1),
                f"the expression is longer than {LONGEST_PATTERN} characters",
                LONGEST_PATTERN,
            ),
        ):
            with self.subTest(text=text[:20]), self.assertRaises(PatternError) as caught:
                compile_pattern(text)
            self.assertEqual((str(caught.exception), caught.exception.position), (words, position), text[:20])

    def test_case_and_lines(self):
        for pattern, case_sensitive, text, found in (
            ("ABC", False, "xabcx", True),
            ("ABC", True, "xabcx", False),
            ("^two$", False, "one\ntwo\nthree", True),
        ):
            with self.subTest(pattern=pattern, case_sensitive=case_sensitive):
                match = search(compile_pattern(pattern, case_sensitive), [text], time.monotonic)
                self.assertEqual(match is not None, found)

    def test_a_hostile_expression_ends_in_time(self):
        for pattern, text in (
            (r"(a+)+$", "a" * 5000 + "b"),
            (r"(a|a)*$", "a" * 5000 + "b"),
            (r"(.*a){30}$", "a" * 200),
        ):
            with self.subTest(pattern=pattern):
                # Without the limit each of them would take years.
                with self.assertRaises(PatternTimeout):
                    search(compile_pattern(pattern), [text + "!"], time.monotonic)

    def test_the_time_is_for_all_texts_together(self):
        clock = iter(range(100)).__next__  # a second for each look at it
        with self.assertRaises(PatternTimeout):
            search(compile_pattern("x"), ["a"] * 1000, clock, seconds=5)

    def test_only_the_beginning_of_a_long_text_is_looked_at(self):
        self.assertIsNone(search(compile_pattern("end"), ["x" * LONGEST_TEXT + "end"], time.monotonic))
