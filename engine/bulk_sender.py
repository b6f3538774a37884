# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What Google, Yahoo and Microsoft ask of who sends in bulk (5,000 messages a day or more), and what of it is met.

Google's "Email sender guidelines" and Yahoo's "Sender best practices", both in force since February 2024.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from .dns_record import RecordState

# Google: "keep spam rates below 0.10 % and prevent spam rates from ever reaching 0.30 % or higher".
COMPLAINTS_GOOD, COMPLAINTS_BAD = 0.001, 0.003
# Of fewer messages a rate says nothing: one complaint in a hundred is a person, not a rate.
FEWEST_SENT = 1000


class Rule(str, Enum):
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"
    ALIGNMENT = "alignment"
    UNSUBSCRIBE = "unsubscribe"
    COMPLAINTS = "complaints"
    TLS = "tls"
    REVERSE = "reverse"


@dataclass(frozen=True)
class BulkFacts:
    """Attributes:
    spf, dmarc: state of the record; NEW where nobody has looked.
    dkim: states of the keys that sign.
    is_aligned: whether the return path counts for DMARC; None: not known.
    unsubscribes: whether mass mail carries one-click unsubscribe (RFC 8058); None: nothing here sends mass mail.
    sent, complaints: of the last 30 days.
    is_encrypted: whether all servers are spoken to with TLS; None: there are none.
    reverse: names of own servers' addresses that lead back to them, "" for none; empty: providers send.
    """

    spf: RecordState = RecordState.NEW
    dkim: tuple[RecordState, ...] = ()
    dmarc: RecordState = RecordState.NEW
    is_aligned: bool | None = None
    unsubscribes: bool | None = None
    sent: int = 0
    complaints: int = 0
    is_encrypted: bool | None = None
    reverse: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleVerdict:
    rule: Rule
    state: RecordState
    verdict: str
    facts: dict[str, str] = field(default_factory=dict)


def readiness(facts: BulkFacts) -> list[RuleVerdict]:
    """Return a verdict for each rule."""
    return [
        _record(Rule.SPF, facts.spf),
        _dkim(facts.dkim),
        _record(Rule.DMARC, facts.dmarc),
        _alignment(facts),
        _either(Rule.UNSUBSCRIBE, facts.unsubscribes, RecordState.WARNING),
        _complaints(facts.sent, facts.complaints),
        _either(Rule.TLS, facts.is_encrypted, RecordState.WRONG),
        _reverse(facts.reverse),
    ]


def _record(rule: Rule, state: RecordState) -> RuleVerdict:
    # A record that could be better is there, and that is what is asked: DMARC with p=none is enough for them.
    met = RecordState.RIGHT if state is RecordState.WARNING else state
    return RuleVerdict(rule, RecordState.UNKNOWN if met is RecordState.NEW else met, f"{rule.value}_{_word(met)}")


def _dkim(states: Iterable[RecordState]) -> RuleVerdict:
    found = set(states)
    if RecordState.RIGHT in found:
        return RuleVerdict(Rule.DKIM, RecordState.RIGHT, "dkim_met")
    if not found or RecordState.WRONG in found:
        return RuleVerdict(Rule.DKIM, RecordState.WRONG, "dkim_missed")
    return RuleVerdict(Rule.DKIM, RecordState.UNKNOWN, "dkim_unknown")


def _alignment(facts: BulkFacts) -> RuleVerdict:
    spf_counts = facts.is_aligned and facts.spf in (RecordState.RIGHT, RecordState.WARNING)
    # Keys are looked for at the domain itself, so that a signature by one of them is aligned.
    if spf_counts or RecordState.RIGHT in facts.dkim:
        return RuleVerdict(Rule.ALIGNMENT, RecordState.RIGHT, "alignment_met")
    is_unknown = facts.is_aligned is None or {facts.spf, *facts.dkim} & {RecordState.UNKNOWN, RecordState.NEW}
    if is_unknown:
        return RuleVerdict(Rule.ALIGNMENT, RecordState.UNKNOWN, "alignment_unknown")
    return RuleVerdict(Rule.ALIGNMENT, RecordState.WRONG, "alignment_missed")


def _either(rule: Rule, is_met: bool | None, bad: RecordState) -> RuleVerdict:
    if is_met is None:
        return RuleVerdict(rule, RecordState.UNKNOWN, f"{rule.value}_unknown")
    return RuleVerdict(rule, RecordState.RIGHT if is_met else bad, f"{rule.value}_{'met' if is_met else 'missed'}")


def _complaints(sent: int, complaints: int) -> RuleVerdict:
    facts = {"sent": str(sent), "complaints": str(complaints)}
    if sent < FEWEST_SENT:
        return RuleVerdict(Rule.COMPLAINTS, RecordState.UNKNOWN, "complaints_unknown", facts)
    rate = complaints / sent
    facts["rate"] = f"{rate * 100:.2f}"
    if rate >= COMPLAINTS_BAD:
        return RuleVerdict(Rule.COMPLAINTS, RecordState.WRONG, "complaints_missed", facts)
    if rate >= COMPLAINTS_GOOD:
        return RuleVerdict(Rule.COMPLAINTS, RecordState.WARNING, "complaints_near", facts)
    return RuleVerdict(Rule.COMPLAINTS, RecordState.RIGHT, "complaints_met", facts)


def _reverse(names: tuple[str, ...]) -> RuleVerdict:
    if not names:
        return RuleVerdict(Rule.REVERSE, RecordState.UNKNOWN, "reverse_unknown")
    is_met = all(names)
    return RuleVerdict(
        Rule.REVERSE, RecordState.RIGHT if is_met else RecordState.WRONG, "reverse_met" if is_met else "reverse_missed"
    )


def _word(state: RecordState) -> str:
    return {RecordState.RIGHT: "met", RecordState.WRONG: "missed"}.get(state, "unknown")
