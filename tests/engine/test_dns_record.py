# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import unittest

from ...engine.dns_record import RecordState, relative_name, worst


class TestDnsRecord(unittest.TestCase):
    def test_names_as_hosts_want_them_typed(self):
        for name, zone, expected in (
            ("example.org", "example.org", "@"),
            ("_dmarc.example.org", "example.org", "_dmarc"),
            ("odoo._domainkey.mail.example.org", "example.org", "odoo._domainkey.mail"),
            ("notexample.org", "example.org", "notexample.org"),
            ("other.org", "example.org", "other.org"),
            ("example.org", "", "example.org"),
        ):
            with self.subTest(name=name, zone=zone):
                self.assertEqual(relative_name(name, zone), expected)

    def test_the_worst_state_holds_for_the_whole(self):
        right, warning, wrong, unknown, new = (
            RecordState(value) for value in ("right", "warning", "wrong", "unknown", "new")
        )
        for states, expected in (
            ((), new),
            ((right, right), right),
            ((right, warning), warning),
            ((warning, unknown), unknown),
            ((unknown, wrong, right), wrong),
        ):
            with self.subTest(states=states):
                self.assertEqual(worst(states), expected)
