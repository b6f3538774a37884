# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from datetime import datetime, timedelta

from ...engine.outcome import InboundReason, InboundState
from ...engine.round_trip import (
    HEADER,
    LIFETIME,
    describe_seconds,
    find_round_trip,
    round_trip_subject,
    round_trip_token,
)
from ...engine.summary import summarize
from ...engine.token import TokenRing
from .case import EngineCase

NOW = datetime(2026, 5, 4, 12, 0)
RING = TokenRing({1: b"k" * 32})
TOKEN = round_trip_token(RING, 7, 3, NOW)


class TestRoundTrip(EngineCase):
    def found(self, *lines, now=NOW, ring=RING):
        facts = {}
        message = summarize(("\r\n".join(lines) + "\r\n\r\nbody\r\n").encode())
        return find_round_trip(ring, now)(message, facts), facts.get("round_trip")

    def test_it_is_known_by_its_header_or_its_subject(self):
        for line in (f"{HEADER}: {TOKEN}", f"{HEADER}: {TOKEN.upper()}", f"Subject: {round_trip_subject(TOKEN)}"):
            with self.subTest(line):
                verdict, trip = self.found("From: a@x.org", line)
                self.assertEqual((verdict.state, verdict.reason), (InboundState.DONE, InboundReason.ROUND_TRIP))
                self.assertEqual(trip, (7, 3))

    def test_other_mail_goes_on(self):
        forged = round_trip_token(TokenRing({1: b"x" * 32}), 7, 3, NOW)
        mark = RING.sign("own-mark", 7, NOW + timedelta(days=1))
        for line in (
            "Subject: Help",
            # An answer to it, and a report about it, are mail of others.
            f"Subject: Re: {round_trip_subject(TOKEN)}",
            f"Subject: Undelivered: {round_trip_subject(TOKEN)}",
            f"{HEADER}: {forged}",
            f"{HEADER}: nonsense",
            f"{HEADER}: {mark}",
            f"Subject: {round_trip_subject(forged)}",
        ):
            with self.subTest(line):
                verdict, trip = self.found("From: a@x.org", line)
                self.assertEqual((verdict.state, trip), (None, None))

    def test_it_is_known_for_a_month(self):
        for late, is_known in ((LIFETIME, True), (LIFETIME + timedelta(seconds=1), False)):
            verdict, _trip = self.found(f"{HEADER}: {TOKEN}", now=NOW + late)
            self.assertEqual(verdict.state is not None, is_known)

    def test_time_taken(self):
        for seconds, words in ((-1, "0 s"), (4, "4 s"), (60, "1 min 0 s"), (125, "2 min 5 s"), (11400, "3 h 10 min")):
            self.assertEqual(describe_seconds(seconds), words)
