# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Where a message goes when a person or a rule says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Target:
    """A decided destination.

    Attributes:
        model: technical name, "" to leave the routing as it is and only add what follows.
        record_id: the record that gets the message; 0 for a new one.
        defaults: field values of a new record.
        lang: language code for the work on the message, "" for the default.
        forced: also replies go there. A person's decision is forced; a rule's leaves replies with their record.
        why: what the trace says of it, "rule 3" or "decided by a person".
    """

    model: str = ""
    record_id: int = 0
    defaults: Mapping[str, Any] = field(default_factory=dict)
    lang: str = ""
    forced: bool = False
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the form that the journal keeps in its column ``route``."""
        return {**asdict(self), "defaults": dict(self.defaults)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Target | None:
        """Return the target kept in the journal, None when there is none. Unknown keys are left out."""
        if not value:
            return None
        return cls(**{key: value[key] for key in cls.__dataclass_fields__ if key in value})
