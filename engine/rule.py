# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Ordered rules over a message: which of them match, and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .condition import Condition
from .extraction import Extraction
from .letter import Letter
from .pattern import Clock, PatternTimeout


@dataclass(frozen=True)
class RuleValue:
    """A field that a rule fills or searches by.

    Attributes:
        id: of its row, to find the field in Odoo's words.
        field: technical name.
        is_key: the record is found by it, and it is not written.
        on_new, on_existing: whether it is written to new records and to existing ones.
        required: a message without it does not go on.
    """

    id: int
    field: str
    extraction: Extraction
    is_key: bool = False
    on_new: bool = True
    on_existing: bool = True
    required: bool = False


@dataclass(frozen=True)
class Rule:
    """A rule, without anything that needs the database.

    Attributes:
        company_id: 0 for all companies.
        server_ids: mailboxes that it is for, empty for every way in.
        match_any: one condition is enough; otherwise all must hold. Without conditions it matches every message.
        target: "" to leave the routing alone, "create", "attach" or "find".
        model: technical name of the model that the target and the values are of.
        record_id: record to attach to.
        not_found: for "find", when there is no such record: "create", "route" or "quarantine".
        lang: language code, "" for none.
        quarantine: the message ends in quarantine.
        stops: no rule after this one is asked.
    """

    id: int
    conditions: tuple[Condition, ...] = ()
    match_any: bool = False
    company_id: int = 0
    server_ids: frozenset[int] = frozenset()
    target: str = ""
    model: str = ""
    record_id: int = 0
    not_found: str = "create"
    values: tuple[RuleValue, ...] = ()
    lang: str = ""
    tag_ids: tuple[int, ...] = ()
    quarantine: bool = False
    stops: bool = False

    def is_for(self, company_id: int, server_id: int) -> bool:
        """Return whether the rule looks at mail of this company and mailbox; 0 for mail of no mailbox."""
        if self.company_id and self.company_id != company_id:
            return False
        return not self.server_ids or server_id in self.server_ids

    def match(self, letter: Letter, clock: Clock) -> Match:
        """Return whether the rule matches. One that runs out of time does not match: it is not known to."""
        groups: dict[str, str] = {}
        held = 0
        try:
            for condition in self.conditions:
                finding = condition.test(letter, clock)
                groups.update({name: text for name, text in finding.groups.items() if name not in groups})
                held += finding.holds
                if not finding.holds and not self.match_any:
                    return Match(self, False)
        except PatternTimeout:
            return Match(self, False, timed_out=True)
        return Match(self, bool(held) or not self.conditions, groups)


@dataclass(frozen=True)
class Match:
    """What became of one rule.

    Attributes:
        groups: named groups of the conditions that held.
        timed_out: a regular expression needed too long.
    """

    rule: Rule
    matched: bool
    groups: dict[str, str] = field(default_factory=dict)
    timed_out: bool = False


def walk_rules(rules: Iterable[Rule], letter: Letter, clock: Clock) -> Iterator[Match]:
    """Yield the rules that match or ran out of time, in order, until one that matches stops the walk."""
    for rule in rules:
        match = rule.match(letter, clock)
        if match.matched or match.timed_out:
            yield match
        if match.matched and rule.stops:
            return
