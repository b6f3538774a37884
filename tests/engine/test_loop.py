# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta

from ...engine.loop import (
    UNNAMED,
    Arrival,
    Count,
    LoopLimit,
    LoopSettings,
    Question,
    bare,
    counted_sender,
    counted_with,
    is_forged,
    passed,
    questions,
)
from .case import EngineCase

NOW = datetime(2026, 5, 4, 12, 0, 0)
ANN = "ann@example.com"
ALL = dict.fromkeys(LoopLimit, 5)


def ago(minutes):
    return NOW - timedelta(minutes=minutes)


class TestLoop(EngineCase):
    def test_what_is_counted_for_which_message(self):
        for name, arrival, limits, asked in (
            ("a new record", Arrival(ANN, targets=("crm.lead",)), {}, ["sender:ann@example.com"]),
            (
                "a reply",
                Arrival(ANN, True, ("crm.lead,7",)),
                {},
                ["sender_replies:ann@example.com", "target:crm.lead,7"],
            ),
            ("all into one record", Arrival(ANN, True, ("a.b,7",), False), {}, ["sender_replies:ann@example.com"]),
            (
                "all limits, a new record",
                Arrival(ANN, targets=("crm.lead",)),
                ALL,
                ["sender:ann@example.com", "sender_target:ann@example.com crm.lead", "domain:example.com"],
            ),
            (
                "all limits, a reply",
                Arrival(ANN, True, ("a.b,7",)),
                ALL,
                [
                    "sender_replies:ann@example.com",
                    "sender_target:ann@example.com a.b,7",
                    "domain:example.com",
                    "target:a.b,7",
                ],
            ),
            ("nobody wrote it", Arrival("", True, ("a.b,7",)), ALL, ["target:a.b,7"]),
            ("no domain", Arrival("ann", targets=("a.b",)), ALL, ["sender:ann", "sender_target:ann a.b"]),
            ("limits off", Arrival(ANN, True, ("a.b,7",)), dict.fromkeys(LoopLimit, 0), []),
        ):
            with self.subTest(name=name):
                settings = LoopSettings(limits=limits) if limits else LoopSettings()
                self.assertEqual([question.key for question in questions(arrival, settings)], asked)

    def test_the_defaults_of_the_guides(self):
        settings = LoopSettings()
        self.assertEqual((settings.minutes, settings.limits[LoopLimit.SENDER]), (120, 20))
        self.assertGreater(settings.limits[LoopLimit.SENDER_REPLIES], 20)
        for limit in (LoopLimit.SENDER_TARGET, LoopLimit.TARGET, LoopLimit.DOMAIN):
            number = settings.limits[limit]
            self.assertTrue(number == 0 or number >= 10 * 20, limit)

    def test_what_may_come_and_until_when_it_waits(self):
        for name, counts, until in (
            ("nothing yet", {LoopLimit.SENDER: Count()}, None),
            ("one below", {LoopLimit.SENDER: Count(4, ago(100))}, None),
            ("reached", {LoopLimit.SENDER: Count(5, ago(100))}, ago(-20)),
            ("all just now", {LoopLimit.SENDER: Count(5, NOW)}, ago(-120)),
            ("another limit", {LoopLimit.SENDER: Count(1, NOW), LoopLimit.DOMAIN: Count(5, ago(119))}, ago(-1)),
            (
                "the one that holds longest",
                {LoopLimit.DOMAIN: Count(5, ago(119)), LoopLimit.SENDER: Count(5, ago(10))},
                ago(-110),
            ),
        ):
            with self.subTest(name=name):
                asked = {Question(limit, ANN, 5): count for limit, count in counts.items()}
                found = passed(asked, LoopSettings(limits=ALL), NOW)
                self.assertEqual(found and found.until, until)

    def test_which_limit_it_is_in_words(self):
        for limit, who, target, words in (
            (LoopLimit.SENDER, ANN, "", "5 mails of ann@example.com made records within 60 minutes: no more than 5"),
            (LoopLimit.SENDER_REPLIES, ANN, "", "5 mails of ann@example.com were added to records within 60 minutes"),
            (LoopLimit.SENDER_TARGET, ANN, "a.b", "5 mails of ann@example.com reached a.b within 60 minutes"),
            (LoopLimit.TARGET, "a.b,7", "", "5 replies reached the record a.b,7 within 60 minutes"),
            (LoopLimit.DOMAIN, "example.com", "", "5 mails from the domain example.com made or reached records within"),
        ):
            with self.subTest(limit=limit):
                found = passed({Question(limit, who, 5, target): Count(5, NOW)}, LoopSettings(60, ALL), NOW)
                self.assertIn(words, found.words)
                self.assertEqual([step.followed for step in found.steps], ["quarantine"])

    def test_others_of_the_same_batch_count(self):
        new, reply = Arrival(ANN, targets=("a.b",)), Arrival(ANN, True, ("a.b,7",))
        ben = Arrival("ben@example.com", True, ("a.b,7",))
        for name, question, arrivals, number in (
            ("none", Question(LoopLimit.SENDER, ANN, 5), [], 1),
            ("of the same kind", Question(LoopLimit.SENDER, ANN, 5), [new, reply, ben], 2),
            ("replies", Question(LoopLimit.SENDER_REPLIES, ANN, 5), [new, reply, reply, ben], 3),
            ("to one target", Question(LoopLimit.SENDER_TARGET, ANN, 5, "a.b"), [new, reply, ben], 2),
            ("of anybody to one record", Question(LoopLimit.TARGET, "a.b,7", 5), [new, reply, ben], 3),
            ("of one domain", Question(LoopLimit.DOMAIN, "example.com", 5), [new, reply, ben], 4),
        ):
            with self.subTest(name=name):
                timed = [(arrival, ago(1)) for arrival in arrivals]
                found = counted_with(question, Count(1, ago(50)), timed, ago(120))
                self.assertEqual((found.number, found.oldest), (number, ago(50)))

    def test_a_forger_does_not_use_up_what_the_other_may_send(self):
        forged = counted_sender(ANN, is_forged=True)
        self.assertEqual((counted_sender(ANN), counted_sender("", is_forged=True)), (ANN, UNNAMED))
        self.assertEqual((is_forged(forged), is_forged(ANN), is_forged(UNNAMED)), (True, False, False))
        self.assertEqual((bare(forged), bare(ANN)), (ANN, ANN))
        for limit in (LoopLimit.SENDER, LoopLimit.DOMAIN):
            keys = [
                {question.limit: question.key for question in questions(Arrival(sender), LoopSettings(limits=ALL))}
                for sender in (ANN, forged)
            ]
            self.assertNotEqual(keys[0][limit], keys[1][limit])

    def test_who_names_no_sender_is_one_sender(self):
        sender = counted_sender("")
        keys = [question.key for question in questions(Arrival(sender), LoopSettings(limits=ALL))]
        self.assertEqual(keys, [f"sender:{UNNAMED}"])
        # No address can be that, and there is nobody to write to.
        self.assertEqual((bare(sender), "@" in sender), ("", False))

    def test_what_came_before_the_window_does_not_count(self):
        question = Question(LoopLimit.SENDER, ANN, 5)
        found = counted_with(question, Count(), [(Arrival(ANN), ago(120)), (Arrival(ANN), ago(119))], ago(120))
        self.assertEqual((found.number, found.oldest), (1, ago(119)))
