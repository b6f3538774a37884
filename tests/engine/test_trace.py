# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import json

from ...engine.trace import Trace, TraceStep
from .case import EngineCase


class TestTrace(EngineCase):
    def test_json_is_a_list_of_plain_objects(self):
        trace = Trace()
        trace.add("Auto-Submitted header", "auto-replied", "never answered")
        self.assertEqual(
            json.loads(json.dumps(trace.as_json())),
            [{"looked_at": "Auto-Submitted header", "found": "auto-replied", "followed": "never answered"}],
        )

    def test_text_has_one_line_a_step(self):
        for steps, text in (
            ([], ""),
            ([TraceStep("From", "none", "skipped")], "From: none → skipped"),
            ([TraceStep("From", "none")], "From: none"),
            ([TraceStep("a", "b"), TraceStep("c", "d", "e")], "a: b\nc: d → e"),
        ):
            with self.subTest(text=text):
                self.assertEqual(Trace(list(steps)).as_text(), text)

    def test_extend_keeps_the_order(self):
        trace = Trace()
        trace.add("first", "")
        trace.extend([TraceStep("second", ""), TraceStep("third", "")])
        self.assertEqual([step.looked_at for step in trace.steps], ["first", "second", "third"])
