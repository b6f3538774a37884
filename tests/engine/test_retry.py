# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta
from random import Random

from ...engine.retry import LONGEST_WAIT, next_attempt
from .case import EngineCase

NOW = datetime(2026, 5, 4, 12, 0, 0)


class Fixed(Random):
    """A source of chance that always says the same."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def random(self):
        return self.value


class TestRetry(EngineCase):
    def test_the_wait_doubles_up_to_an_hour(self):
        for attempts, seconds in ((0, 30), (1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (12, 3600), (10**9, 3600)):
            with self.subTest(attempts=attempts):
                self.assertEqual(next_attempt(NOW, attempts, Fixed(0)), NOW + timedelta(seconds=seconds))

    def test_up_to_a_quarter_is_added_by_chance(self):
        self.assertEqual(next_attempt(NOW, 2, Fixed(0.5)), NOW + timedelta(seconds=67.5))
        self.assertLess(next_attempt(NOW, 50, Fixed(0.999)), NOW + LONGEST_WAIT * 1.25)

    def test_two_workers_do_not_meet_again(self):
        self.assertNotEqual(next_attempt(NOW, 1, Random(1)), next_attempt(NOW, 1, Random(2)))
