# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import contextlib
import socket
import threading
import time

from ...engine import connection
from ...engine.connection import Connection
from ...engine.errors import GatewayError
from ...engine.name_lookup import NameLookup
from .case import EngineCase

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.25", 25))]


class System:
    """A system that looks names up; those that begin with "slow" hang until `released` is set."""

    def __init__(self):
        self.released = threading.Event()
        self.asked = []

    def __call__(self, host, port, type=0, flags=0):
        if flags & socket.AI_NUMERICHOST:
            return socket.getaddrinfo(host, port, type=type, flags=flags)
        self.asked.append(host)
        if host.startswith("slow"):
            self.released.wait(20)
        if host.startswith("unknown"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return FOUND


class TestNameLookup(EngineCase):
    def setUp(self):
        super().setUp()
        self.system = System()
        self.addCleanup(self.system.released.set)
        self.lookup = NameLookup(3, self.system)

    def assert_too_late(self, host, timeout=0.1):
        start = time.monotonic()
        with self.assertRaises(socket.gaierror) as caught:
            self.lookup.addresses(host, 25, timeout=timeout)
        self.assertEqual(caught.exception.errno, socket.EAI_AGAIN)
        self.assertLess(time.monotonic() - start, timeout + 1)

    def test_answers_and_refusals_are_handed_on(self):
        self.assertEqual(self.lookup.addresses("mail.example.org", 25), FOUND)
        for _again in range(2):
            with self.assertRaises(socket.gaierror) as caught:
                self.lookup.addresses("unknown.example.org", 25)
            self.assertEqual(caught.exception.errno, socket.EAI_NONAME)
        self.assertEqual(self.lookup.pending, 0)

    def test_addresses_are_no_question(self):
        for host in ("192.0.2.1", "::1", "0xA9FEA9FE"):
            self.assertTrue(self.lookup.addresses(host, 25, timeout=0))
        self.assertEqual(self.system.asked, [])

    def test_a_name_that_hangs_is_given_up(self):
        self.assert_too_late("slow.example.org")

    def test_a_name_that_hangs_is_asked_once_however_many_want_it(self):
        for _waiter in range(5):
            self.assert_too_late("slow.example.org")
        self.assertEqual(self.system.asked, ["slow.example.org"])
        self.assertEqual(self.lookup.addresses("mail.example.org", 25), FOUND)

    def test_threads_are_bounded_and_come_back(self):
        before = threading.active_count()
        for number in range(10):
            self.assert_too_late(f"slow{number}.example.org")
        self.assertEqual(threading.active_count() - before, 3)
        self.assertEqual(len(self.system.asked), 3)
        self.system.released.set()
        self.assertEqual(self.lookup.addresses("mail.example.org", 25, timeout=5), FOUND)
        end = time.monotonic() + 5
        while threading.active_count() > before and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual((threading.active_count(), self.lookup.pending), (before, 0))

    def test_all_who_wait_get_the_answer(self):
        answers = []

        def ask():
            with contextlib.suppress(socket.gaierror):
                answers.append(self.lookup.addresses("slow.example.org", 25, timeout=5))

        threads = [threading.Thread(target=ask) for _waiter in range(6)]
        for thread in threads:
            thread.start()
        while self.lookup.pending == 0:
            time.sleep(0.01)
        self.system.released.set()
        for thread in threads:
            thread.join(5)
        self.assertEqual(answers, [FOUND] * 6)

    def test_a_forked_child_begins_anew(self):
        for number in range(3):
            self.assert_too_late(f"slow{number}.example.org")
        self.lookup.forget()
        self.assertEqual(self.lookup.addresses("mail.example.org", 25), FOUND)

    def test_words(self):
        self.addCleanup(setattr, connection, "LOOKUP", connection.LOOKUP)
        connection.LOOKUP = self.lookup
        with self.assertRaises(GatewayError) as caught:
            connection.resolve(Connection("slow.example.org", 25, connect_timeout=0.1))
        error = caught.exception
        self.assertEqual((error.phase, error.field, error.permanent), ("resolve", "host", False))
        self.assertEqual(str(error), "The DNS did not answer. Check the name servers of this machine.")
