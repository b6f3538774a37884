# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The return path of a message: the bounce address with a signed detail, which only a report on it can name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from .errors import TokenError
from .outcome import InboundReason, InboundState
from .pipeline import Facts, Step, Verdict
from .subaddress import LIFETIME, RECIPIENT_FIELDS, with_detail
from .summary import Summary
from .token import TokenRing
from .trace import TraceStep

TOKEN_LENGTH = 40
PROOF_HEADER = "X-SPP-Email-Gateway-Return-Path"
_RETURN_PATH = "return-path"
_PROOF = "return-path-proof"
# The rare part first: what stands before the + is looked at only where a token follows.
_DETAIL = re.compile(r"\+[a-z2-7]{40}@[\w\-][\w.\-]{0,254}", re.IGNORECASE | re.ASCII)
_BEFORE = re.compile(r"[\w.\-]{1,24}\Z", re.ASCII)
# Octets of a report in which signed return paths are looked for, and how many are verified.
_LONGEST = 262_144
_MOST_SIGNED = 20


def sign_return_path(ring: TokenRing, address: str, value: int, now: datetime) -> str:
    """Return ``address`` with a signed detail, "bounce+TOKEN@example.org"; unchanged where that would be too long.

    Args:
        address: a bare bounce address.
        value: 0 to 2**64-1, names the SMTP transaction.
        now: UTC.
    """
    return with_detail(address, ring.sign(_RETURN_PATH, value, now + LIFETIME)) or address


def read_return_path(ring: TokenRing, address: str, now: datetime) -> tuple[str, int] | None:
    """Return (bounce address, value) of a signed return path; None for any other address, and for a forged one."""
    local, _at, domain = address.lower().rpartition("@")
    plain, plus, token = local.rpartition("+")
    if not plus:
        return None
    try:
        return f"{plain}@{domain}", ring.verify(_RETURN_PATH, token, now)
    except TokenError:
        return None


def signed_return_paths(ring: TokenRing, texts: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Return the signed return paths that stand in ``texts``, lower-case, at most 20."""
    found: dict[str, None] = {}
    for text in texts:
        for match in _DETAIL.finditer(text):
            before = _BEFORE.search(text[max(0, match.start() - 24) : match.start()])
            if before and len(found) < _MOST_SIGNED:
                found.setdefault(f"{before[0]}{match[0]}".lower().rstrip("."))
    return tuple(address for address in found if read_return_path(ring, address, now))


def report_texts(content: bytes, message: Summary, envelope_recipient: str) -> tuple[str, ...]:
    """Return where a report may name the return path of the mail that it is about, the surest first.

    It comes to that return path (RFC 5321 §6.1). One that comes another way, as complaints do, proves the same by the
    copy of the mail in it: nobody has the return path but who got the mail.

    Args:
        content: the message as received; its first 256 kB are looked at.
        envelope_recipient: what the mail server said, "" when it did not.
    """
    fields = (value for name, value in message.headers if name in RECIPIENT_FIELDS)
    return (envelope_recipient, *fields, content[:_LONGEST].decode("ascii", "replace"))


def is_signed(address: str) -> bool:
    """Return whether an address that we gave to a server looks like a signed one; nothing is verified."""
    return len(address.rpartition("@")[0].rpartition("+")[2]) == TOKEN_LENGTH and "+" in address


def unsigned(address: str) -> str:
    """Return a signed address without its detail."""
    local, _at, domain = address.rpartition("@")
    return f"{local.rpartition('+')[0]}@{domain}"


def proof_token(ring: TokenRing, proof: int, now: datetime) -> str:
    """Return what the mail carries that proves a signed return path; ``proof`` is the id of its row."""
    return ring.sign(_PROOF, proof, now + LIFETIME)


def find_return_path_proof(ring: TokenRing, now: datetime) -> Step:
    """Return the step that ends the processing of such mail, with the fact ``return_path_proof``: the row's id."""

    def step(message: Summary, facts: Facts) -> Verdict:
        text = message.header(PROOF_HEADER)
        if not text:
            return Verdict()
        try:
            facts["return_path_proof"] = ring.verify(_PROOF, text, now)
        except TokenError as error:
            return Verdict((TraceStep(f"{PROOF_HEADER} header", str(error), "ignored"),))
        return Verdict(
            (TraceStep(f"{PROOF_HEADER} header", "a return path that this database tries", "done: no record is made"),),
            InboundState.DONE,
            InboundReason.ROUND_TRIP,
        )

    return step
