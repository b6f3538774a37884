# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import socket

from ...engine import connection, web_fetch
from ...engine.connection import Connection
from ...engine.discovery import guarded_probe
from ...engine.errors import GatewayError
from ...engine.forbidden_address import is_forbidden, is_local
from .case import EngineCase
from .scripted_server import Hang, ScriptedServer

FORBIDDEN = (
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fd00:42::42",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",  # noqa: S104 - as an address to be refused
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "ff02::1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::ffff:0.0.0.0",
    "::ffff:100.100.100.200",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "::169.254.169.254",
    # no addresses
    "",
    "mail.example.org",
    "2852039166",
    "0251.0376.0251.0376",
)
ALLOWED = (
    "127.0.0.1",
    "127.8.9.10",
    "::1",
    "::ffff:127.0.0.1",
    "10.0.0.25",
    "172.16.3.4",
    "192.168.1.2",
    "100.64.0.7",
    "fd12:3456::25",
    "fd00:ec2::25",
    "192.0.2.25",
    "2001:db8::25",
    "64:ff9b::192.0.2.1",
    "169.253.255.255",
    "169.255.0.1",
)


class TestForbiddenAddress(EngineCase):
    def test_table(self):
        for address in FORBIDDEN:
            with self.subTest(address=address):
                self.assertIs(is_forbidden(address), True)
        for address in ALLOWED:
            with self.subTest(address=address):
                self.assertIs(is_forbidden(address), False)

    def test_web_is_stricter(self):
        for address in (*FORBIDDEN, "127.0.0.1", "::1", "::ffff:127.0.0.1", "240.0.0.1"):
            with self.subTest(address=address):
                self.assertTrue(web_fetch.is_forbidden(address))
        for address in ("192.0.2.25", "10.0.0.25"):
            self.assertFalse(web_fetch.is_forbidden(address))

    def test_local(self):
        for address, expected in (("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False)):
            with self.subTest(address=address):
                self.assertIs(is_local(address), expected)


class TestForbiddenConnection(EngineCase):
    """No socket is opened to a forbidden address, whatever the spelling and whoever resolves the name."""

    def assert_refused(self, host, port=80, getaddrinfo=None):
        wanted = Connection(host, port, connect_timeout=2)
        with self.assertRaises(GatewayError) as caught:
            addresses = connection.resolve(wanted, getaddrinfo) if getaddrinfo else connection.resolve(wanted)
            connection.connect(wanted, addresses)
        error = caught.exception
        self.assertEqual((error.phase, error.field, error.code), ("connect", "host", "FORBIDDEN"))
        self.assertTrue(error.permanent)
        self.assertIn("no mail server may be asked there", str(error))
        self.assertIn("name of the mail server", str(error))

    def test_spellings(self):
        # What a C library makes of numbers: decimal, octal, hexadecimal, and fewer than four parts.
        for host in (
            "169.254.169.254",
            "2852039166",
            "0251.0376.0251.0376",
            "0xA9FEA9FE",
            "0xA9.0xFE.0xA9.0xFE",
            "169.254.43518",
            "0.0.0.0",  # noqa: S104
            "0",
            "::ffff:169.254.169.254",
        ):
            with self.subTest(host=host):
                self.assert_refused(host)

    def test_name_that_leads_there(self):
        def getaddrinfo(host, port, **_options):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", port))]

        self.assert_refused("mail.example.org", getaddrinfo=getaddrinfo)

    def test_name_that_leads_to_both_goes_where_it_may(self):
        with ScriptedServer([Hang()]) as server:
            opened = []

            class Socket(connection.PlainSocket):
                def connect(self, address):
                    opened.append(address[0])
                    super().connect(address)

            original, connection.PlainSocket = connection.PlainSocket, Socket
            self.addCleanup(setattr, connection, "PlainSocket", original)
            bad = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", server.port))
            good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))
            connection.connect(Connection("mail.example.org", server.port), [bad, good, bad]).close()
        self.assertEqual(opened, ["127.0.0.1"])

    def test_rebinding(self):
        """The name is asked once; what is connected to is what was looked at."""
        answers = [("192.0.2.1", 1), ("169.254.169.254", 1)]

        def getaddrinfo(host, port, **_options):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answers.pop(0)[0], port))]

        wanted = Connection("mail.example.org", 25, connect_timeout=0.2)
        with self.assertRaises(GatewayError) as caught:
            connection.connect(wanted, connection.resolve(wanted, getaddrinfo))
        self.assertNotEqual(caught.exception.code, "FORBIDDEN")
        self.assertEqual(len(answers), 1)

    def test_discovery_guesses_nothing_on_this_machine(self):
        with ScriptedServer([Hang()]) as server:
            self.assertEqual(guarded_probe("127.0.0.1", (server.port,)), [])
            self.assertEqual(guarded_probe("169.254.169.254", (server.port,)), [])
