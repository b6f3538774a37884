# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from __future__ import annotations

import threading
import unittest
from pathlib import Path

from ...engine.pace import computing_seconds, mails_worth, threads_worth

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

    def test_who_waits_claims_few(self):
        for computing, elapsed, mails in ((1, 1, 20), (0.7, 1, 20), (0.5, 1, 15), (0.1, 1, 4), (0, 1, 4), (0, 0, 20)):
            with self.subTest(computing=computing, elapsed=elapsed):
                self.assertEqual(mails_worth(computing, elapsed, 20), mails)

    def test_a_thread_that_computes_is_seen(self):
        before = computing_seconds(threading.get_native_id())
        count = 0
        while computing_seconds(threading.get_native_id()) < before + 0.02:
            count += 1
            self.assertLess(count, 1_000_000)

    def test_one_that_has_ended_is_not(self):
        self.assertIsNone(computing_seconds(1, Path("/nonexistent")))
