# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The simulation behind docs/sizing.md. bench/ is no part of the addon, so this runs by `./dev test engine` alone."""

import math

from bench import sizing_page
from bench.sizing import (
    CAMPAIGN,
    DATABASE,
    INCOMING,
    LANE_LIMIT,
    ODOO,
    OUTGOING,
    PROFILE,
    WORKERS,
    Load,
    Setup,
    drained,
    simulate,
)
from bench.sizing_cost import SLOW_REPLY, Cost, read_costs, read_speeds

from .case import EngineCase

# A tenth of a second of a worker, half of it computing; PostgreSQL a tenth of that.
COST = Cost(0.1, 0.05, 0.01)
COSTS = (COST, COST)
FREE = {"size_mb": 0.0, "reply_seconds": 0.0, "factor": 1.0, "for_people": 0.0}


class TestSizing(EngineCase):
    def test_the_page_is_what_the_command_writes(self):
        text = sizing_page.PAGE.read_text(encoding="utf-8")
        made = sizing_page.filled(text, sizing_page.tables())
        self.assertEqual(text, made, "python -m bench.sizing_page writes it anew")

    def test_a_place_that_is_missing_is_said(self):
        with self.assertRaisesRegex(ValueError, "the page has 0 places for the table “days”"):
            sizing_page.filled("<!-- costs -->\n\n<!-- /costs -->", {"days": "|"})

    def test_the_short_answer_at_the_top_is_true(self):
        self.assertTrue(sizing_page.is_well(sizing_page.SETUPS[0], 100_000, read_costs()))
        self.assertIn(
            "one machine with two cores and one cron worker, does for 100,000 mails a day",
            sizing_page.PAGE.read_text(encoding="utf-8"),
        )

    def test_it_agrees_with_what_was_measured_and_not_used(self):
        for name, (measured, simulated) in sizing_page.checks(read_costs()).items():
            with self.subTest(workload=name):
                # Careful is allowed, hopeful is not.
                self.assertLess(simulated, 1.05 * measured)
                self.assertGreater(simulated, 0.6 * measured)

    def test_it_gives_back_what_its_costs_were_taken_from(self):
        costs, speeds = read_costs(), read_speeds()
        one = Setup("", cores=8)
        for name, incoming, reply in (
            ("inbound-durable", 1.0, 0.0),
            ("outbound", 0.0, 0.0),
            ("outbound-20ms", 0.0, SLOW_REPLY),
        ):
            found = drained(one, Load(0, incoming, 0.0, **{**FREE, "reply_seconds": reply}), costs)
            self.assertAlmostEqual(found / speeds[name], 1, places=2, msg=name)

    def test_each_resource_can_be_what_is_full(self):
        slow_disk, many = Cost(0.1, 0.01, 0.5), Load(200_000, 0.5, 0.0, **FREE)
        for setup, costs, wanted in (
            (Setup("", cores=8), COSTS, WORKERS),
            (Setup("", workers=8, cores=1), (Cost(0.1, 0.1, 0.01),) * 2, ODOO),
            (Setup("", hosts=9, cores=8, workers=4, database_cores=8), COSTS, LANE_LIMIT),
            (Setup("", hosts=4, cores=8, workers=2, database_cores=1), (slow_disk, slow_disk), DATABASE),
        ):
            with self.subTest(wanted=wanted):
                self.assertEqual(simulate(setup, many, costs).busiest, wanted)

    def test_nothing_is_lost_and_nothing_doubled(self):
        for mails in (0, 1, 5_000, 2_000_000):
            day = simulate(Setup(""), Load(mails), COSTS)
            expected = simulate(Setup("", hosts=99, cores=99, workers=99), Load(mails), COSTS)
            for kind in (INCOMING, OUTGOING, CAMPAIGN):
                done = sum(count for _wait, count in day.waits[kind])
                arrived = sum(count for _wait, count in expected.waits[kind]) + expected.left[kind]
                self.assertAlmostEqual(done + day.left[kind], arrived, places=3)

    def test_the_day_has_its_mail(self):
        day = simulate(Setup("", hosts=9), Load(100_000), COSTS)
        arrived = sum(sum(count for _wait, count in day.waits[kind]) + day.left[kind] for kind in day.waits)
        self.assertAlmostEqual(arrived / 100_000, 1, places=2)
        self.assertEqual(len(PROFILE), 24)

    def test_more_of_anything_makes_nobody_wait_longer(self):
        load, waits = Load(300_000), []
        for setup in (Setup("", 1, 2, 1), Setup("", 1, 4, 2), Setup("", 2, 4, 2), Setup("", 2, 8, 4, 8)):
            waits.append(simulate(setup, load, COSTS).within(0.95, INCOMING, OUTGOING))
        self.assertEqual(waits, sorted(waits, reverse=True))
        self.assertLess(waits[-1], waits[0])

    def test_persons_go_before_a_campaign(self):
        day = simulate(Setup(""), Load(100_000, campaign=0.5), COSTS)
        self.assertLess(day.within(1, OUTGOING), day.within(1, CAMPAIGN) / 10)

    def test_what_is_not_done_is_called_so(self):
        day = simulate(Setup(""), Load(10_000_000), COSTS)
        self.assertTrue(math.isinf(day.within(0.95, INCOMING)))
        self.assertGreater(day.left[INCOMING], 1_000_000)
        self.assertGreater(day.use[WORKERS], 1)

    def test_after_a_standstill_it_catches_up(self):
        calm = simulate(Setup("", workers=2, cores=4), Load(20_000, standstill=(9, 11)), COSTS)
        self.assertTrue(11 < calm.over < 13, calm.over)
        self.assertGreater(calm.within(1, INCOMING), 7000)
        self.assertIsNone(simulate(Setup(""), Load(1_000_000, standstill=(9, 11)), COSTS).over)

    def test_the_same_seed_gives_the_same_day(self):
        first, again, other = (simulate(Setup(""), Load(50_000), COSTS, seed) for seed in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_a_missing_measurement_is_an_error(self):
        with self.assertRaises(KeyError):
            read_costs("# nothing\n", {"inbound": {}, "outbound": {}})
