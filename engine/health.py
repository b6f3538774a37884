# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a health check says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class HealthState(str, Enum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


HEALTH_STATE_WORDS = {HealthState.OK: "Well", HealthState.WARNING: "Warning", HealthState.FAILURE: "Failure"}


@dataclass(frozen=True)
class HealthFinding:
    """One finding of a check.

    Attributes:
        code: stable name of the finding, "mailbox_7_unreachable"; raising it twice changes nothing.
        state: how bad it is. Anything but OK raises an activity for the managers until it is gone.
        title: one line for people.
        text: what was seen.
        cure: what to do about it.
        model, ids: the records to open to put it right; "" and () where there are none.
        field: the field of theirs to look at, "" where it is the whole.
    """

    code: str
    state: HealthState
    title: str
    text: str = ""
    cure: str = ""
    model: str = ""
    ids: tuple[int, ...] = ()
    field: str = ""


_CODE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
LONGEST_CODE = 100


def public_code(code: str) -> str:
    """Return a code as it may be told to a monitoring program; "other" for one that could hold a name or an address."""
    return code if 0 < len(code) <= LONGEST_CODE and not set(code) - _CODE_CHARACTERS else "other"


def worst(states: Iterable[HealthState]) -> HealthState:
    """Return the worst of some states; OK where there are none."""
    order = (HealthState.OK, HealthState.WARNING, HealthState.FAILURE)
    return max(states, key=order.index, default=HealthState.OK)
