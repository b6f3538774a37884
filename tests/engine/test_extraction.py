# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from ...engine.condition import Place
from ...engine.errors import ConfigurationError
from ...engine.extraction import LONGEST_VALUE, ORIGIN_WORDS, Extraction, Origin, labelled
from ...engine.pattern import PatternTimeout
from .case import EngineCase
from .letters import letter

TEXT = """Good day,
Name: Ann Lee
 * Phone :  +1 234
**City:** Bo
Reason:
The card is lost.
Empty:
Other: x
> Name: Somebody else
> Old: value
On Mon, 4 May 2026 Bob wrote:
Quoted: no
"""


class TestExtraction(EngineCase):
    def take(self, origin, value="", message=None, groups=(), **options):
        return Extraction(Origin(origin), value, **options).take(message or letter(TEXT), dict(groups), time.monotonic)

    def test_every_origin_has_words(self):
        self.assertEqual(list(ORIGIN_WORDS), list(Origin))

    def test_lines_with_labels(self):
        for labels, expected in (
            ("Name", "Ann Lee"),
            ("name:", "Ann Lee"),
            ("Nom\nName\nNombre", "Ann Lee"),
            ("phone", "+1 234"),
            ("Reason", "The card is lost."),
            ("Empty", ""),
            ("Old", ""),
            ("Quoted", ""),
            ("Missing", ""),
            ("", ""),
        ):
            with self.subTest(labels=labels):
                self.assertEqual(labelled(TEXT, labels).strip(), expected)

    def test_a_label_without_value_takes_no_other_label(self):
        for text, expected in (
            ("Empty:\nNext:\nvalue", ""),
            ("Empty:\nNext one: value", ""),
            ("Empty:\n\nThe card is lost: since May", "The card is lost: since May"),
            ("Empty:", ""),
        ):
            with self.subTest(text=text):
                self.assertEqual(labelled(text, "Empty"), expected)

    def test_origins(self):
        for origin, value, options, expected in (
            ("fixed", " this ", {}, "this"),
            ("label", "City", {}, "Bo"),
            ("expression", r"\[(\w+-\d+)\]", {"message": letter(Subject="Re: [GRM-12] x")}, "GRM-12"),
            ("expression", r"(\d{3})", {"place": Place.TEXT}, "234"),
            ("expression", r"(x)|(\d+)", {"place": Place.HEADER, "header": "X-N", "message": letter(X_N="42")}, "42"),
            ("expression", r"(nothing)", {}, ""),
            ("group", "ref", {"groups": {"ref": "12"}}, "12"),
            ("group", "ref", {}, ""),
            ("sender", "", {}, "ann@example.com"),
            ("sender_name", "", {}, "Ann Lee"),
            ("subject", "", {}, "A Question"),
            ("date", "", {}, "2026-05-04 12:00:00"),
            ("date", "", {"message": letter(Date=None)}, ""),
            ("text", "", {"message": letter("all of it")}, "all of it"),
        ):
            with self.subTest(origin=origin, value=value):
                self.assertEqual(self.take(origin, value, **options), expected)

    def test_a_long_value_is_cut(self):
        self.assertEqual(len(self.take("text", message=letter("x" * 5000))), LONGEST_VALUE)

    def test_what_makes_no_sense_is_refused(self):
        for extraction, words in (
            (Extraction(Origin.LABEL, " "), "the label is missing"),
            (Extraction(Origin.EXPRESSION), "the regular expression is missing"),
            (Extraction(Origin.GROUP), "the name of the group is missing"),
            (Extraction(Origin.GROUP, "ref"), "no condition has a group (?P<ref>…)"),
            (Extraction(Origin.EXPRESSION, "abc"), "put the part that is the value into parentheses"),
            (Extraction(Origin.EXPRESSION, "(abc"), "missing )"),
            (Extraction(Origin.EXPRESSION, "(a)", Place.HEADER), "the name of the header field is missing"),
        ):
            with self.subTest(extraction=extraction), self.assertRaises(ConfigurationError) as caught:
                extraction.check()
            self.assertEqual(str(caught.exception), words)
        Extraction(Origin.GROUP, "ref").check(("ref",))

    def test_a_hostile_expression_ends_in_time(self):
        # Without the limit it would take years.
        with self.assertRaises(PatternTimeout):
            self.take("expression", r"((a+)+)$", letter("a" * 5000 + "b"), place=Place.TEXT)
