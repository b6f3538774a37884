# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import threading
import time

from ...engine import parallel
from ...engine.connection import Connection, Password, Security
from ...engine.errors import GatewayError
from ...engine.imap import ImapReader
from ...engine.mailbox import Entry, Fetched
from ...engine.parallel import MOST_THREADS, Asked, Ended, ParallelReading
from ...engine.reading import Arrived, Listed, read_mailbox
from ...engine.reading_request import ReadingResult
from . import certificates
from .case import EngineCase
from .scripted_server import Drip, Encrypt, Hang, ScriptedServer, Send, Stopwatch


def scripted(*requests, error=None, hung=None, pace=0.0):
    """Return what makes a generator: it asks, hangs until `hung` is set, raises, or returns the answers it got."""

    def make(dial):
        answers = []
        for request in requests:
            time.sleep(pace)
            answers.append((yield request))
        if hung:
            hung.wait(20)
        if error:
            raise error
        return ReadingResult(new=len(answers), told=answers)

    return make


class ParallelCase(EngineCase):
    def setUp(self):
        super().setUp()
        self.threads = threading.active_count()
        self.addCleanup(self.no_thread_is_left)

    def no_thread_is_left(self):
        end = time.monotonic() + 5
        while threading.active_count() > self.threads and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(threading.active_count(), self.threads)
        self.assertEqual(parallel._slots._value, MOST_THREADS)

    def drive(self, readings, answer=lambda event: event.request, count=1, seconds=5):
        """Answer until so many have ended; return what they ended with, by key."""
        ended = {}
        limit = time.monotonic() + seconds
        while len(ended) < count and time.monotonic() < limit:
            event = readings.next(0.05)
            if isinstance(event, Asked):
                readings.answer(event.key, answer(event))
            elif isinstance(event, Ended):
                ended[event.key] = event
        return ended


class TestParallelReading(ParallelCase):
    def test_a_conversation(self):
        with ParallelReading() as readings:
            self.assertTrue(readings.start("a", scripted("one", "two")))
            self.assertEqual(len(readings), 1)
            ended = self.drive(readings, lambda event: event.request.upper())
        self.assertEqual(ended["a"].result.told, ["ONE", "TWO"])
        self.assertIsNone(ended["a"].error)

    def test_each_gets_its_own_answers(self):
        with ParallelReading() as readings:
            for number in range(MOST_THREADS):
                readings.start(number, scripted(*range(5), pace=0.002))
            ended = self.drive(readings, lambda event: (event.key, event.request), MOST_THREADS)
        for number in range(MOST_THREADS):
            self.assertEqual(ended[number].result.told, [(number, request) for request in range(5)])

    def test_a_server_is_not_blamed_for_what_we_are_slow_with(self):
        with ParallelReading() as readings:
            readings.start("a", scripted("one"))
            event = readings.next(5)
            time.sleep(0.05)
            self.assertEqual(readings.silence("a"), 0)
            readings.answer("a", event.request)
            self.drive(readings)

    def test_a_failure_comes_to_the_owner(self):
        for error in (GatewayError("no"), ZeroDivisionError("bug")):
            with self.subTest(error=error), ParallelReading() as readings:
                readings.start("a", scripted(error=error))
                readings.start("b", scripted("one"))
                ended = self.drive(readings, count=2)
                self.assertIs(ended["a"].error, error)
                self.assertIsNone(ended["b"].error)

    def test_what_cannot_even_begin(self):
        def make(dial):
            raise GatewayError("no")

        with ParallelReading() as readings:
            readings.start("a", make)
            self.assertEqual(str(self.drive(readings)["a"].error), "no")

    def test_an_answer_that_cannot_be_given_ends_the_reading(self):
        error = ValueError("cannot be journaled")
        with ParallelReading() as readings:
            readings.start("a", scripted("one", "two"))
            event = readings.next(2)
            readings.fail(event.key, error)
            self.assertIs(self.drive(readings)["a"].error, error)

    def test_threads_are_bounded_over_all_runs(self):
        hung = threading.Event()
        with ParallelReading() as one, ParallelReading() as other:
            self.assertEqual([one.start(number, scripted(hung=hung)) for number in range(5)], [True] * 5)
            self.assertEqual(
                [other.start(number, scripted(hung=hung)) for number in range(5)], [True] * 3 + [False] * 2
            )
            self.assertFalse(other.has_room())
            hung.set()
            self.drive(one, count=5)
            self.drive(other, count=3)
            self.assertTrue(other.start("again", scripted()))
            self.drive(other)

    def test_one_that_hangs_holds_up_nobody(self):
        hung = threading.Event()
        with ParallelReading() as readings, Stopwatch() as watch:
            readings.start("hung", scripted(hung=hung))
            for number in range(3):
                readings.start(number, scripted("one", pace=0.05))
            ended = self.drive(readings, count=3)
            self.assertEqual(sorted(ended), [0, 1, 2])
            self.assertGreater(readings.silence("hung"), 0.04)
            left = readings.leave()
        self.assertLess(watch.seconds, 1)
        self.assertEqual(list(left), ["hung"])
        self.assertTrue(left["hung"].is_alive())
        hung.set()
        left["hung"].join(2)
        self.assertFalse(left["hung"].is_alive())

    def test_who_sends_is_told_from_who_hangs(self):
        def read(server):
            def make(dial):
                sock = dial(Connection("127.0.0.1", server.port, Security.NONE))
                while len(sock.recv(100)):
                    pass
                yield "never"

            return make

        with ScriptedServer([Drip(b"x", 0.05)]) as drips, ScriptedServer([Hang()]) as hangs:
            with ParallelReading() as readings:
                readings.start("drips", read(drips))
                readings.start("hangs", read(hangs))
                self.assertIsNone(readings.next(0.3))
                self.assertTrue(readings.is_receiving("drips"))
                self.assertFalse(readings.is_receiving("hangs"))

    def test_a_request_that_nobody_answers_any_more_closes_the_generator(self):
        closed = threading.Event()

        def make(dial):
            try:
                yield "one"
            finally:
                closed.set()

        with ParallelReading() as readings:
            readings.start("a", make)
            self.assertIsInstance(readings.next(2), Asked)
        self.assertTrue(closed.wait(2))

    def test_a_request_in_the_making_is_not_waited_for(self):
        begun, closed = threading.Event(), threading.Event()

        def make(dial):
            begun.set()
            time.sleep(0.1)
            try:
                yield "one"
            finally:
                closed.set()

        with ParallelReading() as readings:
            readings.start("a", make)
            begun.wait(2)
        self.assertTrue(closed.wait(2))

    def test_the_answer_to_a_batch_is_waited_for_before_the_next_is_fetched(self):
        fetched = []

        class Reader:
            def __enter__(self):
                return self

            def __exit__(self, *exception):
                return None

            def enter(self, selection):
                return None

            def waiting(self, limit=None):
                return [Entry("INBOX", "1", str(number), 1) for number in range(100)]

            def fetch(self, entries):
                for entry in entries:
                    fetched.append(entry.uid)
                    yield Fetched(entry, b"x")

            def acknowledge(self, entries):
                return None

        with ParallelReading() as readings:
            readings.start("a", lambda dial: read_mailbox(Reader, limit=100))
            event = readings.next(2)
            self.assertIsInstance(event.request, Listed)
            readings.answer("a", {})
            for batch in (25, 50, 75, 100):
                event = readings.next(2)
                self.assertIsInstance(event.request, Arrived)
                time.sleep(0.05)
                self.assertEqual(len(fetched), batch)
                readings.answer("a", len(event.request.fetched))
            self.assertEqual(self.drive(readings)["a"].result.new, 100)


