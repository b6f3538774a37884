# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whole reading sessions against servers whose answers are damaged at random: bounded time, typed errors, no losses."""

import random
from datetime import date, datetime

from ...engine.connection import Connection, Password, Security
from ...engine.errors import ConfigurationError, GatewayError
from ...engine.mailbox import After, AfterKind, Selection, open_mailbox
from ...engine.reading import Arrived, Failed, Known, Listed, PassedOver, Rules, read_mailbox
from .case import EngineCase
from .scripted_server import ScriptedServer, Stopwatch, _read_line

ROUNDS = 150
CONTENTS = [b"Subject: %d\r\nDate: Mon, 4 May 2026 12:00:00 +0000\r\n\r\nbody\r\n" % number for number in range(4)]
ODD = [
    b"", b"\r\n", b"NIL", b"{5}\r\n", b"{-1}\r\n", b"{99999999999}\r\n", b"(", b")", b'"', b"\xff\xfe", b"\0",
    b"* BYE\r\n", b"* OK [UIDVALIDITY 8] new\r\n", b"* 1 EXPUNGE\r\n", b"-1", b"4294967296", b"99999999999999999999",
    b"NO", b"BAD", b"-ERR", b"+OK", b".\r\n", b"+ \r\n", b"* SEARCH x\r\n", b"[", b"\\", b"&-&", b"=",
]  # fmt: skip


def imap_answer(line):
    """What a well server says to a line."""
    tag, _blank, command = line.partition(b" ")
    command = command.upper()
    untagged = b""
    if command.startswith(b"CAPABILITY"):
        untagged = b"* CAPABILITY IMAP4rev1 MOVE UIDPLUS\r\n"
    elif command.startswith((b"SELECT", b"EXAMINE")):
        untagged = b"* 4 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT 5] n\r\n* OK [PERMANENTFLAGS (\\*)] p\r\n"
    elif command.startswith(b"LIST"):
        untagged = b'* LIST (\\Noselect) "/" a\r\n* LIST () "/" "B&APw-ro"\r\n'
    elif b"SEARCH" in command:
        untagged = b"* SEARCH 1 2 3 4\r\n"
    elif b"SIZE" in command:
        line = b"* %d FETCH (UID %d RFC822.SIZE %d)\r\n"
        untagged = b"".join(line % (n, n, len(c)) for n, c in enumerate(CONTENTS, 1))
    elif b"PEEK" in command:
        section = b"HEADER" if b"HEADER" in command else b""
        line = b"* %d FETCH (UID %d BODY[%s] {%d}\r\n%s)\r\n"
        untagged = b"".join(line % (n, n, section, len(c), c) for n, c in enumerate(CONTENTS, 1))
    return untagged + tag + b" OK [READ-WRITE] done\r\n"


def pop_answer(line):
    command, _blank, argument = line.partition(b" ")
    lists = {
        b"CAPA": [b"UIDL", b"TOP"],
        b"LIST": [b"%d %d" % (n, len(c)) for n, c in enumerate(CONTENTS, 1)],
        b"UIDL": [b"%d uid%d" % (n, n) for n in range(1, 5)],
    }
    if command in lists:
        return b"+OK\r\n" + b"".join(item + b"\r\n" for item in lists[command]) + b".\r\n"
    if command in (b"RETR", b"TOP"):
        return b"+OK\r\n" + CONTENTS[int(argument.split()[0]) - 1] + b".\r\n"
    if command == b"STAT":
        return b"+OK 4 400\r\n"
    return b"+OK\r\n"


class HostileServer(ScriptedServer):
    """Answers well, but for one answer of the session, which is damaged."""

    def __init__(self, greeting, answer, rng):
        super().__init__([])
        self.greeting, self.answer, self.rng = greeting, answer, rng
        self.damaged = rng.randrange(14)

    def _serve(self, sock, script):
        try:
            sock.sendall(self.greeting)
            for number in range(100):
                reply = self.answer(_read_line(sock))
                sock.sendall(damage(reply, self.rng) if number == self.damaged else reply)
        except (OSError, ValueError, IndexError):
            return  # the client has left, or asked for what is not there
        finally:
            sock.close()


