# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Signed reply addresses, "catchall+TOKEN@example.org": they name the message that is answered and who got it.

The token's value is the row of our message in its upper 32 bits and the contact that it was sent to in the lower ones.
So nothing is written while mail is sent, nothing has to be removed later, and where records are merged the answer
follows the message. Whoever has the address may answer: it is given to its holder alone, and shared by being shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import formataddr
from typing import Any

from .errors import TokenError
from .pipeline import Facts, Step, Verdict
from .subaddress import detail_of, detailed_recipients, with_detail
from .summary import Summary, named_addresses
from .token import TokenRing
from .trace import TraceStep

# Days. People answer letters of a season ago; a ring of keys may be renewed in the meantime.
DEFAULT_DAYS = 180
_PURPOSE = "reply-address"
_HOLDER_BITS = 32
_LARGEST = (1 << _HOLDER_BITS) - 1
# A message is an answer to one of ours. More keys than these are somebody who collects them.
MOST_KEYS = 5
# Python breaks longer names in quotation marks into pieces when it folds the line, and an address comes out of them.
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class ReplyKey:
    """What a signed reply address proves.

    Attributes:
        message: row of our message that is answered.
        holder: row of the contact that the address was given to; 0 when one message went to several people.
    """

    message: int
    holder: int = 0


def sign_reply_address(ring: TokenRing, address: str, key: ReplyKey, expires: datetime) -> str:
    """Return ``address`` with a token; unchanged where that is not possible: a long local part, a huge row number.

    Args:
        address: a bare address that takes details.
        expires: UTC.
    """
    if not 0 < key.message <= _LARGEST or not 0 <= key.holder <= _LARGEST:
        return address
    token = ring.sign(_PURPOSE, key.message << _HOLDER_BITS | key.holder, expires)
    return with_detail(address, token) or address


def read_reply_address(ring: TokenRing, address: str, now: datetime) -> ReplyKey | None:
    """Return what an address proves; None for any other, a forged and an expired one, without a difference.

    The name before the token does not matter: what was sent under a former name is still answered.
    """
    detail = detail_of(address)
    if not detail:
        return None
    try:
        value = ring.verify(_PURPOSE, detail, now)
    except TokenError:
        return None
    return ReplyKey(value >> _HOLDER_BITS, value & _LARGEST)


def find_reply_key(
    ring: TokenRing,
    now: datetime,
    resolve: Callable[[tuple[ReplyKey, ...], Summary], dict[str, Any] | None],
    envelope: Iterable[str] = (),
) -> Step:
    """Return the step that sets the fact ``reply_key``: what a valid signed address proves, or None.

    Args:
        resolve: makes the fact of the keys that were found, the surest first; None when what they name is gone.
        envelope: recipients as the way in gave them.
    """

    def step(message: Summary, facts: Facts) -> Verdict:
        facts["reply_key"] = None
        found = (read_reply_address(ring, address, now) for address in detailed_recipients(message, envelope))
        keys = tuple(dict.fromkeys(key for key in found if key is not None))[:MOST_KEYS]
        if not keys:
            return Verdict()
        facts["reply_key"] = resolve(keys, message)
        if facts["reply_key"] is None:
            return Verdict((TraceStep("signed reply address", "the message that it names is gone", "ignored"),))
        return Verdict((TraceStep("signed reply address", _words(facts["reply_key"]), "its thread is known"),))

    return step


def with_reply_address(reply_to: str, signed: str) -> str:
    """Return a Reply-To field's value with another address and the same name."""
    name = next((name for name, address in named_addresses([reply_to]) if address), "")
    if name and len(formataddr((name, ""))) <= _LONGEST_NAME:
        return formataddr((name, signed))
    return signed


def _words(fact: dict[str, Any]) -> str:
    words = f"valid, of message {fact['message']}"
    if not fact["partner_id"]:
        return words
    return f"{words}, given to contact {fact['partner_id']}" + (", who is the sender" if fact["is_holder"] else "")
