# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
from ...engine.empty import hold_empty
from ...engine.outcome import InboundReason, InboundState
from ...engine.pipeline import Verdict, walk
from ...engine.summary import summarize
from ...engine.trace import TraceStep
from .case import EngineCase

MESSAGE = summarize(b"From: ann@example.com\r\n\r\nhello")


def note(name):
    def step(_message, facts):
        facts.setdefault("walked", []).append(name)
        return Verdict((TraceStep(name, "seen"),))

    return step


def end(_message, _facts):
    return Verdict((TraceStep("end", "held"),), InboundState.QUARANTINED, InboundReason.LOOP)


class TestPipeline(EngineCase):
    def test_steps_run_in_order_until_one_decides(self):
        for steps, walked, state in (
            ([], [], None),
            ([note("a"), note("b")], ["a", "b"], None),
            ([note("a"), end, note("b")], ["a"], InboundState.QUARANTINED),
        ):
            with self.subTest(walked=walked):
                passage = walk(steps, MESSAGE)
                self.assertEqual(passage.facts.get("walked", []), walked)
                self.assertEqual(passage.verdict and passage.verdict.state, state)

    def test_the_step_that_decides_is_in_the_trace(self):
        self.assertEqual(walk([note("a"), end], MESSAGE).trace.as_text(), "a: seen\nend: held")

    def test_given_facts_are_not_written_to(self):
        facts = {"known": 1}
        self.assertEqual(walk([note("a")], MESSAGE, facts).facts, {"known": 1, "walked": ["a"]})
        self.assertEqual(facts, {"known": 1})

    def test_a_failing_step_is_not_swallowed(self):
        def fail(_message, _facts):
            raise LookupError("broken step")

        with self.assertRaisesRegex(LookupError, "broken step"):
            walk([fail], MESSAGE)

    def test_empty_messages_are_held(self):
        for content, found in (
            (b"", "0 bytes"),
            (b"\r\n", "no header fields"),
            (b"\r\n\r\nonly a body", "no header fields"),
            (b"no colon anywhere", "no header fields"),
        ):
            with self.subTest(content=content):
                verdict = hold_empty(summarize(content), {})
                self.assertEqual((verdict.state, verdict.reason), (InboundState.QUARANTINED, InboundReason.EMPTY))
                self.assertEqual(verdict.steps[0].found, found)

    def test_a_message_of_one_header_field_is_not_held(self):
        self.assertEqual(hold_empty(summarize(b"Subject: only"), {}), Verdict())
