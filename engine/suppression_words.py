# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people are told about an address on the suppression list."""

from __future__ import annotations

from .bounce_reason import BOUNCE_REASON_WORDS, BounceReason
from .suppression import BOUNCES, Entry, SuppressionReason

CURE = (
    "If it is right all the same, an officer can remove the address from the list: "
    "Email Gateway, Outgoing, Suppression."
)


def describe(entry: Entry) -> str:
    """Return since when and why, in words."""
    why = {
        SuppressionReason.HARD_BOUNCE: "mail to it came back for good",
        SuppressionReason.SOFT_BOUNCES: "mail to it came back several times",
        SuppressionReason.COMPLAINT: "its owner reported our mail as unwanted",
        SuppressionReason.BY_HAND: "a person entered it",
        SuppressionReason.IMPORTED: "it was imported from a file",
    }[entry.reason]
    words = BOUNCE_REASON_WORDS.get(entry.bounce_reason, "")
    if entry.has_bounced and entry.reason not in BOUNCES:
        why += ", and mail to it came back"
    if entry.has_bounced and words and entry.bounce_reason is not BounceReason.UNDEFINED:
        # Within a sentence, but for "SPF" and the like.
        words = words if words[:2].isupper() else words[0].lower() + words[1:]
        why += f" ({words})"
    until = f", until {entry.until:%Y-%m-%d}" if entry.until else ""
    return f"On the suppression list since {entry.since:%Y-%m-%d}{until}: {why}."


def refusal_text(entry: Entry) -> str:
    """Return what is told about a mail that was not sent: since when, why, and how to remove the address."""
    return f"{describe(entry)} {CURE}"
