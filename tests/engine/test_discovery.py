# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from ...engine.connection import Security
from ...engine.discovery import BUDGET_SECONDS, Candidate, discover, guarded_probe, resolver_of
from ...engine.errors import ConfigurationError, GatewayError
from ...engine.port_probe import PortAnswer
from .case import EngineCase
from .name_server import NameServer
from .test_autoconfig import document, server
from .test_web_fetch import WebServer

TLS, STARTTLS = Security.TLS, Security.STARTTLS


def nothing(*unused):
    return None


def silence(*unused):
    return []


class TestDiscovery(EngineCase):
    def discover(self, records=(), address="ann@good.test", protocols=("smtp",), fetch=nothing, probe=silence, **more):
        with NameServer(dict(records)) as names:
            found = discover(address, protocols, resolver=names.resolver(), fetch=fetch, probe=probe, **more)
        self.asked = names.asked
        return found

    def found(self, *arguments, **options):
        return [
            (one.protocol, one.host, one.port, one.security, one.origin)
            for one in self.discover(*arguments, **options).candidates
        ]

    def test_srv_records_by_priority_and_weight(self):
        records = {
            ("_submissions._tcp.good.test", "SRV"): ["10 1 465 b.good.test.", "10 9 465 a.good.test."],
            ("_submission._tcp.good.test", "SRV"): ["5 1 587 a.good.test."],
            ("_imaps._tcp.good.test", "SRV"): ["5 1 993 imap.good.test."],
            # RFC 2782: "." says that there is none.
            ("_imap._tcp.good.test", "SRV"): ["0 0 0 ."],
        }
        outgoing = [
            ("smtp", "a.good.test", 465, TLS, "srv"),
            ("smtp", "b.good.test", 465, TLS, "srv"),
            ("smtp", "a.good.test", 587, STARTTLS, "srv"),
        ]
        self.assertEqual(self.found(records), outgoing)
        self.assertEqual(
            self.found(records, protocols=("smtp", "imap")), [*outgoing, ("imap", "imap.good.test", 993, TLS, "srv")]
        )
        self.assertEqual(self.discover(records).candidates[0].user, "ann@good.test")

    def test_a_server_of_another_domain_is_marked(self):
        records = {
            ("_submissions._tcp.good.test", "SRV"): ["1 1 465 smtp.good.test.", "2 1 465 smtp.notgood.test."],
        }
        self.assertEqual([one.is_elsewhere for one in self.discover(records).candidates], [False, True])

    def test_the_domains_mail_configuration(self):
        pages = {
            "/.well-known/autoconfig/mail/config-v1.1.xml": (
                200,
                {},
                document(server("imap", "imap.good.test", "993"), server(user="%EMAILLOCALPART%")),
            )
        }
        with WebServer("good.test", pages) as web:
            found = self.discover(fetch=web.fetch)
        self.assertEqual(
            found.candidates, [Candidate("smtp", "smtp.good.test", 465, TLS, "autoconfig", "ann")], found.notes
        )
        self.assertEqual(web.asked, ["/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=ann%40good.test"])

    def test_the_provider_that_takes_the_mail(self):
        for mail_exchanger, host, provider in (
            ("aspmx.l.google.com.", "smtp.gmail.com", "gmail"),
            ("good-test.mail.protection.outlook.com.", "smtp.office365.com", "microsoft"),
            ("mx.zoho.com.", "smtppro.zoho.com", "zoho"),
        ):
            with self.subTest(provider):
                (one,) = self.discover({("good.test", "MX"): [f"10 {mail_exchanger}"]}).candidates
                self.assertEqual((one.host, one.origin, one.provider), (host, "provider", provider))
        self.assertEqual(self.found({("good.test", "MX"): ["10 mx.notgoogle.com."]}), [])
        # What the domain says itself is better.
        records = {
            ("good.test", "MX"): ["10 aspmx.l.google.com."],
            ("_submissions._tcp.good.test", "SRV"): ["1 1 465 smtp.good.test."],
        }
        self.assertEqual([one[1] for one in self.found(records)], ["smtp.good.test"])

    def test_usual_names_that_answer(self):
        there = {
            "mail.good.test": [PortAnswer(587, "smtp", STARTTLS), PortAnswer(465, "http", TLS)],
            "imap.good.test": [PortAnswer(993, "imap", TLS), PortAnswer(143, "imap", Security.NONE)],
        }
        asked = []

        def probe(host, ports):
            asked.append(host)
            return there.get(host, [])

        self.assertEqual(
            self.found(probe=probe, protocols=("smtp", "imap")),
            [
                ("smtp", "mail.good.test", 587, STARTTLS, "guess"),
                # Never one that would get the password in clear text.
                ("imap", "imap.good.test", 993, TLS, "guess"),
            ],
        )
        self.assertEqual(asked, ["smtp.good.test", "mail.good.test", "imap.good.test"])
        asked.clear()
        self.found({("_submissions._tcp.good.test", "SRV"): ["1 1 465 smtp.good.test."]}, probe=probe)
        self.assertEqual(asked, [])

    def test_a_name_with_umlauts(self):
        records = {("_submissions._tcp.xn--mller-kva.test", "SRV"): ["1 1 465 smtp.xn--mller-kva.test."]}
        (one,) = self.discover(records, "ann@Müller.test").candidates
        self.assertEqual((one.host, one.user), ("smtp.xn--mller-kva.test", "ann@xn--mller-kva.test"))

    def test_a_dns_that_fails_or_is_silent(self):
        for answer in (None, "silence"):
            with self.subTest(answer):
                records = {
                    ("_submissions._tcp.good.test", "SRV"): answer,
                    ("_submission._tcp.good.test", "SRV"): ["1 1 587 smtp.good.test."],
                }
                began = time.monotonic()
                found = self.discover(records)
                self.assertLess(time.monotonic() - began, 8)
                self.assertEqual([one.port for one in found.candidates], [587])
                self.assertEqual(found.notes, ["The DNS did not answer every question."])

    def test_a_document_that_cannot_be_used_is_said(self):
        def fetch(url):
            if "well-known" in url:
                raise GatewayError("No web server answers there.", phase="connect")
            return b"<html/>"

        self.assertEqual(
            self.discover(fetch=fetch).notes,
            ["The domain's mail configuration could not be used: The document is no mail configuration."],
        )

    def test_the_time_is_bounded(self):
        times = iter([0.0, 1.0])
        asked = []

        def late(host, ports):
            asked.append(host)
            return []

        self.discover(fetch=nothing, probe=late, clock=lambda: next(times, BUDGET_SECONDS + 1))
        self.assertEqual(asked, [])

    def test_addresses_that_must_not_be_asked(self):
        for host in ("127.0.0.1", "169.254.169.254"):
            began = time.monotonic()
            self.assertEqual(guarded_probe(host, (25,)), [])
            self.assertLess(time.monotonic() - began, 1)

    def test_what_is_no_address(self):
        for text in ("", "ann", "@good.test", "ann@", "ann@localhost", "a b@good.test", "ann@-.test", "ann@a..test"):
            with self.subTest(text), self.assertRaises(ConfigurationError) as caught:
                self.discover(address=text)
            self.assertEqual((str(caught.exception), caught.exception.field), ("This is no email address.", "address"))

    def test_the_dns_servers_of_a_setting_are_asked(self):
        records = {("_submissions._tcp.good.test", "SRV"): ["1 1 465 smtp.good.test."]}
        with NameServer(records) as names:
            asking = resolver_of(f"127.0.0.1:{names.resolver().port}")
            found = discover("ann@good.test", ("smtp",), resolver=asking, fetch=nothing, probe=silence)
        self.assertEqual([one.host for one in found.candidates], ["smtp.good.test"])
        self.assertIsNone(resolver_of(" "))
        nobody = discover("ann@good.test", ("smtp",), resolver=resolver_of("none"), fetch=nothing, probe=silence)
        self.assertEqual((nobody.candidates, nobody.notes), ([], ["The DNS did not answer every question."]))
        with self.assertRaises(ConfigurationError):
            resolver_of("dns.good.test")
