# Part of OpenSPP. See LICENSE file for full copyright and licensing details.

from ...engine.connection import Security, default_port
from ...engine.provider import PROVIDERS, describe_provider, is_public_domain, provider_of_domain, provider_of_host
from .case import EngineCase

NAMED = (
    "gmail google_relay microsoft microsoft_relay mailjet ses sendgrid mailgun brevo postmark zoho ovh infomaniak "
    "generic"
)


class TestProvider(EngineCase):
    def test_all_that_were_promised_are_there(self):
        self.assertEqual(list(PROVIDERS), NAMED.split())

    def test_none_sends_a_secret_in_clear_text(self):
        for provider in PROVIDERS.values():
            for host in filter(None, (provider.outgoing, provider.incoming)):
                with self.subTest(provider.code, host=host.host):
                    self.assertIsNot(host.security, Security.NONE)
                    self.assertNotIn(" ", host.host)

    def test_ports_are_those_of_the_encryption(self):
        for provider in PROVIDERS.values():
            for protocol, host in (("smtp", provider.outgoing), ("imap", provider.incoming)):
                if host and provider.code != "microsoft_relay":
                    self.assertEqual(host.port, default_port(protocol, host.security), provider.code)
        relay = PROVIDERS["microsoft_relay"].outgoing
        self.assertEqual((relay.host, relay.port), ("<tenant>.mail.protection.outlook.com", 25))

    def test_each_says_what_the_secret_is(self):
        for provider in PROVIDERS.values():
            with self.subTest(provider.code):
                self.assertGreater(len(provider.secret), 40)
                self.assertTrue(describe_provider(provider).startswith(provider.secret))
                self.assertEqual("no password" in provider.secret, not provider.has_login)

    def test_what_has_to_be_put_in_is_explained(self):
        for code, word in (("ses", "region"), ("microsoft_relay", "MX record")):
            self.assertIn("<", PROVIDERS[code].outgoing.host)
            self.assertIn(word, PROVIDERS[code].advice)

    def test_a_provider_is_known_by_the_domain_of_its_mailboxes(self):
        for domain, provider, is_public in (
            ("gmail.com", "gmail", True),
            ("GoogleMail.com", "gmail", True),
            ("hotmail.com", "microsoft", True),
            ("yahoo.com", "", True),
            ("your-domain.org", "", False),
            ("", "", False),
        ):
            with self.subTest(domain):
                self.assertEqual((provider_of_domain(domain), is_public_domain(domain)), (provider, is_public))

    def test_a_provider_is_known_by_its_servers(self):
        for hosts, provider in (
            (("smtp.gmail.com",), "gmail"),
            (("imap.your-domain.org", "SMTP.office365.com"), "microsoft"),
            (("ssl0.ovh.net", "ssl0.ovh.net"), "ovh"),
            (("mail.your-domain.org",), ""),
            (("", ""), ""),
            ((), ""),
        ):
            with self.subTest(hosts):
                self.assertEqual(provider_of_host(*hosts), provider)
