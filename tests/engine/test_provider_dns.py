# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import unittest

from ...engine.dns_host import host_of
from ...engine.provider import PROVIDERS
from ...engine.provider_dns import (
    PROVIDER_DNS,
    is_public_mail_domain,
    provider_of_host,
    provider_records,
    spf_term,
)


class TestProviderDns(unittest.TestCase):
    def test_every_provider_says_what_it_needs(self):
        self.assertEqual(set(PROVIDER_DNS), set(PROVIDERS) - {"generic"})

    def test_a_server_is_known_by_its_name(self):
        for host, code in (
            ("smtp.gmail.com", "gmail"),
            ("SMTP.Office365.com.", "microsoft"),
            ("ngo-org.mail.protection.outlook.com", "microsoft"),
            ("email-smtp.eu-west-1.amazonaws.com", "ses"),
            ("smtp.eu.mailgun.org", "mailgun"),
            ("pro1.mail.ovh.net", "ovh"),
            ("smtppro.zoho.eu", "zoho"),
            ("localhost", ""),
            ("mail.ngo.test", ""),
            ("smtp.gmail.com.ngo.test", ""),
        ):
            with self.subTest(host=host):
                self.assertEqual(provider_of_host(host), code)

    def test_terms(self):
        for code, host, term in (
            ("gmail", "smtp.gmail.com", "include:_spf.google.com"),
            ("microsoft", "smtp.office365.com", "include:spf.protection.outlook.com"),
            ("mailjet", "in-v3.mailjet.com", "include:spf.mailjet.com"),
            ("zoho", "smtppro.zoho.eu", "include:zoho.eu"),
            ("postmark", "smtp.postmarkapp.com", ""),
        ):
            with self.subTest(code=code):
                self.assertEqual(spf_term(code, host), term)

    def test_records(self):
        for code, selectors, expected in (
            ("gmail", (), [("TXT", "google._domainkey.a.org", "")]),
            (
                "microsoft",
                (),
                [
                    ("CNAME", "selector1._domainkey.a.org", "selector1-a-org._domainkey.<tenant>"),
                    ("CNAME", "selector2._domainkey.a.org", "selector2-a-org._domainkey.<tenant>"),
                ],
            ),
            ("mailjet", (), [("TXT", "mailjet._domainkey.a.org", "")]),
            ("ses", (), [("TXT", "<selector>._domainkey.a.org", "")]),
            ("ses", ("k1", "k2"), [("TXT", "k1._domainkey.a.org", ""), ("TXT", "k2._domainkey.a.org", "")]),
            ("gmail", ("k1",), [("TXT", "google._domainkey.a.org", "")]),
            (
                "postmark",
                ("2026pm",),
                [("TXT", "2026pm._domainkey.a.org", ""), ("CNAME", "pm-bounces.a.org", "pm.mtasv.net")],
            ),
        ):
            with self.subTest(code=code, selectors=selectors):
                found = provider_records(code, "a.org", "why", selectors)
                self.assertEqual([(one.record_type, one.name, one.expected) for one in found], expected)

    def test_hosts_of_zones(self):
        for servers, name in (
            (["amy.ns.cloudflare.com"], "Cloudflare"),
            (["ns-1.awsdns-00.org"], "Amazon Route 53"),
            (["ns01.domaincontrol.com"], "GoDaddy"),
            (["dns10.ovh.net"], "OVHcloud"),
            (["ns-1-a.gandi.net"], "Gandi"),
            (["ns1.googledomains.com"], "Squarespace"),
            (["ns-cloud-a1.googledomains.com"], "Google Cloud DNS"),
            (["ns1-01.azure-dns.com"], "Azure DNS"),
            (["ns1.digitalocean.com"], "DigitalOcean"),
            (["dns1.registrar-servers.com"], "Namecheap"),
            (["hydrogen.ns.hetzner.com"], "Hetzner"),
            (["nsany1.infomaniak.com"], "Infomaniak"),
            (["ns1.ngo.test"], None),
            ([], None),
        ):
            with self.subTest(servers=servers):
                found = host_of(servers)
                self.assertEqual(found and found.name, name)
                self.assertTrue(found is None or found.guide.startswith("https://"))

    def test_mailboxes_of_everybody(self):
        self.assertTrue(is_public_mail_domain("gmail.com"))
        self.assertFalse(is_public_mail_domain("ngo.test"))
