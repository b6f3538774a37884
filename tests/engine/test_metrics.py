# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from prometheus_client.parser import text_string_to_metric_families

from ...engine.health import HealthState, public_code, worst
from ...engine.metrics import Metric, exposition
from .case import EngineCase


class TestMetrics(EngineCase):
    def test_what_is_written_is_read_by_prometheus(self):
        text = exposition(
            [
                Metric("waiting", "What waits", (), (((), 3),)),
                Metric("box_failures", "Failures", ("mailbox",), ((("7",), 0), (("8",), 2))),
                Metric("nothing", "No samples"),
            ]
        ).decode()
        families = {family.name: family for family in text_string_to_metric_families(text)}
        samples = [(s.name, s.labels, s.value) for family in families.values() for s in family.samples]
        self.assertEqual(
            samples,
            [
                ("spp_email_gateway_waiting", {}, 3.0),
                ("spp_email_gateway_box_failures", {"mailbox": "7"}, 0.0),
                ("spp_email_gateway_box_failures", {"mailbox": "8"}, 2.0),
            ],
        )
        self.assertEqual(families["spp_email_gateway_waiting"].documentation, "What waits")

    def test_nothing_else_of_the_process_is_told(self):
        self.assertEqual(exposition([]), b"")


class TestPublicCode(EngineCase):
    def test_only_plain_codes_are_told(self):
        for code, expected in (
            ("mailbox_7_unreachable", "mailbox_7_unreachable"),
            ("", "other"),
            ("ann@example.com", "other"),
            ("Box", "other"),
            ("mail server", "other"),
            ("domain_example.org", "other"),
            ("a" * 100, "a" * 100),
            ("a" * 101, "other"),
            ("état", "other"),
        ):
            with self.subTest(code):
                self.assertEqual(public_code(code), expected)

    def test_the_worst_counts(self):
        ok, warning, failure = HealthState.OK, HealthState.WARNING, HealthState.FAILURE
        for states, expected in (
            ([], ok),
            ([ok], ok),
            ([ok, warning], warning),
            ([failure, warning], failure),
        ):
            with self.subTest(states):
                self.assertIs(worst(states), expected)
