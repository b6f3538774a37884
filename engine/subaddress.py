# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Addresses with a detail, "alias+detail@example.org" (RFC 5233 §1), and the proof that a server delivers them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from .envelope import HEADERS
from .errors import TokenError
from .outcome import InboundReason, InboundState
from .pipeline import Facts, Step, Verdict
from .summary import Summary, addresses
from .token import TokenRing
from .trace import TraceStep

# How long an address with a signed detail is known. RFC 5321 §4.5.4.1: a server tries for 5 days, and so does one that
# reports the failure; what comes later is still no mail for a person.
LIFETIME = timedelta(days=15)
# RFC 5321 §4.5.3.1.1.
LONGEST_LOCAL_PART = 64
# A local part of plus signs alone would be a question each.
MOST_BASES = 4
# Where a message says for whom it is, the surest first; the first ones are what servers write when they deliver.
RECIPIENT_FIELDS = (*(name.lower() for name in HEADERS), "to", "cc", "resent-to")
MOST_ADDRESSES = 100
_PROOF = "subaddress-proof"


def bases(address: str) -> tuple[str, ...]:
    """Return what ``address`` is a subaddress of, lower-case, the longest first; () without a detail.

    "a+b+c@example.org" gives "a+b@example.org" and "a@example.org": an alias may have a plus in its own name.
    """
    local, _at, domain = address.lower().rpartition("@")
    found = []
    while "+" in local and len(found) < MOST_BASES:
        local = local.rpartition("+")[0]
        if local:
            found.append(f"{local}@{domain}")
    return tuple(found)


def without_detail(address: str) -> str:
    """Return an address, lower-case, without all that follows a plus sign: "bounce+x+y@z" is "bounce@z"."""
    local, _at, domain = address.lower().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def with_detail(address: str, detail: str) -> str:
    """Return "local+detail@domain"; "" where the local part would be longer than a server has to take."""
    local, _at, domain = address.rpartition("@")
    signed = f"{local}+{detail}"
    return f"{signed}@{domain}" if len(signed) <= LONGEST_LOCAL_PART else ""


def detail_of(address: str) -> str:
    """Return what follows the last plus sign of the local part; "" without one."""
    return address.rpartition("@")[0].rpartition("+")[2] if "+" in address.rpartition("@")[0] else ""


def detailed_recipients(message: Summary, envelope: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the addresses with a detail that a message was delivered for or written to, lower-case, the surest first.

    Fields without a plus sign are not taken apart, so that most messages cost next to nothing.

    Args:
        envelope: recipients as the way in gave them.
    """
    found = dict.fromkeys(address.lower() for address in envelope)
    for wanted in RECIPIENT_FIELDS:
        for name, value in message.headers:
            if name == wanted and "+" in value and len(found) < MOST_ADDRESSES:
                found.update(dict.fromkeys(addresses(value, MOST_ADDRESSES)))
    return tuple(address for address in found if detail_of(address))[:MOST_ADDRESSES]


def proof_address(ring: TokenRing, address: str, proof: int, now: datetime) -> str:
    """Return the address that the mail goes to which proves ``address``; "" where it would be too long.

    Args:
        proof: id of the proof's row.
        now: UTC.
    """
    return with_detail(address, ring.sign(_PROOF, proof, now + LIFETIME))


def find_subaddress_proof(ring: TokenRing, now: datetime, envelope: Iterable[str] = ()) -> Step:
    """Return the step that ends the processing of such mail, with the fact ``subaddress_proof``: the row's id."""

    def step(message: Summary, facts: Facts) -> Verdict:
        for address in detailed_recipients(message, envelope):
            try:
                facts["subaddress_proof"] = ring.verify(_PROOF, detail_of(address), now)
            except TokenError:
                # Whatever else follows a plus sign, a forged token too, is part of the address.
                continue
            words = "done: no record is made"
            return Verdict(
                (TraceStep("recipient", "an address with a detail that this database tries", words),),
                InboundState.DONE,
                InboundReason.ROUND_TRIP,
            )
        return Verdict()

    return step
