# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Tells what an incoming message is: the step of the pipeline that all others rely on."""

from __future__ import annotations

from .automatic import sign_of_a_machine
from .message_kind import Classification, MessageKind
from .pipeline import Facts, Step, Verdict
from .summary import Summary
from .trace import TraceStep


def classify(content: bytes, summary: Summary) -> Classification:
    """Return what a message is; never fails on any bytes.

    Args:
        content: the bytes as received.
        summary: of the same message.
    """
    sign = sign_of_a_machine(summary)
    if not sign:
        step = TraceStep("signs of an automatic message", "none", "treated as written by a person")
        return Classification(steps=(step,))
    step = TraceStep("signs of an automatic message", sign, "it is never answered")
    return Classification(MessageKind.AUTO_GENERATED, (step,), sign)


def find_kind(content: bytes) -> Step:
    """Return the step that sets the facts ``kind`` (Classification) and ``automatic`` (why it may not be answered)."""

    def step(message: Summary, facts: Facts) -> Verdict:
        found = classify(content, message)
        facts["kind"], facts["automatic"] = found, found.automatic
        return Verdict(found.steps)

    return step
