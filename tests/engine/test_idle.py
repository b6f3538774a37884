# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import threading
import time

from ...engine.connection import Connection, Password, Security, XOAuth2
from ...engine.errors import GatewayError
from ...engine.idle import IdleSession
from ...engine.watching import Watched, Watcher, Watchers
from . import certificates
from .case import EngineCase
from .scripted_server import Close, Encrypt, Expect, Hang, ScriptedServer, Send, Stopwatch
from .test_imap import GREETING, LOGIN, LOGOUT, PASSWORD, SELECT, capability

# Many servers tell of IDLE only after the login.
BEGIN = [GREETING, capability(), LOGIN, SELECT]
OPEN = [*BEGIN, capability(b"IDLE")]
IDLE = Expect("IDLE$", b"+ idling\r\n")
DONE = Expect("^DONE$", b"<previous> OK done\r\n")


def connection_to(server, security=Security.NONE, read_timeout=2.0):
    return Connection(
        "127.0.0.1", server.port, security, ca_certificate=certificates.authority_pem(), read_timeout=read_timeout
    )


class TestIdleSession(EngineCase):
    def served(self, *scripts):
        server = ScriptedServer(*scripts)
        self.addCleanup(lambda: self.assertEqual(server.surprises, []))
        return server

    def test_what_counts_as_an_arrival(self):
        # SELECT said that there are three.
        for said, arrived in (
            (b"", False),
            (b"* OK Still here\r\n", False),
            (b"* 3 EXISTS\r\n", False),
            (b"* 4 EXISTS\r\n* 1 RECENT\r\n", True),
            (b"* 2 EXPUNGE\r\n", False),
            (b"* 2 EXPUNGE\r\n* 3 EXISTS\r\n", True),
            (b"* 2 FETCH (FLAGS (\\Seen))\r\n", False),
            (b"* nonsense\r\n\r\n* 4 exists\r\n", True),
        ):
            with self.subTest(said=said), self.served([*OPEN, IDLE, Send(said), Hang()]) as server:
                session = IdleSession(connection_to(server), PASSWORD)
                session.open()
                self.assertTrue(session.is_pushed)
                self.assertIs(session.wait(0.15), arrived)
                session.interrupt()
                session.close()

    def test_a_wait_ends_as_soon_as_mail_arrives(self):
        with self.served([*OPEN, IDLE, Send(b"* 4 EXISTS\r\n"), Hang()]) as server, Stopwatch() as watch:
            session = IdleSession(connection_to(server), PASSWORD)
            session.open()
            self.assertTrue(session.wait(30))
            session.interrupt()
            session.close()
        self.assertLess(watch.seconds, 5)

    def test_over_tls(self):
        context = certificates.server_context()
        script = [Encrypt(context), *OPEN, IDLE, Send(b"* 4 EXISTS\r\n"), DONE, LOGOUT]
        with self.served(script) as server:
            with IdleSession(connection_to(server, Security.TLS), PASSWORD) as session:
                self.assertTrue(session.wait(5))
                # The tickets of TLS 1.3 can be read too, and are no mail.
                self.assertFalse(session.wait(0.1))
                session.renew()

    def test_renewal(self):
        answer = Expect("^DONE$", b"* 5 EXISTS\r\n<previous> OK done\r\n")
        with self.served([*OPEN, IDLE, DONE, IDLE, answer, IDLE, DONE, LOGOUT]) as server:
            with IdleSession(connection_to(server), PASSWORD) as session:
                self.assertFalse(session.renew(), "nothing to renew yet")
                self.assertFalse(session.wait(0.05))
                self.assertFalse(session.renew())
                self.assertFalse(session.wait(0.05))
                self.assertTrue(session.renew(), "what arrived between DONE and OK counts")
                self.assertFalse(session.wait(0.05))
                session.renew()

    def test_a_server_without_idle_is_asked(self):
        noop = Expect("NOOP$", b"<tag> OK done\r\n")
        news = Expect("NOOP$", b"* 4 EXISTS\r\n<tag> OK done\r\n")
        for script in (
            [*BEGIN, capability(), noop, news, LOGOUT],
            # It announces IDLE and refuses it.
            [*OPEN, Expect("IDLE$", b"<tag> BAD what\r\n"), noop, news, LOGOUT],
        ):
            with self.subTest(length=len(script)), self.served(script) as server:
                with IdleSession(connection_to(server), PASSWORD) as session:
                    self.assertFalse(session.wait(0.05))
                    self.assertFalse(session.is_pushed)
                    self.assertTrue(session.wait(0.05))

    def test_the_end_of_a_connection_is_an_error_and_at_once(self):
        for name, ending in (
            ("closed", [Close()]),
            ("bye", [Send(b"* BYE shutting down\r\n"), Hang()]),
            ("half a line", [Send(b"* 4 EXI"), Hang()]),
            ("lines without end", [Send(b"* OK\r\n" * 11_000), Send(b"x" * 100), Hang()]),
        ):
            with self.subTest(name), self.served([*OPEN, IDLE, *ending]) as server, Stopwatch() as watch:
                session = IdleSession(connection_to(server, read_timeout=0.5), PASSWORD)
                session.open()
                with self.assertRaises(GatewayError):
                    for _round in range(3):
                        session.wait(20)
                session.close()
            self.assertLess(watch.seconds, 8)

    def test_a_server_that_answers_done_with_no_end(self):
        with self.served([*OPEN, IDLE, Expect("^DONE$", b""), Hang()]) as server:
            session = IdleSession(connection_to(server, read_timeout=0.2), PASSWORD)
            session.open()
            session.wait(0.01)
            with self.assertRaises(GatewayError):
                session.renew()
            session.close()


