# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta

from ...engine.interval import is_due, next_check
from .case import EngineCase

NOON = datetime(2026, 5, 4, 12)
JOB = timedelta(minutes=5)


def at(minutes):
    return NOON + timedelta(minutes=minutes)


class TestInterval(EngineCase):
    def test_is_due(self):
        for checked, interval, due in (
            (None, 60, True),
            (0, 0, True),
            (-1, 0, True),
            (-1, 5, False),
            # A check begins a little after its run did, and the next run may be on time.
            (-4.5, 5, True),
            (-9.5, 10, True),
            (-5, 10, False),
            (-57, 60, False),
            (-58, 60, True),
            (-500, 60, True),
            # Somebody set the clock back.
            (500, 60, False),
        ):
            with self.subTest(checked=checked, interval=interval):
                checked = None if checked is None else at(checked)
                self.assertIs(is_due(NOON, checked, timedelta(minutes=interval), JOB), due)

    def test_next_check(self):
        for run, checked, interval, not_before, expected in (
            (3, None, 0, None, 3),
            (3, -2, 0, None, 3),
            # Overdue: as soon as a worker is free.
            (-30, None, 0, None, 0),
            (3, -2, 5, None, 3),
            (3, -2, 10, None, 8),
            (3, -2, 60, None, 58),
            (3, -500, 60, None, 3),
            (3, None, 60, None, 3),
            # A pause after failures ends between two runs.
            (3, -2, 0, 4, 8),
            (3, -2, 0, 8, 8),
            (3, -2, 0, -8, 3),
            (3, -2, 60, 100, 103),
        ):
            with self.subTest(run=run, checked=checked, interval=interval, not_before=not_before):
                found = next_check(
                    NOON,
                    at(run),
                    JOB,
                    None if checked is None else at(checked),
                    timedelta(minutes=interval),
                    None if not_before is None else at(not_before),
                )
                self.assertEqual(found, at(expected))
