# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import threading
import time

from ...engine.errors import GatewayError
from ...engine.session_pool import SessionPool
from .case import EngineCase


class Session:
    """A session that is connected to nothing."""

    def __init__(self):
        self.is_open, self.messages, self.is_kept, self.endings = True, 0, False, []

    def say_goodbye(self):
        self.endings.append("goodbye")
        self.is_open = False

    def close(self):
        self.endings.append("closed")
        self.is_open = False


class TestSessionPool(EngineCase):
    def setUp(self):
        super().setUp()
        self.now = 0.0
        self.opened = []
        self.pool = SessionPool(lambda: self.now, idle_seconds=20)

    def open(self):
        self.opened.append(Session())
        return self.opened[-1]

    def acquire(self, key="a", **options):
        return self.pool.acquire(key, self.open, patience=0, **options)

    def test_what_comes_back_is_lent_again(self):
        session = self.acquire()
        self.assertFalse(session.is_kept)
        self.pool.release("a", session)
        self.assertIs(self.acquire(), session)
        self.assertTrue(session.is_kept)
        self.assertEqual(len(self.opened), 1)

    def test_one_session_is_lent_once(self):
        self.assertIsNot(self.acquire(), self.acquire())
        self.assertEqual(self.pool.count("a"), (2, 0))

    def test_keys_share_nothing(self):
        self.pool.release("a", self.acquire())
        self.assertIsNot(self.acquire("b"), self.opened[0])

    def test_the_one_used_last_is_lent_first(self):
        first, second = self.acquire(), self.acquire()
        self.pool.release("a", second)
        self.pool.release("a", first)
        self.assertIs(self.acquire(), first)

    def test_no_more_than_the_limit(self):
        for _session in range(2):
            self.acquire(limit=2)
        with self.assertRaises(GatewayError) as caught:
            self.acquire(limit=2)
        self.assertEqual((caught.exception.phase, caught.exception.permanent), ("pool", False))
        self.acquire("b", limit=2)
        self.pool.discard("a", self.opened[0])
        self.acquire(limit=2)

    def test_a_limit_of_nothing_is_one(self):
        for limit in (0, -1):
            with self.subTest(limit=limit):
                self.pool.discard("a", self.acquire(limit=limit))

    def test_whoever_comes_late_waits_for_the_others(self):
        session = self.acquire(limit=1)
        timer = threading.Timer(0.05, self.pool.release, ("a", session))
        timer.start()
        self.assertIs(self.pool.acquire("a", self.open, limit=1, patience=5), session)
        timer.join()

    def test_after_its_messages_a_session_is_replaced(self):
        session = self.acquire()
        session.messages = 100
        self.pool.release("a", session)
        self.assertIs(self.acquire(messages=0), session)
        self.pool.release("a", session)
        self.assertIsNot(self.acquire(messages=100), session)
        self.assertEqual(session.endings, ["goodbye"])

    def test_a_broken_session_is_not_lent_again(self):
        session = self.acquire()
        session.is_open = False
        self.pool.release("a", session)
        self.assertEqual(self.pool.count("a"), (0, 0))
        other = self.acquire()
        self.pool.release("a", other)
        other.is_open = False  # noticed only while it waits
        self.assertNotIn(self.acquire(), (session, other))

    def test_a_discarded_session_is_closed_without_a_word(self):
        session = self.acquire()
        self.pool.discard("a", session)
        self.assertEqual((session.endings, self.pool.count("a")), (["closed"], (0, 0)))

    def test_a_place_is_free_again_when_nothing_could_be_opened(self):
        def fail():
            raise GatewayError("no", phase="connect")

        for _attempt in range(3):
            with self.assertRaises(GatewayError) as caught:
                self.pool.acquire("a", fail, limit=1, patience=0)
            self.assertEqual(caught.exception.phase, "connect")
        self.acquire(limit=1)

    def test_idle_sessions_are_closed(self):
        old, young, busy = self.acquire(), self.acquire(), self.acquire()
        self.pool.release("a", old)
        self.now = 15
        self.pool.release("a", young)
        self.now = 19.9
        self.assertEqual(self.pool.close_idle(), 0)
        self.now = 20
        self.assertEqual(self.pool.close_idle(), 1)
        self.assertEqual((old.endings, young.endings, busy.endings), (["goodbye"], [], []))
        self.now = 100
        self.assertEqual(self.pool.close_idle(), 1)
        self.assertEqual(self.pool.count("a"), (1, 0))

    def test_all_can_be_closed(self):
        for key in "ab":
            self.pool.release(key, self.acquire(key))
        busy = self.acquire("c")
        self.assertEqual(self.pool.close_all(), 2)
        self.assertTrue(busy.is_open)

    def test_a_forked_child_closes_nothing_of_its_parent(self):
        session = self.acquire()
        self.pool.release("a", session)
        self.pool.forget()
        self.assertEqual((self.pool.close_all(), session.endings), (0, []))

    def test_a_timer_closes_idle_sessions_by_itself(self):
        pool = SessionPool(idle_seconds=0.05, timer=threading.Timer)
        first, second = pool.acquire("a", self.open), pool.acquire("b", self.open)
        pool.release("a", first)
        pool.release("b", second)
        limit = time.monotonic() + 5
        while (first.is_open or second.is_open) and time.monotonic() < limit:
            time.sleep(0.02)
        self.assertEqual((first.endings, second.endings), (["goodbye"], ["goodbye"]))
        # And again for the next.
        third = pool.acquire("a", self.open)
        pool.release("a", third)
        while third.is_open and time.monotonic() < limit:
            time.sleep(0.02)
        self.assertEqual(third.endings, ["goodbye"])

    def test_many_threads(self):
        pool, most, now, errors = SessionPool(), [], [0], []
        lock = threading.Lock()

        def work():
            for _message in range(50):
                session = pool.acquire("a", self.open, limit=3, messages=10, patience=10)
                with lock:
                    now[0] += 1
                    most.append(now[0])
                if not session.is_open:
                    errors.append("a closed session was lent")
                session.messages += 1
                with lock:
                    now[0] -= 1
                (pool.discard if session.messages == 7 else pool.release)("a", session)

        threads = [threading.Thread(target=work) for _thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(errors, [])
        self.assertLessEqual(max(most), 3)
        self.assertEqual(pool.count("a")[0], 0)
