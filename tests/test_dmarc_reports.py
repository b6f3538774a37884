# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""DMARC reports that arrive are shown with our domains, whoever sends them, and change nothing else."""

import gzip
import time
from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged

from ..models import spp_email_dmarc_report
from .common import GatewayCase
from .engine.test_dmarc_report import letter, record, report


@tagged("post_install", "-at_install")
class TestDmarcReports(GatewayCase):
    def setUp(self):
        super().setUp()
        self.domain = self.env["spp.email.domain"].create({"name": "gateway.test"})
        self.reports = self.env["spp.email.dmarc.report"]

    def take(self, xml, **options):
        """Process a message with a report; return (its journal row, the reports that it made)."""
        before = self.reports.search([])
        xml = xml.replace(b"1763078399", str(int(time.time()) - 86_400).encode())
        inbound = self.journal(letter(gzip.compress(xml), **options))
        self.process()
        return inbound, self.reports.search([]) - before

    def words(self, inbound):
        """Return what the trace says about the report."""
        return [(step["found"], step["followed"]) for step in inbound.trace if step["looked_at"] == "DMARC report"]

    def test_a_report_is_shown_by_source(self):
        inbound, found = self.take(
            report(
                record(count=7),
                record("192.0.2.9", 3, "reject", "fail", "fail"),
                record("192.0.2.9", 2, "reject", "fail", "fail"),
            )
        )
        self.assertEqual((inbound.state, inbound.reason), ("done", "report_noted"))
        self.assertEqual(
            (found.domain_id, found.organization, found.policy, found.message_count, found.failed_count),
            (self.domain, "Receiver Inc.", "quarantine", 12, 5),
        )
        self.assertEqual(
            [(line.source_ip, line.message_count, line.failed_count, line.disposition) for line in found.line_ids],
            [("192.0.2.1", 7, 0, "none"), ("192.0.2.9", 5, 5, "reject")],
        )
        self.assertEqual(found.line_ids[0].signature, "odoo gateway.test pass")
        self.assertEqual((self.domain.dmarc_count, self.domain.dmarc_failed_count), (12, 5))
        # Whoever sent it proved nothing.
        self.assertFalse(found.is_proved)
        self.assertEqual(found.inbound_id, inbound)
        self.assertEqual(self.words(inbound), [("2 sources", "shown with the domain")])

    def test_what_is_not_shown_and_why(self):
        self.take(report(report_id="known"))
        for name, xml, words in (
            ("known", report(report_id="known"), "known already"),
            ("another domain", report(domain="example.org"), "about a domain that is not ours"),
            ("a public suffix", report(domain="test"), "about a domain that is not ours"),
            ("no XML", b"hello", "Its file is no XML."),
            (
                "old",
                report(begin="1000000000").replace(b"1763078399", b"1000086400"),
                "about a time long ago, or to come",
            ),
            ("to come", report().replace(b"1763078399", b"4000000000"), "about a time long ago, or to come"),
        ):
            with self.subTest(name=name):
                inbound, found = self.take(xml)
                self.assertEqual((inbound.state, inbound.reason), ("done", "report_noted"))
                if words != "shown":
                    self.assertFalse(found)
                    self.assertEqual(self.words(inbound)[0][0], words)

    def test_a_flood_is_cut(self):
        with patch.object(spp_email_dmarc_report, "MOST_A_DAY", 2):
            found = [len(self.take(report(report_id=f"flood-{number}"))[1]) for number in range(4)]
        self.assertEqual(found, [1, 1, 0, 0])

    def test_a_flood_of_unproved_ones_keeps_no_proved_one_out(self):
        with patch.object(spp_email_dmarc_report, "MOST_A_DAY", 2):
            for number in range(2):
                _inbound, found = self.take(report(report_id=f"proved-{number}"))
                found.is_proved = True
            self.assertEqual(len(self.take(report(report_id="unproved"))[1]), 1)

    def test_a_policy_above_our_domain_is_ours(self):
        self.domain.name = "mail.gateway.test"
        _inbound, found = self.take(report())
        self.assertEqual(found.domain_id, self.domain)

    def test_who_has_an_alias_for_them_gets_them_too(self):
        self.env["mail.alias"].create(
            {
                "alias_name": "dmarc",
                "alias_model_id": self.partner_model.id,
                "alias_domain_id": self.alias_domain.id,
            }
        )
        inbound, found = self.take(report())
        self.assertEqual((inbound.reason, len(found)), ("record_created", 1))

    def test_old_reports_go(self):
        _inbound, found = self.take(report())
        self.reports._gc_reports()
        self.assertTrue(found.exists())
        found.end_date -= timedelta(days=500)
        self.reports._gc_reports()
        self.assertFalse(found.exists())
