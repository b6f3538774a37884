# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from ...engine.errors import ConfigurationError, GatewayError
from ...engine.resolver import FAILED_SECONDS, SILENCE_SECONDS, Questions, Resolver, make_resolver, name_servers
from .case import EngineCase
from .name_server import NameServer

RECORDS = {
    ("text.test", "TXT"): ['"one" " two"', '"three"'],
    ("other.test", "TXT"): ['"x"'],
    ("empty.test", "A"): ["192.0.2.1"],
    ("broken.test", "TXT"): None,
    ("silent.test", "TXT"): "silence",
    ("silent2.test", "TXT"): "silence",
    ("silent3.test", "TXT"): "silence",
    **{(f"{name}.silent.test", "TXT"): "silence" for name in "abc"},
}


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class TestResolver(EngineCase):
    def setUp(self):
        super().setUp()
        self.server = NameServer(RECORDS)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        self.clock = Clock()
        self.resolver = Resolver(self.server.resolver(), clock=self.clock, question_seconds=0.3)

    def test_answers(self):
        for name, expected in (
            ("text.test", {"one two", "three"}),
            ("TEXT.test.", {"one two", "three"}),
            ("empty.test", set()),
            ("nobody.test", set()),
            ("a..b", set()),
            ("x" * 80 + ".test", set()),
        ):
            with self.subTest(name=name):
                self.assertEqual(set(self.resolver.texts(name)), expected)

    def test_no_answer_is_an_error_and_no_empty_one(self):
        for name, words in (("broken.test", "with a failure"), ("silent.test", "in time")):
            with self.subTest(name=name), self.assertRaisesRegex(GatewayError, words) as caught:
                self.resolver.texts(name)
            self.assertEqual((caught.exception.permanent, caught.exception.phase), (False, "resolve"))

    def test_an_answer_is_remembered_as_long_as_it_holds(self):
        self.resolver.texts("text.test")
        self.clock.now += 59
        self.resolver.texts("text.test")
        self.assertEqual(len(self.server.asked), 1)
        self.clock.now += 2
        self.resolver.texts("text.test")
        self.assertEqual(len(self.server.asked), 2)

    def test_a_failure_is_remembered_for_a_minute(self):
        for _time in range(2):
            with self.assertRaises(GatewayError):
                self.resolver.texts("broken.test")
        asked = len(self.server.asked)
        self.clock.now += FAILED_SECONDS + 1
        with self.assertRaises(GatewayError):
            self.resolver.texts("broken.test")
        self.assertGreater(len(self.server.asked), asked)

    def test_one_domain_that_is_slow_on_purpose_silences_nobody(self):
        for name in ("silent.test", "a.silent.test", "b.silent.test", "c.silent.test"):
            with self.assertRaises(GatewayError):
                self.resolver.texts(name)
        self.assertFalse(self.resolver.is_silent())

    def test_a_silent_dns_is_left_alone(self):
        for name in ("silent.test", "silent2.test", "silent3.test"):
            with self.assertRaises(GatewayError):
                self.resolver.texts(name)
        asked, begun = len(self.server.asked), time.monotonic()
        with self.assertRaises(GatewayError):
            self.resolver.texts("text.test")
        self.assertTrue(self.resolver.is_silent())
        self.assertLess(time.monotonic() - begun, 0.1)
        self.assertEqual(len(self.server.asked), asked)
        self.clock.now += SILENCE_SECONDS + 1
        self.assertTrue(self.resolver.texts("text.test"))

    def test_a_message_has_its_time_and_no_more(self):
        resolver = Resolver(self.server.resolver(), question_seconds=0.4)
        questions, begun = Questions(resolver, 0.5), time.monotonic()
        for name in ("silent.test", "silent2.test", "other.test"):
            with self.assertRaises(GatewayError):
                questions.texts(name)
                questions.texts("silent3.test")
        self.assertLess(time.monotonic() - begun, 1.5)
        self.assertEqual(questions.seconds_left, 0.0)

    def test_many_are_asked_side_by_side(self):
        resolver = Resolver(self.server.resolver(), question_seconds=0.5)
        begun = time.monotonic()
        resolver.prefetch(["silent.test", "silent2.test", "text.test", "other.test", "text.test"], 2.0)
        self.assertLess(time.monotonic() - begun, 0.9)
        asked = len(self.server.asked)
        self.assertEqual(set(resolver.texts("text.test")), {"one two", "three"})
        self.assertEqual(len(self.server.asked), asked)

    def test_the_memory_is_bounded(self):
        resolver = Resolver(self.server.resolver(), most_names=2)
        for name in ("text.test", "other.test", "nobody.test"):
            resolver.texts(name)
        resolver.texts("text.test")
        self.assertEqual(self.server.asked.count(("text.test", "TXT")), 2)

    def test_nobody_to_ask(self):
        with self.assertRaises(GatewayError):
            Resolver(None).texts("text.test")
        self.assertTrue(make_resolver("none").is_silent())


class TestNameServers(EngineCase):
    def test_forms(self):
        for text, expected in (
            ("", []),
            (" 10.0.0.53 ", [("10.0.0.53", 53)]),
            ("10.0.0.53:5353; 10.0.0.54", [("10.0.0.53", 5353), ("10.0.0.54", 53)]),
            ("::1", [("::1", 53)]),
            ("[::1]:5353", [("::1", 5353)]),
        ):
            with self.subTest(text=text):
                self.assertEqual([(one.address, one.port) for one in name_servers(text)], expected)

    def test_what_is_none(self):
        for text in ("dns.example.org", "10.0.0.53:0", "10.0.0.53:x", "[::1", "10.0.0.53:70000"):
            with self.subTest(text=text), self.assertRaisesRegex(ConfigurationError, "no IP address of a DNS server"):
                name_servers(text)
