# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.delivery import RecipientResult
from ...engine.outcome import OutboundReason, OutboundState
from ...engine.trial_letter import describe_result
from .case import EngineCase

SENT, FAILED, DEFERRED = OutboundState.SENT, OutboundState.FAILED, OutboundState.DEFERRED


class TestTrialLetter(EngineCase):
    def test_each_answer_in_words(self):
        for result, begins in (
            (RecipientResult(SENT, OutboundReason.ACCEPTED), "The server accepted it"),
            (
                RecipientResult(SENT, OutboundReason.ACCEPTED, "message", 250, "2.0.0", "2.0.0 Ok: queued as 4D2"),
                "The server accepted it (250 2.0.0 Ok: queued as 4D2)",
            ),
            (
                RecipientResult(FAILED, OutboundReason.REFUSED, "recipient", 550, "5.1.1", "No such\nuser"),
                "The server refused it (550 5.1.1 No such user). ",
            ),
            (
                RecipientResult(DEFERRED, OutboundReason.NO_LOGIN, "login", 535, "5.7.8", "no"),
                "The server refused the login (535 5.7.8 no). ",
            ),
            (
                RecipientResult(DEFERRED, OutboundReason.NO_CONNECTION, "connect", text="Nothing listens there."),
                "The server could not be reached (Nothing listens there.)",
            ),
        ):
            with self.subTest(begins):
                line = describe_result("ann@x.org", result)
                self.assertTrue(line.startswith(f"ann@x.org: {begins}"), line)
                # A refusal is followed by what it means; what is plain is not.
                self.assertEqual(len(line) > len(f"ann@x.org: {begins}"), begins.endswith(". "))