def damage(reply, rng):
    reply = bytearray(reply)
    for _time in range(rng.randrange(1, 4)):
        at = rng.randrange(len(reply) + 1)
        to = min(len(reply), at + rng.choice((0, 1, 2, 5, 20)))
        reply[at:to] = rng.choice(ODD) if rng.random() < 0.8 else rng.randbytes(rng.randrange(20))
    return bytes(reply)


class TestHostileServers(EngineCase):
    def converse(self, reading):
        """Answer as a database would; return (journaled keys, result or typed error)."""
        journal, answer = {}, None
        try:
            while True:
                request = reading.send(answer)
                if isinstance(request, Arrived):
                    journal.update({one.entry.key: one.content for one in request.fetched})
                    answer = len(request.fetched)
                elif isinstance(request, Listed):
                    known = [entry for entry in request.entries if entry.key in journal]
                    answer = {entry.key: Known(entry.size, since=datetime(2026, 1, 1)) for entry in known}
                else:
                    self.assertIsInstance(request, PassedOver | Failed)
                    answer = ()
        except StopIteration as end:
            return journal, end.value
        except (GatewayError, ConfigurationError) as error:
            return journal, error

    def attack(self, protocol, greeting, answer):
        outcomes = set()
        for seed in range(ROUNDS):
            rng = random.Random(seed)  # noqa: S311
            after = After(rng.choice(list(AfterKind)), "Taken", "Failed")
            rules = Rules(after, size_limit=rng.choice((0, 20)), most_at_first=200, files_failed=True)
            since = rng.choice((None, date(2026, 5, 1)))
            selection = Selection(is_new=rng.random() < 0.5, keeps_floor=rng.random() < 0.5, since=since)
            with self.subTest(seed=seed), HostileServer(greeting, answer, rng) as server, Stopwatch() as watch:
                connection = Connection(
                    "127.0.0.1", server.port, Security.NONE, read_timeout=0.05, session_timeout=1.0
                )

                def opening(connection=connection):
                    return open_mailbox(protocol, connection, Password("a", "b"))

                journal, result = self.converse(read_mailbox(opening, [selection], rules, limit=100))
                outcomes.add(type(result).__name__)
                if not isinstance(result, Exception):
                    # Nobody was told of what is in no journal.
                    self.assertLessEqual(set(result.told), set(journal))
                    outcomes.add(bool(result.failures))
            self.assertLess(watch.seconds, 3)
        # Damage of every depth was done.
        self.assertEqual(outcomes, {"GatewayError", "ReadingResult", True, False})

    def test_imap(self):
        self.attack("imap", b"* OK ready\r\n", imap_answer)

    def test_pop(self):
        self.attack("pop", b"+OK ready\r\n", pop_answer)


class TestSessionTime(EngineCase):
    def test_a_server_that_trickles_cannot_hold_a_session(self):
        for protocol, greeting, answer in (
            ("imap", b"* OK ready\r\n", imap_answer),
            ("pop", b"+OK ready\r\n", pop_answer),
        ):

            class Trickling(HostileServer):
                def _serve(self, sock, script):
                    try:
                        sock.sendall(greeting)  # noqa: B023
                        while not self._stopped.is_set():
                            line = _read_line(sock)
                            for at in range(len(reply := self.answer(line))):
                                # Never silent for as long as a read may take.
                                if b"FETCH" in line or line.startswith(b"RETR"):
                                    self._stopped.wait(0.02)
                                sock.sendall(reply[at : at + 1])
                    except OSError:
                        return
                    finally:
                        sock.close()

            with self.subTest(protocol), Trickling(greeting, answer, random.Random(1)) as server:  # noqa: S311
                connection = Connection("127.0.0.1", server.port, Security.NONE, read_timeout=5, session_timeout=0.5)
                with Stopwatch() as watch:
                    reading = read_mailbox(lambda: open_mailbox(protocol, connection, Password("a", "b")), limit=9)  # noqa: B023
                    _journal, result = TestHostileServers.converse(self, reading)
                self.assertRegex(str(result.failure), "time for one session was over")
                self.assertLess(watch.seconds, 1.5)
