# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.rate import Bucket, admit
from .case import EngineCase


class TestRate(EngineCase):
    def test_a_minutes_worth_may_come_at_once_and_then_one_by_one(self):
        bucket, waits = None, []
        for _number in range(61):
            bucket, wait = admit(bucket, 1000.0, 60)
            waits.append(wait)
        self.assertEqual(waits, [0] * 60 + [1])
        bucket, wait = admit(bucket, 1001.0, 60)
        self.assertEqual(wait, 0)
        self.assertEqual(admit(bucket, 1001.5, 60)[1], 1)

    def test_waits(self):
        for level, passed, per_minute, wait in (
            (0.0, 0, 1, 60),
            (0.0, 59, 1, 1),
            (0.0, 60, 1, 0),
            (0.5, 0, 2, 15),
            (0.0, 0, 6000, 1),
            (0.0, -100, 60, 1),
            (5.0, -100, 60, 0),
            (0.0, 0, 0, 0),
        ):
            with self.subTest(level=level, passed=passed, per_minute=per_minute):
                self.assertEqual(admit(Bucket(level, 1000.0), 1000.0 + passed, per_minute)[1], wait)

    def test_those_sent_away_do_not_lengthen_the_wait(self):
        bucket = Bucket(0.0, 0.0)
        for second in range(59):
            bucket, wait = admit(bucket, float(second), 1)
            self.assertEqual(wait, 60 - second)

    def test_a_quiet_day_saves_up_no_more_than_a_minute(self):
        self.assertEqual(admit(Bucket(0.0, 0.0), 86_400.0, 10)[0].level, 9)
