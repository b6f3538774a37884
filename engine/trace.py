# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The one format in which decisions are explained: steps of what was looked at, found, and what followed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from .storable import storable


@dataclass(frozen=True)
class TraceStep:
    """One step of a decision, in words for an admin.

    Attributes:
        looked_at: what was examined, "Auto-Submitted header" or "FROM filter of server 3".
        found: what was there.
        followed: what was done because of it, or "" when the decision went on unchanged.
    """

    looked_at: str
    found: str
    followed: str = ""


@dataclass
class Trace:
    """A growing list of steps. JSON form: a list of objects with the keys of TraceStep."""

    steps: list[TraceStep] = field(default_factory=list)

    def add(self, looked_at: str, found: str, followed: str = "") -> None:
        self.steps.append(TraceStep(looked_at, found, followed))

    def extend(self, steps: Iterable[TraceStep]) -> None:
        self.steps.extend(steps)

    def as_json(self) -> list[dict[str, str]]:
        return [{key: storable(value) for key, value in asdict(step).items()} for step in self.steps]

    def as_text(self) -> str:
        """Return one line a step, for a text field or a terminal."""
        return "\n".join(
            f"{step.looked_at}: {step.found}" + (f" → {step.followed}" if step.followed else "") for step in self.steps
        )
