# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What becomes of mail for an address: taken, refused, or held because nobody knows it."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum


class RecipientPolicy(str, Enum):
    """What an intake does with recipients that nobody knows. The values are stored."""

    OURS = "ours"
    REFUSE = "refuse"
    QUARANTINE = "quarantine"


RECIPIENT_POLICY_WORDS = {
    RecipientPolicy.OURS: "Refuse at our own domains",
    RecipientPolicy.REFUSE: "Refuse always",
    RecipientPolicy.QUARANTINE: "Keep in quarantine",
}


class RecipientVerdict(Enum):
    """ACCEPT: routing decides. HOLD: stored, and waits in quarantine. REFUSE: the sender's server is told."""

    ACCEPT = "accept"
    HOLD = "hold"
    REFUSE = "refuse"


def judge_recipient(
    recipient: str,
    *,
    known: Collection[str],
    domains: Collection[str],
    has_target: bool,
    policy: RecipientPolicy,
) -> RecipientVerdict:
    """Decide about one envelope recipient.

    Args:
        recipient: address in any case, "" when the envelope is not known.
        known: those of our addresses that could be meant, lower-case: aliases, bounce, catchall, reply addresses.
        domains: domains that are ours, lower-case.
        has_target: mail that reaches no address becomes something all the same.

    Mail for an address at a foreign domain is accepted unless all unknown ones are refused: a redirection changes the
    envelope, and the headers still say which alias was meant.
    """
    # RFC 5321 §2.4 leaves the case of the local part to its host, which is us.
    address = recipient.strip().lower()
    if not address or address in known:
        return RecipientVerdict.ACCEPT
    local, _at, domain = address.rpartition("@")
    is_ours = domain in domains
    # RFC 5321 §4.5.1: mail for the postmaster of a domain is never refused.
    if is_ours and local == "postmaster":
        return RecipientVerdict.ACCEPT if has_target else RecipientVerdict.HOLD
    if policy is RecipientPolicy.REFUSE:
        return RecipientVerdict.REFUSE
    if has_target or not is_ours:
        return RecipientVerdict.ACCEPT
    return RecipientVerdict.REFUSE if policy is RecipientPolicy.OURS else RecipientVerdict.HOLD
