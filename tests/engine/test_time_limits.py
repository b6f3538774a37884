# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Tests of a connection end in time, whatever the server does; and ask no DNS server at places of other services."""

from unittest import mock

from ...engine import connection
from ...engine.connection import Connection, Password, Security, for_a_test
from ...engine.errors import ConfigurationError
from ...engine.mailbox_diagnosis import diagnose_mailbox
from ...engine.name_lookup import NameLookup
from ...engine.resolver import name_servers
from ...engine.smtp_diagnosis import diagnose_smtp
from .case import EngineCase
from .scripted_server import Drip, Expect, ScriptedServer, Send, Stopwatch

# Bytes that keep every read alive: no silence is ever long enough to be noticed.
TRICKLES = {
    "imap": [Send(b"* OK ready\r\n"), Drip(b"* OK wait\r\n")],
    "pop": [Send(b"+OK ready\r\n"), Expect("CAPA", b"+OK\r\n"), Drip(b"X\r\n")],
    "smtp": [Send(b"220 ready\r\n"), Expect("(?i)^ehlo", b""), Drip(b"250-wait")],
}


class TestTimeLimits(EngineCase):
    def test_a_server_that_trickles_cannot_hold_a_test(self):
        for protocol, script in TRICKLES.items():
            with (
                self.subTest(protocol),
                ScriptedServer(script) as server,
                mock.patch.object(connection, "TEST_SECONDS", 0.5),
                Stopwatch() as watch,
            ):
                wanted = Connection("127.0.0.1", server.port, Security.NONE)
                if protocol == "smtp":
                    diagnosis = diagnose_smtp(wanted, None, "ann@example.com", other_ports=(), patience=0.2)
                else:
                    password = Password("ann", "x")
                    diagnosis = diagnose_mailbox(protocol, wanted, password, patience=0.2, other_ports=())
            self.assertFalse(diagnosis.ok)
            self.assertLess(watch.seconds, 5)

    def test_limits_of_a_test(self):
        tested = for_a_test(Connection("h", 25))
        self.assertEqual((tested.connect_timeout, tested.read_timeout, tested.session_timeout), (10, 35, 60))
        hurried = for_a_test(Connection("h", 25, connect_timeout=5, read_timeout=10, session_timeout=20))
        self.assertEqual((hurried.connect_timeout, hurried.read_timeout, hurried.session_timeout), (5, 10, 20))

    def test_our_own_name_is_not_waited_for_without_end(self):
        lookup = NameLookup()
        with mock.patch("socket.getfqdn", return_value="odoo.example.org"):
            self.assertEqual(lookup.own_name(), "odoo.example.org")
        with mock.patch("socket.getfqdn", side_effect=lambda: connection.time.sleep(1)), Stopwatch() as watch:
            self.assertEqual(lookup.own_name(timeout=0.1), "")
        self.assertLess(watch.seconds, 0.9)

    def test_name_servers(self):
        # Clouds have their resolvers at link-local addresses; on another port something else answers there.
        for text in ("169.254.169.253", "168.63.129.16", "10.0.0.53:5353", "[fe80::1]", "127.0.0.1:5353"):
            with self.subTest(text):
                self.assertEqual(len(name_servers(text)), 1)
        for text in ("169.254.169.254:80", "[fd00:ec2::254]:80", "0.0.0.0:5353", "metadata.internal"):
            with self.subTest(text), self.assertRaises(ConfigurationError) as caught:
                name_servers(text)
            self.assertEqual(caught.exception.field, "dns_servers")
