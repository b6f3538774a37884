# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.attempt import Attempt, NoticeIntent
from ...engine.outcome import InboundReason, InboundState
from .case import EngineCase

DONE, DUPLICATE, QUARANTINED = InboundState.DONE, InboundState.DUPLICATE, InboundState.QUARANTINED


class TestAttempt(EngineCase):
    def test_outcome_of_what_was_learned(self):
        update = [("res.partner", 3)]
        for learned, state, reason in (
            ({}, DUPLICATE, InboundReason.KNOWN_MESSAGE_ID),
            ({"is_loop": True}, QUARANTINED, InboundReason.LOOP),
            ({"is_loop": True, "routed": True, "creates": True}, QUARANTINED, InboundReason.LOOP),
            ({"routed": True}, QUARANTINED, InboundReason.ROUTE_REFUSED),
            (
                {"routed": True, "refusal": InboundReason.REPLY_NOT_ALLOWED},
                QUARANTINED,
                InboundReason.REPLY_NOT_ALLOWED,
            ),
            # Another alias took it all the same.
            (
                {"routed": True, "refusal": InboundReason.NOT_FOR_WRITING, "creates": True},
                DONE,
                InboundReason.RECORD_CREATED,
            ),
            ({"routed": True, "is_bounce": True}, DONE, InboundReason.BOUNCE_HANDLED),
            ({"routed": True, "creates": True}, DONE, InboundReason.RECORD_CREATED),
            ({"routed": True, "updates": update}, DONE, InboundReason.RECORD_UPDATED),
            ({"routed": True, "creates": True, "updates": update}, DONE, InboundReason.RECORD_CREATED),
        ):
            with self.subTest(learned=learned):
                self.assertEqual(Attempt(1, **learned).outcome(), (state, reason))

    def test_a_wanted_notice_does_not_make_a_refused_message_done(self):
        attempt = Attempt(1, routed=True, notices=[NoticeIntent("ann@example.com", "Re: x", "<p>no</p>")])
        self.assertEqual(attempt.outcome(), (QUARANTINED, InboundReason.ROUTE_REFUSED))

    def test_attempts_share_nothing(self):
        first, second = Attempt(1), Attempt(2)
        first.updates.append(("res.partner", 3))
        first.trace.add("a", "b")
        self.assertEqual((second.updates, second.trace.steps), ([], []))
