# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import socket

from ...engine import connection
from ...engine.connection import Connection, Password, Security, XOAuth2, default_port, protocol_of
from ...engine.errors import ConfigurationError, GatewayError
from .case import EngineCase
from .scripted_server import Drip, Hang, ScriptedServer, Stopwatch, unused_port


class TestConnection(EngineCase):
    def test_default_ports(self):
        for protocol, security, port in (
            ("imap", Security.TLS, 993),
            ("imap", "starttls", 143),
            ("imap", "none", 143),
            ("pop", Security.TLS, 995),
            ("pop", Security.STARTTLS, 110),
            ("smtp", Security.TLS, 465),
            ("smtp", Security.STARTTLS, 587),
            ("smtp", Security.NONE, 25),
        ):
            with self.subTest(protocol=protocol, security=security):
                self.assertEqual(default_port(protocol, security), port)

    def test_secrets_are_not_shown(self):
        for credential in (Password("someone", "hush"), XOAuth2("someone", "user=x\1auth=Bearer hush\1\1")):
            self.assertNotIn("hush", repr(credential))
            self.assertNotIn("hush", str(credential))

    def test_protocol_of_greeting(self):
        for line, expected in (
            (b"* OK Dovecot ready.\r\n", "imap"),
            (b"+OK ready\r\n", "pop"),
            (b"220 mx.example.org ESMTP\r\n", "smtp"),
            (b"554 no\r\n", "smtp"),
            (b"220 ProFTPD FTP server\r\n", "ftp"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh"),
            (b"HTTP/1.1 400 Bad Request\r\n", "http"),
            (b"", ""),
            (b"\x15\x03\x01", ""),
        ):
            with self.subTest(line=line):
                self.assertEqual(protocol_of(line), expected)

    def test_settings_missing(self):
        for host, port, field in (("", 993, "host"), (" ", 993, "host"), ("h", 0, "port"), ("h", 70000, "port")):
            with self.subTest(host=host, port=port), self.assertRaises(ConfigurationError) as caught:
                connection.resolve(Connection(host, port))
            self.assertEqual(caught.exception.field, field)

    def test_name_does_not_resolve(self):
        def getaddrinfo(number):
            def fail(*args, **kwargs):
                raise socket.gaierror(number, "words")

            return fail

        for number, permanent in ((socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)):
            with self.subTest(number=number), self.assertRaises(GatewayError) as caught:
                connection.resolve(Connection("mail.example.org", 993), getaddrinfo(number))
            self.assertEqual(caught.exception.permanent, permanent)
            self.assertEqual((caught.exception.phase, caught.exception.field), ("resolve", "host"))
        for host in ("a..b", "x" * 70 + ".example.org"):
            with self.subTest(host=host), self.assertRaises(GatewayError):
                connection.resolve(Connection(host, 993))

    def test_nothing_listens(self):
        with self.assertRaises(GatewayError) as caught:
            connection.dial(Connection("127.0.0.1", unused_port()))
        self.assertEqual((caught.exception.phase, caught.exception.field), ("connect", "port"))
        self.assertFalse(caught.exception.permanent)

    def test_second_address_is_tried(self):
        with ScriptedServer([Hang()]) as server:
            dead = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", unused_port()))
            alive = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))
            connection.connect(Connection("h", 1), [dead, alive]).close()

    def test_reads_are_bounded(self):
        for script, seconds in (([Hang()], 0.06), ([Drip(b"x")], 0.24)):
            with self.subTest(script=script), ScriptedServer(script) as server:
                sock = connection.dial(Connection("127.0.0.1", server.port, read_timeout=0.06))
                with Stopwatch() as watch, sock, self.assertRaises(TimeoutError):
                    while sock.recv(10):
                        continue
                self.assertLess(abs(watch.seconds - seconds), 0.15)
