# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reports that only words made one: people write in the words of mail servers, and must be heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .classify import classify_no_report
from .message_kind import REPORTS, Classification
from .pipeline import Facts, Step, Verdict
from .summary import Summary
from .trace import TraceStep


def doubt_report(is_about_ours: Callable[[Classification], bool]) -> Step:
    """Return the step that takes a report by words, about no mail of ours, for what its header says without them.

    It comes behind ``find_kind`` and before all that spares reports: the sender's check, limits, rules. The fact
    ``automatic`` stays, because a server without any sign may have written it after all.

    Args:
        is_about_ours: returns whether a report is about mail that we sent. It asks the database.
    """

    def step(message: Summary, facts: Facts) -> Verdict:
        found = facts.get("kind")
        if not found or not found.is_by_words or found.kind not in REPORTS or is_about_ours(found):
            return Verdict()
        plain = classify_no_report(message)
        doubt = TraceStep("mail of ours that the words are about", "none", "no report: people write such words too")
        steps = (doubt, *plain.steps)
        facts["kind"] = replace(plain, steps=(*found.steps, *steps), automatic=found.automatic)
        return Verdict(steps)

    return step
