# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether a message comes from whom its From field names: the verdict, and what policies do with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .trace import TraceStep


class SenderResult(str, Enum):
    """PASS: proved. FAIL: shown to be false. NONE: nothing proves or disproves it. The values are stored."""

    PASS = "pass"  # noqa: S105 - the word of RFC 8601
    FAIL = "fail"
    NONE = "none"


SENDER_RESULT_WORDS = {
    SenderResult.PASS: "Proved",
    SenderResult.FAIL: "Not Who It Claims to Be",
    SenderResult.NONE: "Not Proved",
}


class SenderPolicy(str, Enum):
    """What becomes of a message whose sender is not proved, the most lenient first. The values are stored."""

    ACCEPT = "accept"
    MARK = "mark"
    QUARANTINE = "quarantine"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class SenderVerdict:
    """Attributes:
    result: see SenderResult.
    reasons: what proves or disproves it, one plain sentence each.
    steps: how it was found out.
    is_noted: a trusted server found it, which knows SPF and saw the message before anything was added to it.
    """

    result: SenderResult = SenderResult.NONE
    reasons: tuple[str, ...] = ()
    steps: tuple[TraceStep, ...] = ()
    is_noted: bool = False
