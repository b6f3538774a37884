# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from __future__ import annotations

import unittest

from ...engine.pace import Pace, threads_worth

WORTH = (
    # computing, elapsed, most, threads
    (0.2, 0.2, 4, 1),
    (0.15, 0.2, 4, 2),
    (0.1, 0.2, 4, 2),
    (0.06, 0.2, 4, 4),
    (0.02, 0.2, 4, 4),
    (0.0, 0.2, 4, 4),
    (0.0, 0.2, 1, 1),
    (0.3, 0.2, 4, 1),
    (0.0, 0.0, 4, 1),
)


class TestPace(unittest.TestCase):
    def test_as_many_as_wait(self):
        for computing, elapsed, most, threads in WORTH:
            with self.subTest(computing=computing, elapsed=elapsed, most=most):
                self.assertEqual(threads_worth(computing, elapsed, most), threads)

    def test_who_has_no_processor_waits_for_nobody(self):
        clock, computing = iter((10.0, 10.5)), iter((1.0, 1.2, 1.3))
        pace = Pace(lambda: next(clock), lambda: next(computing))
        with pace.waiting():
            pass
        pace.note(0.25)
        self.assertAlmostEqual(pace.waited, 0.75)
        self.assertAlmostEqual(pace.computed, 0.3)

    def test_a_wait_that_fails_is_one(self):
        clock = iter((0.0, 2.0))
        pace = Pace(lambda: next(clock), lambda: 0.0)
        with self.assertRaises(OSError), pace.waiting():
            raise OSError
        self.assertEqual(pace.waited, 2.0)
