# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta

from ...engine.breaker import (
    FAILURES,
    LOGIN_FAILURES,
    PROBE_TIME,
    Breaker,
    BreakerState,
    Verdict,
    admit,
    after,
    give_back,
    judge_server,
    try_now,
)
from ...engine.errors import ConfigurationError, GatewayError
from ...engine.smtp_answer import judge, lost_after_data, lost_before_data, no_session
from .case import EngineCase

NOW = datetime(2026, 5, 4, 12, 0, 0)
MINUTE = timedelta(minutes=1)
FAILS, WORKS = Verdict(False, "it broke"), Verdict(True)


def paused(failures=FAILURES, verdict=FAILS):
    breaker = Breaker()
    for _failure in range(failures):
        breaker = after(breaker, verdict, NOW)
    return breaker


class TestJudgeServer(EngineCase):
    def test_what_counts_against_the_server(self):
        sent, refused = judge(250, b"ok", "message"), judge(550, b"5.1.1 who?", "recipient")
        for name, results, works in (
            ("sent", [sent], True),
            ("one sent, one refused", [refused, sent], True),
            ("recipient refused", [refused], True),
            ("recipient put off", [judge(451, b"4.7.1 greylisted", "recipient")], True),
            ("sender refused for good", [judge(550, b"5.1.8 no", "sender")], True),
            ("message refused", [judge(554, b"spam", "message")], True),
            ("message put off", [judge(452, b"later", "message")], True),
            ("sender put off", [judge(451, b"4.3.2 later", "sender")], False),
            ("421 at MAIL", [judge(421, b"busy", "sender")], False),
            ("421 at RCPT", [judge(421, b"busy", "recipient")], False),
            ("421 after the message", [judge(421, b"busy", "message")], False),
            ("no connection", [no_session(GatewayError("no", phase="connect"))], False),
            ("no name", [no_session(GatewayError("no", phase="resolve"))], False),
            ("no encryption", [no_session(GatewayError("no", phase="tls", permanent=True))], False),
            ("no login", [no_session(GatewayError("no", phase="login", permanent=True))], False),
            ("login wanted", [judge(530, b"5.7.0 authentication required", "sender")], False),
            ("wrong setting", [no_session(ConfigurationError("no", field="certificate"))], False),
            ("lost", [lost_before_data("gone", "sender")], False),
            ("lost after the dot", [lost_after_data("gone")], False),
            ("refused, then lost", [refused, lost_before_data("gone", "recipient")], False),
            ("all sessions busy", [no_session(GatewayError("busy", phase="pool"))], None),
            ("nothing", [], None),
        ):
            with self.subTest(name):
                verdict = judge_server({str(number): result for number, result in enumerate(results)})
                self.assertIs(verdict.works, works)

    def test_the_cause_is_in_words_with_the_servers_own(self):
        verdict = judge_server({"a": judge(451, b"4.3.2 shutting down, try again in 10 minutes", "sender")})
        self.assertEqual(
            (verdict.cause, verdict.wait),
            (
                "The server has too much to do at the moment. (451 4.3.2 shutting down, try again in 10 minutes)",
                600,
            ),
        )
        refused = GatewayError("Wrong.", phase="login", code="535 5.7.8", detail="535 no")
        verdict = judge_server({"a": no_session(refused)})
        self.assertEqual((verdict.cause, verdict.is_login), ("535 Wrong. 535 no", True))


class TestBreaker(EngineCase):
    def test_it_opens_after_failures_in_a_row(self):
        breaker = paused(FAILURES - 1)
        self.assertEqual((breaker.state, breaker.failures, breaker.since), (BreakerState.CLOSED, FAILURES - 1, NOW))
        self.assertEqual(after(breaker, WORKS, NOW), Breaker())
        breaker = after(breaker, FAILS, NOW + MINUTE)
        self.assertEqual(breaker, Breaker(BreakerState.OPEN, FAILURES, 1, NOW, NOW + 2 * MINUTE, "it broke"))

    def test_a_refused_login_is_not_tried_often(self):
        refused = Verdict(False, "no", is_login=True)
        self.assertIs(paused(LOGIN_FAILURES - 1, refused).state, BreakerState.CLOSED)
        self.assertIs(paused(LOGIN_FAILURES, refused).state, BreakerState.OPEN)

    def test_nothing_leaves_in_a_pause(self):
        breaker = paused()
        self.assertEqual(admit(breaker, NOW), (False, breaker))
        self.assertEqual(admit(breaker, breaker.until - timedelta(seconds=1)), (False, breaker))

    def test_after_it_exactly_one_message_probes(self):
        breaker = paused()
        now = breaker.until
        may_leave, probing = admit(breaker, now)
        self.assertEqual((may_leave, probing.state), (True, BreakerState.HALF_OPEN))
        self.assertEqual(admit(probing, now), (False, probing))
        # Its process died: another one may.
        self.assertTrue(admit(probing, now + PROBE_TIME)[0])

    def test_a_probe_that_works_closes(self):
        _may_leave, probing = admit(paused(), NOW + MINUTE)
        self.assertEqual(after(probing, WORKS, NOW + MINUTE), Breaker())

    def test_pauses_grow_with_each_failed_probe_up_to_half_an_hour(self):
        breaker, waits = paused(), []
        for _probe in range(8):
            _may_leave, breaker = admit(breaker, breaker.until)
            now = breaker.until
            breaker = after(breaker, FAILS, now)
            waits.append((breaker.until - now) / MINUTE)
            self.assertEqual(breaker.since, NOW)
        self.assertEqual(waits, [2, 4, 8, 16, 30, 30, 30, 30])

    def test_a_probe_that_does_not_take_place_leaves_its_place(self):
        nothing = Verdict(None)
        for name, change in (("given back", give_back), ("nothing learnt", lambda b, now: after(b, nothing, now))):
            with self.subTest(name):
                _may_leave, probing = admit(paused(), NOW + MINUTE)
                self.assertTrue(admit(change(probing, NOW + MINUTE), NOW + MINUTE)[0])
                self.assertEqual(change(Breaker(), NOW), Breaker())
                self.assertEqual(change(paused(), NOW), paused())

    def test_stragglers_do_not_prolong_a_pause(self):
        breaker = after(paused(), FAILS, NOW + MINUTE / 2)
        self.assertEqual((breaker.until, breaker.failures), (paused().until, FAILURES + 1))

    def test_a_straggler_that_works_ends_it(self):
        self.assertEqual(after(paused(), WORKS, NOW), Breaker())

    def test_the_servers_own_wait_is_kept_within_reason(self):
        for wait, minutes in ((10, 1), (600, 10), (10**9, 60)):
            with self.subTest(wait=wait):
                self.assertEqual(paused(verdict=Verdict(False, "x", wait)).until, NOW + minutes * MINUTE)

    def test_a_person_can_end_the_pause(self):
        may_leave, breaker = admit(try_now(paused(), NOW), NOW)
        self.assertEqual((may_leave, breaker.state), (True, BreakerState.HALF_OPEN))
        self.assertEqual(try_now(Breaker(), NOW), Breaker())
