# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The step that holds back messages with nothing in them."""

from __future__ import annotations

from .outcome import InboundReason, InboundState
from .pipeline import Facts, Verdict
from .summary import Summary
from .trace import TraceStep


def hold_empty(message: Summary, _facts: Facts) -> Verdict:
    """Quarantine a message of 0 octets or without a single header field: nothing could be routed or shown."""
    if message.size and message.headers:
        return Verdict()
    found = "0 bytes" if not message.size else "no header fields"
    return Verdict(
        (TraceStep("size and header fields", found, "quarantine"),), InboundState.QUARANTINED, InboundReason.EMPTY
    )
