# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Why a mail came back and what to do about it, as the author is told."""

from __future__ import annotations

from .bounce_reason import BOUNCE_REASON_WORDS, BounceReason
from .enhanced_status import StatusWords, explain_status

_ASK = "Check its spelling, or ask the recipient for the present address."
_AGAIN = "The address is good: try again later."
_SENDER = "Let the administrator of our domain look at what the server said."

_CURES = {
    BounceReason.ADDRESS_UNKNOWN: _ASK,
    BounceReason.ADDRESS_MOVED: "What the server said may name the new address; or ask the recipient.",
    BounceReason.DOMAIN_UNKNOWN: "Check the spelling of what stands after the @.",
    BounceReason.NOT_ACCEPTING: "Ask the recipient for another address.",
    BounceReason.MAILBOX_DISABLED: "Ask the recipient for another address.",
    BounceReason.MAILBOX_FULL: "The address is good: try again once the recipient has made room.",
    BounceReason.TOO_LARGE: "Send attachments as links, or in several messages.",
    BounceReason.SENDER_REFUSED: _SENDER,
    BounceReason.AUTHENTICATION: "Let the administrator of our domain publish SPF and DKIM for the outgoing server.",
    BounceReason.BLOCKED: "Look the sending server's address up in block lists, and follow what the server said.",
    BounceReason.SPAM: "Change text, links or attachments, or ask the recipient to let our domain pass.",
    BounceReason.VIRUS: "Look at the attachments before anything is sent again.",
    BounceReason.POLICY: "What the server said names the rule; its administrator can say more.",
    BounceReason.CONTENT: "Send it in a simpler form, or without the attachment.",
    BounceReason.RELAY_DENIED: "Enter the login of the outgoing server, or let its administrator allow this machine.",
    BounceReason.RATE_LIMITED: _AGAIN,
    BounceReason.NETWORK: _AGAIN,
    BounceReason.SYSTEM: _AGAIN,
    BounceReason.EXPIRED: "Check the domain of the address, and try again later.",
    BounceReason.LOOP: "A forwarding of the recipient leads back: ask for another address.",
    BounceReason.SUPPRESSED: "If the address is good, take it off the list at the provider of the outgoing server.",
    BounceReason.COMPLAINT: "Do not write to this address again unless the recipient asks for it.",
    BounceReason.DELIVERED: "",
}


def explain_bounce(reason: BounceReason, code: int = 0, enhanced: str = "", text: str = "") -> StatusWords:
    """Return why a mail came back and what to do.

    Args:
        code: SMTP code, 0 when unknown.
        enhanced: RFC 3463 status, "" when unknown.
        text: the words of the server that sent it back.
    """
    if reason is BounceReason.UNDEFINED:
        if code or enhanced or text:
            return explain_status(code, enhanced, text)
        return StatusWords(f"{BOUNCE_REASON_WORDS[reason]}.", "The report itself is in the journal.")
    return StatusWords(f"{BOUNCE_REASON_WORDS[reason]}.", _CURES[reason])
