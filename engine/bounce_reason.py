# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Why a mail could not be delivered, as people are told."""

from __future__ import annotations

from enum import Enum


class BounceReason(str, Enum):
    """Why a recipient's server sent a mail back. The values are stored."""

    ADDRESS_UNKNOWN = "address_unknown"
    ADDRESS_MOVED = "address_moved"
    DOMAIN_UNKNOWN = "domain_unknown"
    NOT_ACCEPTING = "not_accepting"
    MAILBOX_DISABLED = "mailbox_disabled"
    MAILBOX_FULL = "mailbox_full"
    TOO_LARGE = "too_large"
    SENDER_REFUSED = "sender_refused"
    AUTHENTICATION = "authentication"
    BLOCKED = "blocked"
    SPAM = "spam"
    VIRUS = "virus"
    POLICY = "policy"
    CONTENT = "content"
    RELAY_DENIED = "relay_denied"
    RATE_LIMITED = "rate_limited"
    NETWORK = "network"
    SYSTEM = "system"
    EXPIRED = "expired"
    LOOP = "loop"
    SUPPRESSED = "suppressed"
    COMPLAINT = "complaint"
    DELIVERED = "delivered"
    UNDEFINED = "undefined"


BOUNCE_REASON_WORDS = {
    BounceReason.ADDRESS_UNKNOWN: "The address does not exist",
    BounceReason.ADDRESS_MOVED: "The recipient has another address now",
    BounceReason.DOMAIN_UNKNOWN: "The domain does not exist",
    BounceReason.NOT_ACCEPTING: "The domain takes no mail",
    BounceReason.MAILBOX_DISABLED: "The mailbox is switched off",
    BounceReason.MAILBOX_FULL: "The mailbox is full",
    BounceReason.TOO_LARGE: "The message is too large",
    BounceReason.SENDER_REFUSED: "The sender's address is refused",
    BounceReason.AUTHENTICATION: "SPF, DKIM or DMARC did not pass",
    BounceReason.BLOCKED: "The sending server is blocked",
    BounceReason.SPAM: "It was taken for spam",
    BounceReason.VIRUS: "It was taken for a virus",
    BounceReason.POLICY: "A policy of the recipient's server forbids it",
    BounceReason.CONTENT: "The content is not accepted",
    BounceReason.RELAY_DENIED: "The server does not pass mail on for us",
    BounceReason.RATE_LIMITED: "Too many mails in a short time",
    BounceReason.NETWORK: "The recipient's server could not be reached",
    BounceReason.SYSTEM: "The recipient's server has a fault",
    BounceReason.EXPIRED: "It could not be delivered in the time allowed",
    BounceReason.LOOP: "The mail went in circles",
    BounceReason.SUPPRESSED: "The provider's own list of dead addresses has it",
    BounceReason.COMPLAINT: "The recipient reported it as unwanted",
    BounceReason.DELIVERED: "It was delivered",
    BounceReason.UNDEFINED: "No reason was given",
}
