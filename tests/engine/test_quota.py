# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta, timezone

from ...engine.quota import (
    QuotaUnit,
    Shortage,
    Use,
    Window,
    Wish,
    describe_shortage,
    describe_use,
    line_up,
    returns,
    shortage,
    slot,
    used,
    wishes,
)
from .case import EngineCase

NOW = datetime(2026, 5, 4, 14, 5, 7)
DAY, HOUR, MINUTE, MASS = Window.DAY, Window.HOUR, Window.MINUTE, Window.MASS_DAY


def ago(window, count, domain="", **past):
    return Use(window, slot(window, NOW - timedelta(**past)), count, domain)


class TestWishes(EngineCase):
    def taken(self, recipients, unit=QuotaUnit.RECIPIENTS, **options):
        return {(wish.window, wish.domain): wish.count for wish in wishes(recipients, unit, **options)}

    def test_each_recipient_counts_and_each_in_its_domain(self):
        taken = self.taken(["a@x.org", "b@X.org", "c@y.org"])
        self.assertEqual([taken[window, ""] for window in (MINUTE, HOUR, DAY)], [3, 3, 3])
        self.assertEqual(taken[Window.DOMAIN_HOUR, "x.org"], 2)
        self.assertEqual(taken[Window.DOMAIN_MINUTE, "y.org"], 1)
        self.assertNotIn((MASS, ""), taken)

    def test_a_message_counts_once_and_once_a_domain(self):
        taken = self.taken(["a@x.org", "b@x.org", "c@y.org"], QuotaUnit.MESSAGES, is_mass=True)
        self.assertEqual(taken[DAY, ""], 1)
        self.assertEqual(taken[MASS, ""], 1)
        self.assertEqual(taken[Window.DOMAIN_HOUR, "x.org"], 1)

    def test_nobody_takes_nothing(self):
        for unit in QuotaUnit:
            self.assertEqual(set(self.taken([], unit).values()), {0})


class TestShortage(EngineCase):
    def hold(self, limits, uses, count=1, window=DAY, now=NOW):
        return shortage(limits, [Wish(window, count)], uses, now)

    def test_what_fits_is_allowed(self):
        for limits, uses, count in (
            ({}, [ago(DAY, 10_000)], 1),
            ({DAY: 0}, [ago(DAY, 10_000)], 1),
            ({HOUR: 1}, [ago(DAY, 10_000)], 1),
            ({DAY: 200}, [], 200),
            ({DAY: 200}, [ago(DAY, 199)], 1),
            ({DAY: 200}, [ago(DAY, 200, hours=24, minutes=10)], 200),
            ({DAY: 200}, [ago(MASS, 200)], 1),
            # Larger than the limit: it leaves when nothing else is counted.
            ({DAY: 200}, [], 300),
            ({DAY: 200}, [ago(DAY, 200)], 0),
        ):
            with self.subTest(limits=limits, uses=uses, count=count):
                self.assertIsNone(self.hold(limits, uses, count))

    def test_what_does_not_fit_waits_until_enough_has_left_the_window(self):
        for uses, count, until in (
            ([ago(DAY, 200)], 1, NOW.replace(minute=10, second=0) + timedelta(days=1)),
            ([ago(DAY, 200, hours=23)], 1, NOW.replace(hour=15, minute=10, second=0)),
            # The oldest goes first, and one place is enough for one.
            ([ago(DAY, 1, hours=23), ago(DAY, 199, hours=1)], 1, NOW.replace(hour=15, minute=10, second=0)),
            ([ago(DAY, 1, hours=23), ago(DAY, 199, hours=20)], 2, NOW.replace(hour=18, minute=10, second=0)),
            # Larger than the limit: all has to go first.
            ([ago(DAY, 1, hours=23), ago(DAY, 1, hours=20)], 300, NOW.replace(hour=18, minute=10, second=0)),
        ):
            with self.subTest(uses=uses, count=count):
                short = self.hold({DAY: 200}, uses, count)
                self.assertEqual((short.limit, short.used, short.until), (200, sum(use.count for use in uses), until))
                # It holds just before, and no more at the time that was told.
                self.assertIsNotNone(self.hold({DAY: 200}, uses, count, now=until - timedelta(seconds=1)))
                self.assertIsNone(self.hold({DAY: 200}, uses, count, now=until))

    def test_no_24_hours_see_more_than_the_limit(self):
        """Whatever the moments of sending: also around midnight, where windows of calendar days let twice as much."""
        uses, sent, now = [], [], datetime(2026, 5, 4, 22, 0)
        while now < datetime(2026, 5, 7):
            if not self.hold({DAY: 20}, uses, 3, now=now):
                uses.append(Use(DAY, slot(DAY, now), 3))
                sent += [now] * 3
            now += timedelta(minutes=7)
        for first in sent:
            self.assertLessEqual(sum(first <= one < first + timedelta(days=1) for one in sent), 20)
        self.assertGreaterEqual(len(sent), 36)

    def test_the_limit_that_holds_longest_is_told(self):
        limits = {MINUTE: 5, HOUR: 10, DAY: 20}
        uses = [ago(MINUTE, 5), ago(HOUR, 10), ago(DAY, 15)]
        wanted = wishes(["a@x.org"], QuotaUnit.RECIPIENTS)
        self.assertEqual(shortage(limits, wanted, uses, NOW).window, HOUR)

    def test_a_domain_has_its_own(self):
        limits = {Window.DOMAIN_HOUR: 2}
        uses = [ago(Window.DOMAIN_HOUR, 2, "x.org")]
        self.assertEqual(shortage(limits, wishes(["a@x.org"], QuotaUnit.RECIPIENTS), uses, NOW).domain, "x.org")
        self.assertIsNone(shortage(limits, wishes(["a@y.org"], QuotaUnit.RECIPIENTS), uses, NOW))

    def test_used(self):
        uses = [ago(DAY, 3), ago(DAY, 4, hours=23), ago(DAY, 5, hours=25), ago(HOUR, 6), ago(MASS, 7)]
        self.assertEqual([used(window, uses, NOW) for window in (DAY, HOUR, MINUTE, MASS)], [7, 6, 0, 7])