class Script:
    """What sessions do, one item a connection: an error, or what `wait` returns in turn; then it waits."""

    def __init__(self, *connections):
        self.connections = list(connections)
        self.made = []

    def __call__(self, connection, credential, folder):
        self.made.append(credential)
        step = self.connections.pop(0) if self.connections else []
        return ScriptedSession(step)


class ScriptedSession:
    is_pushed = True

    def __init__(self, step):
        self.step = step
        self.interrupted = threading.Event()

    def __enter__(self):
        if isinstance(self.step, Exception):
            raise self.step
        return self

    def __exit__(self, *exception):
        return None

    def wait(self, seconds):
        if not self.step:
            self.interrupted.wait(seconds)
            if self.interrupted.is_set():
                raise GatewayError("interrupted")
            return False
        value = self.step.pop(0)
        if isinstance(value, Exception):
            raise value
        return value

    def renew(self):
        return False

    def interrupt(self):
        self.interrupted.set()


def watched(key, credential=PASSWORD, host="a", folder="INBOX"):
    return Watched(key, key, Connection(host, 993), credential, folder)


class TestWatchers(EngineCase):
    def watch(self, script, **options):
        watchers = Watchers(session=script, first_wait=0.01, **options)
        self.addCleanup(lambda: self.assertTrue(watchers.stop()))
        return watchers

    def reports(self, watchers, count, seconds=5):
        """Wait for so many reports, one by one."""
        found = []
        end = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < end:
            found += watchers.arrived(0.1)
        return found

    def test_each_connection_and_each_arrival_is_reported(self):
        watchers = Watchers(session=Script([True, False, True]))
        watchers.update([watched("a")])
        time.sleep(0.2)
        reports = [watchers.arrivals.get_nowait() for _number in range(watchers.arrivals.qsize())]
        self.assertEqual(reports, ["a"] * 3)
        self.assertEqual(watchers.listening(), {"a"})
        self.assertTrue(watchers.stop())

    def test_after_a_failure_it_connects_again_and_reports(self):
        gone = GatewayError("gone")
        script = Script(gone, gone, [True, gone], [])
        watchers = self.watch(script)
        watchers.update([watched("a")])
        self.assertEqual(len(self.reports(watchers, 2)), 2)
        time.sleep(0.3)
        self.assertEqual(len(script.made), 4)
        self.assertEqual(watchers.listening(), {"a"})

    def test_waits_grow(self):
        watcher = Watcher(watched("a"), print)
        from random import Random

        pauses = []
        for watcher.failures in range(1, 12):
            pauses.append(watcher._pause(Random(1)))
        self.assertEqual(pauses, sorted(pauses))
        self.assertLess(pauses[0], 40)
        self.assertLess(pauses[-1], 4501)

    def test_what_changed_is_watched_anew_and_what_is_gone_not_at_all(self):
        old = XOAuth2("someone", "old")
        for name, first, then, connections in (
            ("the same", [watched("a")], [watched("a")], 1),
            ("new host", [watched("a")], [watched("a", host="b")], 2),
            ("new password", [watched("a")], [watched("a", Password("someone", "new"))], 2),
            ("new folder", [watched("a")], [watched("a", folder="Other")], 2),
            ("fresh token", [watched("a", old)], [watched("a", XOAuth2("someone", "new"))], 1),
            ("another", [watched("a")], [watched("a"), watched("b")], 2),
            ("gone", [watched("a")], [], 1),
        ):
            with self.subTest(name):
                script = Script()
                watchers = self.watch(script)
                watchers.update(first)
                self.reports(watchers, 1)
                watchers.update(then)
                self.reports(watchers, connections - 1, 1)
                self.assertEqual(len(script.made), connections)
                self.assertEqual(watchers.listening(), {watching.mailbox for watching in then})

    def test_a_fresh_token_is_used_for_the_next_login(self):
        release = threading.Event()
        script = Script([], [])
        watchers = self.watch(script)
        watchers.update([watched("a", XOAuth2("someone", "old"))])
        self.reports(watchers, 1)
        watchers.update([watched("a", XOAuth2("someone", "new"))])
        watchers._watchers["a"]._session.interrupt()
        self.reports(watchers, 1)
        release.set()
        self.assertEqual([credential.initial_response for credential in script.made], ["old", "new"])

    def test_a_mailbox_is_listened_to_when_all_its_folders_are(self):
        script = Script([], GatewayError("no such folder"), GatewayError("no such folder"))
        watchers = Watchers(session=script)
        one = Watched(("a", "INBOX"), "a", Connection("a", 993), PASSWORD)
        two = Watched(("a", "Other"), "a", Connection("a", 993), PASSWORD, "Other")
        watchers.update([one])
        self.reports(watchers, 1)
        self.assertEqual(watchers.listening(), {"a"})
        watchers.update([one, two])
        time.sleep(0.1)
        self.assertEqual(watchers.listening(), set())
        self.assertTrue(watchers.stop())

    def test_stop_leaves_no_thread(self):
        before = threading.active_count()
        watchers = Watchers(session=Script())
        watchers.update([watched(number) for number in range(10)])
        self.assertEqual(threading.active_count(), before + 10)
        with Stopwatch() as watch:
            self.assertTrue(watchers.stop())
        self.assertLess(watch.seconds, 3)
        self.assertEqual(threading.active_count(), before)
