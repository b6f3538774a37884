# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import smtplib
from email.message import EmailMessage

from ...engine import own_mark
from ...engine.connection import Connection, Security
from ...engine.errors import ConfigurationError, GatewayError
from ...engine.smtp_session import SmtpSession, SmtpTlsSession, open_session
from .case import EngineCase
from .certificates import authority_pem, server_context, without_system_authorities
from .scripted_server import Close, Encrypt, Expect, Hang, ScriptedServer, Send, unused_port

GREETING = Send(b"220 mx.example.com ESMTP\r\n")
EHLO = Expect("^(?i:ehlo) ", b"250-mx.example.com\r\n250-STARTTLS\r\n250 8BITMIME\r\n")
PLAIN_EHLO = Expect("^(?i:ehlo) ", b"250-mx.example.com\r\n250 8BITMIME\r\n")
QUIT = Expect("^(?i:quit)", b"221 bye\r\n")
SEND = [
    Expect("^(?i:mail from):", b"250 ok\r\n"),
    Expect("^(?i:rcpt to):", b"250 ok\r\n"),
    Expect("^(?i:data)", b"354 go on\r\n"),
]


def connection(server, security, **values):
    values.setdefault("ca_certificate", authority_pem())
    return Connection("127.0.0.1", server.port, security, connect_timeout=2, read_timeout=2, **values)