class TestLine(EngineCase):
    def test_each_who_waits_has_a_turn(self):
        uses = [ago(DAY, 2, hours=23), ago(DAY, 3, hours=20), ago(DAY, 5, hours=1)]
        short = shortage({DAY: 10}, [Wish(DAY, 1)], uses, NOW)
        ends = [NOW.replace(hour=15, minute=10, second=0), NOW.replace(hour=18, minute=10, second=0)]
        last = (NOW + timedelta(hours=23)).replace(minute=10, second=0)
        for waiting, until in ((0, ends[0]), (1, ends[0]), (2, ends[1]), (4, ends[1]), (5, last), (9, last)):
            with self.subTest(waiting=waiting):
                self.assertEqual(line_up(short, 1, uses, NOW, waiting), until)
        # Behind more than a whole limit nobody is sent away for another day: some may be cancelled.
        self.assertEqual(line_up(short, 1, uses, NOW, 1000), last)
        self.assertEqual(line_up(short, 2, uses, NOW, 1), ends[1])
        # Larger than the limit: when all is free.
        self.assertEqual(line_up(short, 50, uses, NOW, 0), last)


class TestReturns(EngineCase):
    def test_the_newest_slots_get_it_back_and_none_falls_below_nothing(self):
        old, new, other = ago(DAY, 5, hours=2), ago(DAY, 2), ago(HOUR, 9)
        for count, expected in (
            (1, [(new, 1)]),
            (2, [(new, 2)]),
            (4, [(new, 2), (old, 2)]),
            (99, [(new, 2), (old, 5)]),
        ):
            with self.subTest(count=count):
                back = returns([Wish(DAY, count)], [old, other, new])
                self.assertEqual([(use.start, use.count) for use in back], [(use.start, n) for use, n in expected])
        self.assertEqual(returns([Wish(DAY, 1, "x.org")], [old, new]), [])


class TestWords(EngineCase):
    def words(self, until, window=DAY, local=lambda moment: moment, **values):
        return describe_shortage(Shortage(window, 200, 200, until, **values), NOW, local)

    def test_when_there_is_room_again(self):
        cairo = timezone(timedelta(hours=3), "EEST")
        there = lambda moment: moment.replace(tzinfo=timezone.utc).astimezone(cairo)  # noqa: E731
        for said, expected in (
            (
                self.words(datetime(2026, 5, 4, 20, 5)),
                "Daily limit reached (200 of 200), next at 20:05 UTC",
            ),
            # Not before there is room.
            (
                self.words(datetime(2026, 5, 4, 20, 5, 1)),
                "Daily limit reached (200 of 200), next at 20:06 UTC",
            ),
            (
                self.words(datetime(2026, 5, 5, 10, 0)),
                "Daily limit reached (200 of 200), next on 2026-05-05 at 10:00 UTC",
            ),
            (
                self.words(datetime(2026, 5, 4, 15, 0), HOUR, there),
                "Hourly limit reached (200 of 200), next at 18:00",
            ),
            (
                self.words(datetime(2026, 5, 4, 21, 30), local=there),
                "Daily limit reached (200 of 200), next on 2026-05-05 at 00:30",
            ),
            (
                self.words(datetime(2026, 5, 4, 15, 0), Window.DOMAIN_HOUR, there, domain="x.org"),
                "Hourly limit for x.org reached (200 of 200), next at 18:00",
            ),
        ):
            self.assertEqual(said, expected)

    def test_what_is_used(self):
        for limits, counts, words in (
            ({}, {DAY: 3}, ""),
            ({DAY: 200}, {}, "today 0 of 200"),
            ({DAY: 200, HOUR: 50}, {DAY: 120, HOUR: 10}, "today 120 of 200, this hour 10 of 50"),
            ({DAY: 200, MASS: 100}, {DAY: 120, MASS: 60}, "today 120 of 200, mass mail today 60 of 100"),
            ({Window.DOMAIN_HOUR: 5}, {}, ""),
        ):
            self.assertEqual(describe_use(limits, counts), words)
