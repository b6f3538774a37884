# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta

from ...engine.timeline import TimelineEntry, as_text, moment_of, timeline
from .case import EngineCase

NOON = datetime(2026, 5, 4, 12)


def entry(words, minutes=0, model="spp.email.inbound", record_id=1, **values):
    moment = None if minutes is None else NOON + timedelta(minutes=minutes)
    return TimelineEntry(moment, model, record_id, words, **values)


class TestTimeline(EngineCase):
    def assertOrder(self, entries, words):  # noqa: N802
        self.assertEqual([one.words for one in timeline(entries)], words.split())

    def test_order(self):
        for name, entries, words in (
            ("nothing", (), ""),
            ("by time", (entry("b", 2), entry("a", 1)), "a b"),
            ("each once", (entry("a", 1), entry("a", 1), entry("a", 2)), "a a"),
            ("what lies ahead is last", (entry("later", 1, is_ahead=True), entry("now", 2)), "now later"),
            ("at one moment it arrives first", (entry("post", 0, "mail.message"), entry("in", 0)), "in post"),
            ("at one moment as given", (entry("a"), entry("b"), entry("c")), "a b c"),
            ("without a moment behind its row", (entry("a", 1), entry("b", None), entry("c", 2)), "a b c"),
            ("without any moment first", (entry("a", 1), entry("b", None, record_id=2)), "b a"),
            ("an unknown table last", (entry("x", 0, "a.b"), entry("in", 0)), "in x"),
        ):
            with self.subTest(name):
                self.assertOrder(entries, words)

    def test_text(self):
        text = as_text((entry("arrived", 0), entry("came back", 1, is_problem=True), entry("some day", None)))
        self.assertEqual(
            text,
            "2026-05-04 12:00:00   spp.email.inbound 1: arrived\n"
            "2026-05-04 12:01:00 ! spp.email.inbound 1: came back\n"
            "                      spp.email.inbound 1: some day",
        )

    def test_the_time_of_a_decision(self):
        for text, moment in (
            ("user 2 (Ann), 2026-05-04 12:00:00 UTC", NOON),
            ("user 2", None),
            ("", None),
            (None, None),
            ("2026-99-99 12:00:00 UTC", None),
        ):
            with self.subTest(text):
                self.assertEqual(moment_of(text), moment)
