# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Addresses that mail comes back to and that nobody is to write to: bounce, catchall, notifications."""

from __future__ import annotations

from collections.abc import Callable, Collection

from .confirmation import asks_to_confirm, speaks_of_confirming
from .message_kind import Classification, MessageKind
from .outcome import InboundReason, InboundState
from .pipeline import Facts, Step, Verdict
from .subaddress import without_detail
from .summary import Summary
from .trace import TraceStep

# Machines whose mail makes records where it is for an alias; automatic replies and reports go ways of their own.
_MACHINES = frozenset((MessageKind.AUTO_GENERATED, MessageKind.MAILING_LIST))


def hold_unbidden(
    content: bytes,
    delivered_for: Callable[[Summary], Collection[str]],
    reserved: Callable[[], Collection[str]],
    is_expected: Callable[[Collection[str], Summary], bool],
) -> Step:
    """Return the step that quarantines machines' mail to addresses that nobody is to write to.

    Providers send the mail there by which a redirection or a sender is confirmed; a person has to read it.

    Args:
        content: the bytes as received.
        delivered_for: returns the addresses that a message was delivered for or is addressed to, lower-case.
        reserved: returns the bounce, catchall and notifications addresses, lower-case, that make no records.
        is_expected: called with (addresses, message) for what would be held: whether it is for an alias as well, or
            answers a mail of ours. It asks the database, so it comes last.
    """

    def step(message: Summary, facts: Facts) -> Verdict:
        kind = (facts.get("kind") or Classification()).kind
        is_machine = kind in _MACHINES
        if not is_machine and not (kind is MessageKind.PERSON and speaks_of_confirming(message)):
            return Verdict()
        if facts.get("own_mark") or facts.get("reply_key"):
            return Verdict()
        addresses, closed = delivered_for(message), reserved()
        found = next((address for address in addresses if without_detail(address) in closed), "")
        if not found or not (is_machine or asks_to_confirm(message, content)):
            return Verdict()
        what = "written by a machine" if is_machine else "it asks to confirm something"
        if is_expected(addresses, message):
            return Verdict()
        return Verdict(
            (TraceStep(f"the address {found}", f"it is not for writing; {what}", "quarantine"),),
            InboundState.QUARANTINED,
            InboundReason.NOT_FOR_WRITING,
        )

    return step