class TestSmtpSession(EngineCase):
    def setUp(self):
        super().setUp()
        patcher = without_system_authorities()
        patcher.start()
        self.addCleanup(patcher.stop)

    def check(self, phase, field, server, security, **values):
        with self.assertRaises(GatewayError) as caught:
            open_session(connection(server, security, **values))
        self.assertEqual((caught.exception.phase, caught.exception.field), (phase, field), caught.exception)
        return caught.exception

    def test_a_clear_text_session(self):
        with ScriptedServer([GREETING, PLAIN_EHLO, QUIT]) as server:
            session = open_session(connection(server, Security.NONE))
            self.assertIs(type(session), SmtpSession)
            session.ehlo()
            session.quit()
        self.assertEqual(server.surprises, [])

    def test_a_starttls_session_is_encrypted_before_anything_else(self):
        starttls = Expect("^(?i:starttls)$", b"220 go\r\n")
        script = [GREETING, EHLO, starttls, Encrypt(server_context()), PLAIN_EHLO, QUIT]
        with ScriptedServer(script) as server:
            session = open_session(connection(server, Security.STARTTLS))
            self.assertEqual(session.sock.version()[:3], "TLS")
            session.ehlo()
            session.quit()
        self.assertEqual(server.surprises, [])

    def test_a_tls_session(self):
        with ScriptedServer([Encrypt(server_context()), GREETING, PLAIN_EHLO, QUIT]) as server:
            session = open_session(connection(server, Security.TLS))
            self.assertIs(type(session), SmtpTlsSession)
            session.ehlo()
            session.quit()
        self.assertEqual(server.surprises, [])

    def test_a_stripped_starttls_stops_the_session(self):
        # RFC 3207 §6: going on would hand the password to whoever stripped it.
        with ScriptedServer([GREETING, PLAIN_EHLO, Hang()]) as server:
            self.check("tls", "security", server, Security.STARTTLS)
        self.assertEqual(len(server.lines), 1)

    def test_a_refused_starttls_stops_the_session(self):
        with ScriptedServer([GREETING, EHLO, Expect("^(?i:starttls)", b"454 not now\r\n"), Hang()]) as server:
            self.check("tls", "security", server, Security.STARTTLS)

    def test_a_certificate_of_an_unknown_authority_is_refused(self):
        for name, script, security in (
            ("tls", [Encrypt(server_context()), GREETING], Security.TLS),
            (
                "starttls",
                [GREETING, EHLO, Expect("^(?i:starttls)", b"220 go\r\n"), Encrypt(server_context())],
                Security.STARTTLS,
            ),
        ):
            with self.subTest(name=name), ScriptedServer(script) as server:
                error = self.check("tls", "certificate", server, security, ca_certificate="")
                self.assertTrue(str(error))

    def test_a_certificate_of_another_host_is_refused(self):
        with ScriptedServer([Encrypt(server_context("mx.example.org")), GREETING]) as server:
            error = self.check("tls", "host", server, Security.TLS)
            self.assertRegex(str(error), "^The certificate belongs to another host")

    def test_verification_can_be_switched_off(self):
        with ScriptedServer([Encrypt(server_context("mx.example.org")), GREETING, QUIT]) as server:
            open_session(connection(server, Security.TLS, verify=False, ca_certificate="")).quit()

    def test_an_unreadable_private_authority_is_a_configuration_error(self):
        with self.assertRaises(ConfigurationError) as caught:
            open_session(Connection("127.0.0.1", 1, Security.TLS, ca_certificate="no certificate"))
        self.assertEqual(caught.exception.field, "certificate")

    def test_nothing_listens(self):
        with self.assertRaises(GatewayError) as caught:
            open_session(Connection("127.0.0.1", unused_port(), Security.NONE, connect_timeout=2))
        self.assertEqual((caught.exception.phase, caught.exception.field), ("connect", "port"))
        self.assertRegex(str(caught.exception), "^The host is there, but nothing listens on this port")

    def test_a_name_that_is_none(self):
        with self.assertRaises(GatewayError) as caught:
            open_session(Connection("no-such-host.invalid", 25, Security.NONE, connect_timeout=2))
        self.assertEqual((caught.exception.phase, caught.exception.field), ("resolve", "host"))
        self.assertEqual(str(caught.exception), "No server with this name exists.")

    def test_a_server_that_closes_at_once(self):
        with ScriptedServer([Close()]) as server:
            self.check("connect", "port", server, Security.NONE)

    def test_a_server_that_turns_us_away(self):
        with ScriptedServer([Send(b"554 no service\r\n"), Hang()]) as server:
            self.assertIn("554", str(self.check("greeting", "host", server, Security.NONE)))

    def test_the_read_timeout_holds_for_every_answer(self):
        with ScriptedServer([GREETING, Hang()]) as server:
            session = open_session(
                Connection("127.0.0.1", server.port, Security.NONE, connect_timeout=2, read_timeout=0.05)
            )
            with self.assertRaises(smtplib.SMTPServerDisconnected):
                session.ehlo()
            session.close()

    def send(self, message, mark=""):
        """Send a message from odoo@example.com; return the commands and the message as the server got them."""
        until_dot = [Expect(r"^(?!\.$)") for _count in range(60)]
        with ScriptedServer([GREETING, PLAIN_EHLO, *SEND, *until_dot]) as server:
            session = open_session(connection(server, Security.NONE))
            session.own_mark = mark
            try:
                session.send_message(message, "odoo@example.com", ["ann@example.com"])
            except smtplib.SMTPServerDisconnected:
                session.close()  # the script says nothing after the message
        return b"\n".join(server.lines).decode()

    def message(self, **fields):
        message = EmailMessage()
        message["From"] = "odoo@example.com"
        message["To"] = "ann@example.com"
        message["Subject"] = "x"
        for name, value in fields.items():
            message[name.replace("_", "-")] = value
        message.set_content("hello")
        return message

    def test_a_mail_leaves_with_its_sender_and_the_own_mark(self):
        sent = self.send(self.message(), "the-mark")
        self.assertRegex(sent, "(?i)mail from:<odoo@example.com>")
        self.assertIn(f"\n{own_mark.HEADER}: the-mark\n", sent)

    def test_a_forged_mark_is_replaced(self):
        sent = self.send(self.message(X_SPP_Email_Gateway="forged"), "the-mark")
        self.assertNotIn("forged", sent)
        self.assertEqual(sent.count(own_mark.HEADER), 1)

    def test_a_mail_without_a_ring_leaves_without_a_mark(self):
        self.assertNotIn(own_mark.HEADER, self.send(self.message()))
