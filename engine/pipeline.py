# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The ordered steps that an incoming message passes before it is routed.

A step is a callable step(message, facts) -> Verdict. It may put what it learned into `facts` for later steps.
Classification, authentication, loops and rules are steps; the dry run walks the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .outcome import InboundReason, InboundState
from .summary import Summary
from .trace import Trace, TraceStep

Facts = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What a step decided.

    Attributes:
        steps: the trace of the decision.
        state: None to go on; otherwise the state in which the message ends here.
        reason: why it ends, given with `state`.
        detail: what exactly was wrong, for the journal; "" when the reason says it all.
    """

    steps: tuple[TraceStep, ...] = ()
    state: InboundState | None = None
    reason: InboundReason | None = None
    detail: str = ""


Step = Callable[[Summary, Facts], Verdict]


@dataclass
class Passage:
    """The result of a walk: the verdict that ended it or None, the trace, and all facts learned."""

    verdict: Verdict | None = None
    trace: Trace = field(default_factory=Trace)
    facts: Facts = field(default_factory=dict)


def walk(steps: Iterable[Step], message: Summary, facts: Facts | None = None) -> Passage:
    """Pass `message` through `steps` in order; the first verdict with a state ends the walk."""
    passage = Passage(facts=dict(facts or {}))
    for step in steps:
        verdict = step(message, passage.facts)
        passage.trace.extend(verdict.steps)
        if verdict.state is not None:
            passage.verdict = verdict
            break
    return passage
