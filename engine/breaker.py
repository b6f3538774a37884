# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""When a server that keeps failing is left alone, and how it is tried again: a circuit breaker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from .delivery import RecipientResult
from .enhanced_status import explain_status
from .outcome import OutboundReason, OutboundState

# Failures in a row. A wrong password is not tried often: many servers lock the account then.
FAILURES = 5
LOGIN_FAILURES = 3
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=30)
# A probe whose process died is taken over by another after this.
PROBE_TIME = timedelta(minutes=10)
LONGEST_CAUSE = 500


class BreakerState(str, Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


BREAKER_STATE_WORDS = {
    BreakerState.CLOSED: "Working",
    BreakerState.OPEN: "Paused",
    BreakerState.HALF_OPEN: "Being tried",
}


@dataclass(frozen=True, slots=True)
class Breaker:
    """How a server has done lately.

    Attributes:
        failures: transactions in a row that failed through the server's fault.
        pauses: how often it was paused since it last worked; each is longer than the one before.
        since: when the first of the failures was.
        until: OPEN: when one message may probe; HALF_OPEN: when the probe counts as lost.
        cause: the last failure, in words.
    """

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    pauses: int = 0
    since: datetime | None = None
    until: datetime | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a transaction says about the server: it works (True), it fails (False), nothing (None)."""

    works: bool | None
    cause: str = ""
    wait: int | None = None
    is_login: bool = False


def judge_server(results: Mapping[str, RecipientResult]) -> Verdict:
    """Return what the results of one transaction, by recipient, say about the server."""
    failures = [result for result in results.values() if _is_servers_fault(result)]
    if any(result.state is OutboundState.SENT for result in results.values()):
        return Verdict(True)
    if failures:
        first = failures[0]
        return Verdict(False, _cause(first), first.wait, first.reason is OutboundReason.NO_LOGIN)
    # A server that refuses a recipient or a message is alive.
    return Verdict(True if any(result.code for result in results.values()) else None)


def _is_servers_fault(result: RecipientResult) -> bool:
    if result.phase in ("connect", "tls", "login") or result.code == 421:
        return True
    if result.reason in (OutboundReason.NO_LOGIN, OutboundReason.CONNECTION_LOST, OutboundReason.LOST_AFTER_DATA):
        return True
    return result.phase == "sender" and result.state is OutboundState.DEFERRED and result.code > 0


def _cause(result: RecipientResult) -> str:
    said = " ".join(filter(None, (str(result.code or ""), result.enhanced, result.text)))
    if not result.code or result.phase in ("connect", "tls", "login"):
        return said[:LONGEST_CAUSE]
    return f"{explain_status(result.code, result.enhanced, result.text).text} ({said})"[:LONGEST_CAUSE]


def after(breaker: Breaker, verdict: Verdict, now: datetime) -> Breaker:
    """Return the breaker after a transaction."""
    if verdict.works:
        return Breaker()
    if verdict.works is None:
        # A probe that found nothing out leaves the place to the next one.
        return replace(breaker, state=BreakerState.OPEN, until=now) if _is_probing(breaker) else breaker
    failed = replace(breaker, failures=breaker.failures + 1, since=breaker.since or now, cause=verdict.cause)
    if breaker.state is BreakerState.OPEN:
        # Begun before the pause; it says nothing new.
        return failed
    enough = LOGIN_FAILURES if verdict.is_login else FAILURES
    if not _is_probing(breaker) and failed.failures < enough:
        return failed
    pause = min(FIRST_PAUSE * 2 ** min(breaker.pauses, 10), LONGEST_PAUSE)
    # The server may ask for longer, but not for days: somebody should hear that it does not work.
    pause = max(pause, min(timedelta(seconds=verdict.wait or 0), 2 * LONGEST_PAUSE))
    return replace(failed, state=BreakerState.OPEN, pauses=breaker.pauses + 1, until=now + pause)


def _is_probing(breaker: Breaker) -> bool:
    return breaker.state is BreakerState.HALF_OPEN


def admit(breaker: Breaker, now: datetime) -> tuple[bool, Breaker]:
    """Return whether a message may go to the server now, and the breaker after that.

    In a pause whose time is over it is the probe: exactly one, so whoever asks must hold the breaker's row locked.
    """
    if breaker.state is BreakerState.CLOSED:
        return True, breaker
    if breaker.until is not None and now < breaker.until:
        return False, breaker
    return True, replace(breaker, state=BreakerState.HALF_OPEN, until=now + PROBE_TIME)


def give_back(breaker: Breaker, now: datetime) -> Breaker:
    """Return the breaker after a probe that did not take place."""
    return after(breaker, Verdict(None), now)


def try_now(breaker: Breaker, now: datetime) -> Breaker:
    """Return the breaker when a person wants no more waiting: the next message is the probe."""
    if breaker.state is BreakerState.CLOSED:
        return breaker
    return replace(breaker, state=BreakerState.OPEN, until=now)
