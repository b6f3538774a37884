# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.autoconfig import NamedServer, autoconfig_urls, parse_autoconfig
from ...engine.connection import Security
from ...engine.errors import GatewayError
from .case import EngineCase

ADDRESS = "ann+mail@good.test"


def document(*servers, head='<?xml version="1.0" encoding="UTF-8"?>'):
    body = "".join(servers)
    return f'{head}<clientConfig version="1.1"><emailProvider id="x">{body}</emailProvider></clientConfig>'.encode()


def server(kind="smtp", host="smtp.good.test", port="465", socket="SSL", user="%EMAILADDRESS%"):
    name = "outgoingServer" if kind == "smtp" else "incomingServer"
    return (
        f'<{name} type="{kind}"><hostname>{host}</hostname><port>{port}</port>'
        f"<socketType>{socket}</socketType><username>{user}</username></{name}>"
    )


class TestAutoconfig(EngineCase):
    def test_servers_in_order_with_their_placeholders_filled(self):
        found = parse_autoconfig(
            document(
                server("imap", "imap.%EMAILDOMAIN%", "993"),
                server("pop3", "POP.good.test.", "110", "STARTTLS", "%EMAILLOCALPART%"),
                server(port="587", socket="STARTTLS", user=""),
            ),
            ADDRESS,
        )
        self.assertEqual(
            found,
            [
                NamedServer("imap", "imap.good.test", 993, Security.TLS, ADDRESS),
                NamedServer("pop", "pop.good.test", 110, Security.STARTTLS, "ann+mail"),
                NamedServer("smtp", "smtp.good.test", 587, Security.STARTTLS, ""),
            ],
        )

    def test_what_cannot_be_used_is_left_out(self):
        for one in (
            server(socket="plain"),
            server(socket=""),
            server("exchange"),
            server(host=""),
            server(host="a b"),
            server(host="x/../y"),
            server(host="%OTHER%"),
            server(port="0"),
            server(port="65536"),
            server(port="x"),
            server(port="٤٦٥"),
        ):
            with self.subTest(one):
                self.assertEqual(parse_autoconfig(document(one), ADDRESS), [])
        self.assertEqual(parse_autoconfig(document(server(user="%OTHER%")), ADDRESS)[0].user, "")
        self.assertEqual(len(parse_autoconfig(document(server() * 100), ADDRESS)), 20)

    def test_hostile_documents(self):
        bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
        for content, words in (
            (b"", "The document is no XML."),
            (b"not xml", "The document is no XML."),
            (b"<clientConfig>", "The document is no XML."),
            (b"<html><body>404</body></html>", "The document is no mail configuration."),
            (
                document(server(user="&file;"), head='<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/passwd">]>'),
                "The document is no mail configuration.",
            ),
            (
                document(server(), head='<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'),
                "The document is no mail configuration.",
            ),
        ):
            with self.subTest(content[:60]), self.assertRaises(GatewayError) as caught:
                parse_autoconfig(content, ADDRESS)
            self.assertEqual(str(caught.exception), words)
        with self.assertRaises(GatewayError):
            parse_autoconfig(
                document(server(user="&e11;"), head=f'<!DOCTYPE x [<!ENTITY e0 "x">{bomb}]>'), ADDRESS
            )

    def test_where_it_is_looked_for(self):
        self.assertEqual(
            autoconfig_urls(ADDRESS, "good.test"),
            (
                "https://autoconfig.good.test/mail/config-v1.1.xml?emailaddress=ann%2Bmail%40good.test",
                "https://good.test/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=ann%2Bmail%40good.test",
            ),
        )
