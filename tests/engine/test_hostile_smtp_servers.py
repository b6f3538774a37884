# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Sending to servers whose answers are damaged at random: bounded time, typed errors, a result for every recipient."""

import random
import smtplib

from ...engine.connection import Connection, Security
from ...engine.errors import ConfigurationError, GatewayError
from ...engine.outcome import OutboundState
from ...engine.smtp_session import open_session
from .case import EngineCase
from .scripted_server import ScriptedServer, Stopwatch, _read_line
from .test_smtp_transaction import letter

ROUNDS = 200
RECIPIENTS = ["ann@example.com", "bob@example.com", "eve@example.com"]
ODD = [
    b"", b"\r\n", b"\n", b"250", b"250-", b"250 ", b"-", b"421 bye\r\n", b"354 go\r\n", b"\xff\xfe", b"\0", b"999 \r\n",
    b"000 \r\n", b"-1 \r\n", b"550 5.1.1 no\r\n", b"451 4.7.1 try again in 99999999999999 seconds\r\n", b"\r", b".\r\n",
    b"220 \r\n", b"x" * 9000, b"250-a\r\n" * 300, b"101 hm\r\n", b"250 2.0.0 Ok: queued as <a@b>\r\n", b"8.8.8",
]  # fmt: skip


class HostileServer(ScriptedServer):
    """Answers well, but for one answer in the session, which is damaged. Knows which messages it said yes to."""

    def __init__(self, rng, pipelining):
        super().__init__([])
        self.rng, self.pipelining = rng, pipelining
        self.damaged = rng.randrange(9)
        self.whole = 0

    def _serve(self, sock, script):
        number = -1
        try:
            sock.sendall(self._reply(b"220 mx.example.com\r\n", number := number + 1))
            while True:
                line = _read_line(sock).upper()
                if line == b"DATA":
                    sock.sendall(self._reply(b"354 go\r\n", number := number + 1))
                    while _read_line(sock) != b".":
                        pass
                    self.whole += 1
                    reply = b"250 2.0.0 Ok: queued as 4XyZ\r\n"
                elif line.startswith(b"EHLO"):
                    words = [b"mx.example.com", b"SIZE 100000", *[b"PIPELINING"] * self.pipelining]
                    reply = b"".join(b"250-%s\r\n" % word for word in words) + b"250 8BITMIME\r\n"
                else:
                    reply = b"250 2.0.0 ok\r\n"
                sock.sendall(self._reply(reply, number := number + 1))
        except (OSError, ValueError):
            return  # the client has left
        finally:
            sock.close()

    def _reply(self, reply, number):
        if number != self.damaged:
            return reply
        reply = bytearray(reply)
        for _time in range(self.rng.randrange(1, 4)):
            at = self.rng.randrange(len(reply) + 1)
            to = min(len(reply), at + self.rng.choice((0, 1, 2, 5, 20)))
            reply[at:to] = self.rng.choice(ODD) if self.rng.random() < 0.8 else self.rng.randbytes(9)
        return bytes(reply)


class TestHostileSmtpServers(EngineCase):
    def test_damaged_answers(self):
        seen = set()
        for seed in range(ROUNDS):
            rng = random.Random(seed)  # noqa: S311
            with self.subTest(seed=seed), HostileServer(rng, seed % 2) as server, Stopwatch() as watch:
                connection = Connection("127.0.0.1", server.port, Security.NONE, read_timeout=0.05)
                try:
                    session = open_session(connection)
                    self.addCleanup(session.close)
                    session.ehlo_or_helo_if_needed()
                except (GatewayError, ConfigurationError, smtplib.SMTPException) as error:
                    seen.add(type(error).__name__)
                    continue
                for _message in range(2):
                    before = server.whole
                    refused = None
                    try:
                        refused = session.send_message(letter(), "box@gateway.test", RECIPIENTS)
                    except smtplib.SMTPException as error:
                        seen.add(type(error).__name__)
                    results = session.results
                    self.assertEqual(set(results), set(RECIPIENTS))
                    states = {result.state for result in results.values()}
                    seen.update(states)
                    if refused is not None:
                        good = {name for name, result in results.items() if result.state is OutboundState.SENT}
                        self.assertEqual(set(refused) | good, set(RECIPIENTS))
                    # Never called sent, nor unknown, unless the whole message was handed over.
                    if states & {OutboundState.SENT, OutboundState.UNKNOWN}:
                        self.assertTrue(_soon(lambda: server.whole > before))  # noqa: B023
            self.assertLess(watch.seconds, 3)
        # Damage of every depth was done.
        self.assertLessEqual(
            {
                OutboundState.SENT,
                OutboundState.UNKNOWN,
                OutboundState.DEFERRED,
                "SMTPServerDisconnected",
                "GatewayError",
            },
            seen,
        )

    def test_a_server_that_trickles_cannot_hold_a_message(self):
        for where in (b"EHLO", b"MAIL", b"."):

            class Trickling(HostileServer):
                def _serve(self, sock, script):
                    in_data = False
                    try:
                        sock.sendall(b"220 mx\r\n")
                        while True:
                            line = _read_line(sock).upper()
                            if line.startswith(where):  # noqa: B023
                                while not self._stopped.wait(0.02):
                                    sock.sendall(b"2")
                            elif not in_data:
                                in_data = line == b"DATA"
                                sock.sendall(b"354 go\r\n" if in_data else b"250 ok\r\n")
                    except OSError:
                        return
                    finally:
                        sock.close()

            with self.subTest(where), Trickling(random.Random(1), 0) as server, Stopwatch() as watch:  # noqa: S311
                session = open_session(Connection("127.0.0.1", server.port, Security.NONE, read_timeout=0.2))
                self.addCleanup(session.close)
                with self.assertRaises(smtplib.SMTPServerDisconnected):
                    session.send_message(letter(), "box@gateway.test", RECIPIENTS)
                expected = OutboundState.UNKNOWN if where == b"." else OutboundState.DEFERRED
                self.assertEqual({result.state for result in session.results.values()}, {expected})
            self.assertLess(watch.seconds, 3)


def _soon(condition):
    with Stopwatch() as watch:
        while not condition():
            watch.__exit__()
            if watch.seconds > 2:
                return False
    return True
