# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people do with a message, as the audit trail names it. The values are stored: never rename one."""

from __future__ import annotations

from enum import Enum

# Characters of a detail that are kept.
LONGEST_DETAIL = 200
HIDDEN = "(address)"


class AuditAction(str, Enum):
    """What somebody did."""

    OPENED = "opened"
    DOWNLOADED = "downloaded"
    RETRIED = "retried"
    RELEASED = "released"
    ROUTED = "routed"
    ATTACHED = "attached"
    ALIAS_CREATED = "alias_created"
    ANSWERED = "answered"
    SENDER_ACCEPTED = "sender_accepted"
    FETCHED = "fetched"
    DISCARDED = "discarded"
    RECONSIDERED = "reconsidered"
    HELD = "held"
    HOLD_ENDED = "hold_ended"
    SENT_NOW = "sent_now"
    SENT_AGAIN = "sent_again"
    CANCELLED = "cancelled"
    SETTLED = "settled"
    EXPORTED = "exported"
    ERASED = "erased"
    DECIDED = "decided"


AUDIT_ACTION_WORDS = {
    AuditAction.OPENED: "Opened it",
    AuditAction.DOWNLOADED: "Downloaded it",
    AuditAction.RETRIED: "Tried it again",
    AuditAction.RELEASED: "Released it as no loop",
    AuditAction.ROUTED: "Routed it",
    AuditAction.ATTACHED: "Attached it to a record",
    AuditAction.ALIAS_CREATED: "Created an alias for it",
    AuditAction.ANSWERED: "Answered the sender",
    AuditAction.SENDER_ACCEPTED: "Accepted the sender",
    AuditAction.FETCHED: "Fetched the whole of it",
    AuditAction.DISCARDED: "Discarded it",
    AuditAction.RECONSIDERED: "Put it back into quarantine",
    AuditAction.HELD: "Put it under legal hold",
    AuditAction.HOLD_ENDED: "Ended the legal hold",
    AuditAction.SENT_NOW: "Had it sent at once",
    AuditAction.SENT_AGAIN: "Had it sent again",
    AuditAction.CANCELLED: "Cancelled it",
    AuditAction.SETTLED: "Called its failure dealt with",
    AuditAction.EXPORTED: "Exported it",
    AuditAction.ERASED: "Erased it",
    AuditAction.DECIDED: "Decided about it",
}


def safe_detail(text: str) -> str:
    """Return a detail as the trail keeps it: short, and without addresses, which an erasure would not find here."""
    words = " ".join(HIDDEN if "@" in word else word for word in str(text or "").split())
    return words[:LONGEST_DETAIL]
