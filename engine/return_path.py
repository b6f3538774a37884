# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The return path of a message: the bounce address with a signed detail, which only a report on it can name."""

from __future__ import annotations

from datetime import datetime, timedelta

from .errors import TokenError
from .outcome import InboundReason, InboundState
from .pipeline import Facts, Step, Verdict
from .summary import Summary
from .token import TokenRing
from .trace import TraceStep

# RFC 5321 §4.5.4.1: a server tries for 5 days, and so does one that reports the failure.
LIFETIME = timedelta(days=15)
# RFC 5321 §4.5.3.1.1.
LONGEST_LOCAL_PART = 64
TOKEN_LENGTH = 40
PROOF_HEADER = "X-SPP-Email-Gateway-Return-Path"
_RETURN_PATH = "return-path"
_PROOF = "return-path-proof"


def sign_return_path(ring: TokenRing, address: str, value: int, now: datetime) -> str:
    """Return ``address`` with a signed detail, "bounce+TOKEN@example.org"; unchanged where that would be too long.

    Args:
        address: a bare bounce address.
        value: 0 to 2**64-1, names the SMTP transaction.
        now: UTC.
    """
    return _with_detail(address, ring.sign(_RETURN_PATH, value, now + LIFETIME))


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


def _with_detail(address: str, token: str) -> str:
    local, _at, domain = address.rpartition("@")
    signed = f"{local}+{token}"
    return f"{signed}@{domain}" if len(signed) <= LONGEST_LOCAL_PART else address
