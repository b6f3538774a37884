# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""For whom a message was written, and where an answer to it goes."""

from __future__ import annotations

from .summary import Summary, addresses, sole_address

# A To field of thousands of addresses is an attack or a mistake.
MOST_RECIPIENTS = 200
# RFC 5322 §3.6.4 lets References grow without end; programs keep the first and the last ones.
MOST_REFERENCES = 20


def recipients(message: Summary) -> tuple[str, ...]:
    """Return the addresses in To and Cc, lower-case, in order and each once."""
    values = [value for name, value in message.headers if name in ("to", "cc")]
    found = (address for value in values for address in addresses(value, MOST_RECIPIENTS))
    return tuple(dict.fromkeys(found))[:MOST_RECIPIENTS]


def proposed_address(message: Summary, envelope_recipient: str, domains: frozenset[str]) -> str:
    """Return the address of ours that a message was sent to, lower-case; "" when there is none.

    Args:
        envelope_recipient: what the mail server said, addresses with commas between; "" when it did not.
        domains: domain names that are ours, lower-case.
    """
    for address in (*addresses(envelope_recipient), *recipients(message)):
        if address.rpartition("@")[2] in domains:
            return address
    return ""


def answer_address(message: Summary) -> str:
    """Return the address that an answer goes to, lower-case (RFC 5322 §3.6.2: Reply-To before From); "" for none."""
    return sole_address(message.header("Reply-To")) or sole_address(message.email_from)


def answer_references(message: Summary) -> str:
    """Return the References field of an answer (RFC 5322 §3.6.4); "" when the message has no Message-ID."""
    if not message.message_id:
        return ""
    earlier = message.header("References").split() or message.header("In-Reply-To").split()
    known = [part for part in earlier if part.startswith("<") and part.endswith(">") and part != message.message_id]
    if len(known) >= MOST_REFERENCES:
        known = [known[0], *known[-(MOST_REFERENCES - 2) :]]
    return " ".join([*known, message.message_id])