class TestServersThatKeepUsWaiting(ParallelCase):
    def leave(self, script, security=Security.NONE):
        with ScriptedServer(script) as server:
            connection = Connection(
                "127.0.0.1", server.port, security, ca_certificate=certificates.authority_pem(), read_timeout=30
            )

            def make(dial):
                return read_mailbox(lambda: ImapReader(connection, Password("a", "b"), dial=dial), limit=9)

            with ParallelReading() as readings:
                readings.start("a", make)
                self.assertIsNone(readings.next(0.3))
                thread = readings.leave()["a"]
            with Stopwatch() as watch:
                thread.join(5)
            self.assertFalse(thread.is_alive())
            self.assertLess(watch.seconds, 2)

    def test_hung_before_the_greeting(self):
        self.leave([Hang()])

    def test_hung_before_tls(self):
        self.leave([Hang()], Security.TLS)

    def test_hung_within_tls(self):
        self.leave([Encrypt(certificates.server_context()), Hang()], Security.TLS)

    def test_trickling(self):
        self.leave([Send(b"* OK ready\r\n"), Drip(b"* OK still here\r\n")])

    def test_trickling_within_tls(self):
        context = certificates.server_context()
        self.leave([Encrypt(context), Send(b"* OK ready\r\n"), Drip(b"* OK still here\r\n")], Security.TLS)

    def test_a_socket_that_opens_too_late_is_closed(self):
        opened, late = threading.Event(), []
        with ScriptedServer([Hang()]) as server:
            connection = Connection("127.0.0.1", server.port, Security.NONE)

            def slowly(connection):
                opened.wait(5)
                late.append(parallel.dial(connection))
                return late[0]

            with ParallelReading(dial=slowly) as readings:
                readings.start("a", lambda dial: read_mailbox(lambda: dial(connection), limit=9))
                thread = readings.leave()["a"]
            opened.set()
            thread.join(5)
            self.assertFalse(thread.is_alive())
            self.assertEqual(late[0].fileno(), -1)
