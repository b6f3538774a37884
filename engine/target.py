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
        new_values, update_values: by model, what a new record gets and what is written to an existing one, wherever the
            routing leads.
        forced: also replies go there. A person's decision is forced; a rule's leaves replies with their record.
        why: what the trace says of it, "rule 3" or "decided by a person".
    """

    model: str = ""
    record_id: int = 0
    defaults: Mapping[str, Any] = field(default_factory=dict)
    lang: str = ""
    forced: bool = False
    why: str = ""
    new_values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    update_values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def values_for_new(self, model: str) -> dict[str, Any]:
        """Return the values that a new record of ``model`` gets."""
        return {**self.defaults, **self.new_values.get(model, {})}

    def as_json(self) -> dict[str, Any]:
        """Return the form that the journal keeps in its column ``route``."""
        return {**asdict(self), "defaults": dict(self.defaults)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Target | None:
        """Return the target kept in the journal, None when there is none. Unknown keys are left out."""
        if not value:
            return None
        return cls(**{key: value[key] for key in cls.__dataclass_fields__ if key in value})
