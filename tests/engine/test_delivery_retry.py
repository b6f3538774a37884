# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta
from random import Random

from ...engine.delivery_retry import next_delivery_attempt
from .case import EngineCase
from .test_retry import Fixed

FIRST = datetime(2026, 5, 4, 12, 0, 0)
HOUR = timedelta(hours=1)


class TestDeliveryRetry(EngineCase):
    def test_the_waits_grow_up_to_four_hours(self):
        for attempts, minutes in ((0, 1), (1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 120), (7, 240), (10**6, 240)):
            with self.subTest(attempts=attempts):
                due = next_delivery_attempt(FIRST, FIRST, attempts, Fixed(0))
                self.assertEqual(due - FIRST, timedelta(minutes=minutes))

    def test_up_to_a_quarter_is_added_by_chance(self):
        self.assertEqual(next_delivery_attempt(FIRST, FIRST, 5, Fixed(0.5)), FIRST + timedelta(minutes=67.5))
        chances = {next_delivery_attempt(FIRST, FIRST, 5, Random(seed)) for seed in range(50)}
        self.assertGreater(len(chances), 45)
        self.assertTrue(all(HOUR <= due - FIRST < 1.25 * HOUR for due in chances))

    def test_the_servers_own_wait_is_kept(self):
        for now, wait, seconds in (
            (FIRST, 300, 300),
            (FIRST, 7200, 7200),
            (FIRST, 1, 30),  # no hammering
            (FIRST, 0, 30),
            (FIRST, -5, 30),
            (FIRST + 20 * HOUR, 60, 3600),  # a day of "in a minute" is no reason for thousands of attempts
            (FIRST + 20 * HOUR, 7200, 7200),
        ):
            with self.subTest(now=now, wait=wait):
                due = next_delivery_attempt(now, FIRST, 6, Fixed(0), wait=wait)
                self.assertEqual((due - now).total_seconds(), seconds)

    def test_it_ends_after_the_days_allowed(self):
        day = timedelta(days=1)
        for name, now, options, due in (
            ("time is left", FIRST + 4 * day, {}, FIRST + 4 * day + 4 * HOUR),
            ("the last attempt is at the very end", FIRST + 5 * day - 3 * HOUR, {}, FIRST + 5 * day),
            ("an attempt just before the end was the last", FIRST + 5 * day - HOUR, {}, None),
            ("over", FIRST + 5 * day, {}, None),
            ("long over", FIRST + 50 * day, {}, None),
            ("fewer days", FIRST + day, {"days": 1}, None),
            ("more days", FIRST + 5 * day, {"days": 6}, FIRST + 5 * day + 4 * HOUR),
            ("no day", FIRST, {"days": 0}, None),
            ("the server asks for more than there is", FIRST, {"wait": 6 * 86400}, None),
            ("absurd", FIRST, {"wait": 10**15}, None),
        ):
            with self.subTest(name):
                self.assertEqual(next_delivery_attempt(now, FIRST, 20, Fixed(0), **options), due)

    def test_five_days_take_a_bounded_number_of_attempts(self):
        for wait in (None, 1, 60):
            now, attempts = FIRST, 0
            with self.subTest(wait=wait):
                while now is not None:
                    attempts += 1
                    self.assertLess(attempts, 250)
                    now = next_delivery_attempt(now, FIRST, attempts, Fixed(0), wait=wait)
                self.assertGreater(attempts, 20)
