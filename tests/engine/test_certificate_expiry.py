# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta, timezone

from ...engine.certificate_expiry import look_at_certificate, valid_until
from ...engine.connection import Connection, Security
from ...engine.errors import GatewayError
from . import certificates
from .case import EngineCase
from .scripted_server import Close, Encrypt, Expect, Hang, ScriptedServer, Send

IMAP = (
    Send(b"* OK ready\r\n"),
    Expect("CAPABILITY", b"* CAPABILITY IMAP4rev1\r\n<tag> OK done\r\n"),
    Expect("LOGOUT", b"* BYE bye\r\n<tag> OK bye\r\n"),
)
POP = (
    Send(b"+OK ready\r\n"),
    Expect("(CAPA|QUIT)", b"+OK\r\n.\r\n"),
    Expect("(CAPA|QUIT)", b"+OK\r\n.\r\n"),
    Hang(),
)
SMTP = Send(b"220 ready\r\n")
SCRIPTS = {
    ("imap", Security.TLS): lambda context: [Encrypt(context), *IMAP],
    ("pop", Security.TLS): lambda context: [Encrypt(context), *POP],
    ("smtp", Security.TLS): lambda context: [Encrypt(context), SMTP, Hang()],
    ("smtp", Security.STARTTLS): lambda context: [
        SMTP,
        Expect("^(?i:ehlo) ", b"250-there\r\n250 STARTTLS\r\n"),
        Expect("^(?i:starttls)$", b"220 go\r\n"),
        Encrypt(context),
        Hang(),
    ],
}


class TestCertificateExpiry(EngineCase):
    def look(self, protocol, script, security=Security.TLS):
        with ScriptedServer(script) as server:
            connection = Connection("127.0.0.1", server.port, security, connect_timeout=2.0, read_timeout=0.3)
            return look_at_certificate(protocol, connection)

    def test_until_when_it_is_valid(self):
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        for (protocol, security), script in SCRIPTS.items():
            # One that has ended is looked at as well: somebody has to be told.
            for days in (10, -1):
                with self.subTest(protocol=protocol, security=security, days=days):
                    found = self.look(protocol, script(certificates.server_context(days=days)), security)
                    self.assertLess(abs(found - now - timedelta(days=days)), timedelta(hours=1))

    def test_nothing_is_asked_where_nothing_is_encrypted(self):
        self.assertIsNone(look_at_certificate("imap", Connection("127.0.0.1", 1, Security.NONE)))

    def test_servers_that_show_none(self):
        for protocol, script in (("imap", [Close()]), ("pop", [Hang()]), ("smtp", [Hang()])):
            with self.subTest(protocol), self.assertRaises(GatewayError):
                self.look(protocol, script)

    def test_what_is_no_certificate(self):
        with self.assertRaisesRegex(GatewayError, "The server's certificate cannot be read."):
            valid_until(b"no certificate")
