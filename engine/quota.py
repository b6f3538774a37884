# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How much may leave through a server in a minute, an hour, a day: counts in, allowed or until when out.

Windows slide. A limit of 200 a day that began anew at midnight would let 400 leave within an hour, and providers that
count the last 24 hours lock the account for it. What was used is kept in slots, each much shorter than its window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class Window(str, Enum):
    """What is counted. The values are stored in the database: never rename one without a migration."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MASS_DAY = "mass_day"
    DOMAIN_MINUTE = "domain_minute"
    DOMAIN_HOUR = "domain_hour"


class QuotaUnit(str, Enum):
    """What one use is: providers count either. The values are stored."""

    RECIPIENTS = "recipients"
    MESSAGES = "messages"


DOMAIN_WINDOWS = (Window.DOMAIN_MINUTE, Window.DOMAIN_HOUR)
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# Window and slot: at most 288 slots are summed up for a server, and a count is kept a twelfth longer at the most.
_LENGTHS = {
    Window.MINUTE: (_MINUTE, timedelta(seconds=5)),
    Window.HOUR: (_HOUR, _MINUTE),
    Window.DAY: (_DAY, timedelta(minutes=5)),
    Window.MASS_DAY: (_DAY, timedelta(minutes=5)),
    Window.DOMAIN_MINUTE: (_MINUTE, timedelta(seconds=5)),
    Window.DOMAIN_HOUR: (_HOUR, _MINUTE),
}
_NAMES = {
    Window.MINUTE: "Limit of a minute",
    Window.HOUR: "Hourly limit",
    Window.DAY: "Daily limit",
    Window.MASS_DAY: "Daily limit of mass mail",
    Window.DOMAIN_MINUTE: "Limit of a minute for {domain}",
    Window.DOMAIN_HOUR: "Hourly limit for {domain}",
}
_BEGIN = datetime(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Use:
    """What was used in one slot. `start` is naive UTC; `domain` is "" where all domains count together."""

    window: Window
    start: datetime
    count: int
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """One place in each window that a message would take: `count` uses of one domain, or of all with ""."""

    window: Window
    count: int
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Shortage:
    """A limit that does not leave room now. `until` (naive UTC) is when enough will have left its window."""

    window: Window
    used: int
    limit: int
    until: datetime
    domain: str = ""


def slot(window: Window, now: datetime) -> datetime:
    """Return the beginning of the slot in which a use at ``now`` is counted (both naive UTC)."""
    width = _LENGTHS[window][1]
    return now - (now - _BEGIN) % width


def horizon(window: Window, now: datetime) -> datetime:
    """Return the time at or before which a slot began that counts no more at ``now``."""
    length, width = _LENGTHS[window]
    return now - length - width


def wishes(recipients: Sequence[str], unit: QuotaUnit, *, is_mass: bool = False) -> list[Wish]:
    """Return what one SMTP transaction with these bare addresses takes of each window.

    A message counts once in all, and once for each domain that it goes to.
    """
    by_domain: dict[str, int] = {}
    for address in recipients:
        domain = address.rpartition("@")[2].lower()
        by_domain[domain] = by_domain.get(domain, 0) + 1
    is_by_message = unit is QuotaUnit.MESSAGES
    count = min(1, len(recipients)) if is_by_message else len(recipients)
    windows = [Window.MINUTE, Window.HOUR, Window.DAY, *([Window.MASS_DAY] if is_mass else [])]
    return [Wish(window, count) for window in windows] + [
        Wish(window, 1 if is_by_message else number, domain)
        for domain, number in sorted(by_domain.items())
        for window in DOMAIN_WINDOWS
    ]


def shortage(
    limits: Mapping[Window, int], wanted: Iterable[Wish], uses: Iterable[Use], now: datetime
) -> Shortage | None:
    """Return the limit that holds a message longest, None when all leave room for it.

    A message that is larger than a whole limit may leave once nothing else is counted: it would wait for ever.

    Args:
        limits: uses that each window admits; 0 or missing for no limit.
        uses: what was used; slots that are over count nothing.
        now: naive UTC.
    """
    uses = list(uses)
    found = []
    for wish in wanted:
        limit = limits.get(wish.window, 0)
        if limit <= 0 or not wish.count:
            continue
        lapses = _lapses(wish.window, wish.domain, uses, now)
        used = sum(count for _end, count in lapses)
        room = max(limit, wish.count) - wish.count
        if used <= room:
            continue
        left = used
        for end, count in lapses:
            left -= count
            if left <= room:
                found.append(Shortage(wish.window, used, limit, end, wish.domain))
                break
    return max(found, key=lambda one: one.until, default=None)


def line_up(short: Shortage, count: int, uses: Iterable[Use], now: datetime, waiting: int) -> datetime:
    """Return until when a message of ``count`` uses waits behind ``waiting`` uses that wait for the same limit.

    If all that wait came back for the first free place, all but one would have come for nothing, place after place.
    Nobody is sent away for longer than until all that counts now has left the window: who waits may be cancelled.
    """
    left = short.used
    lapses = _lapses(short.window, short.domain, uses, now)
    for end, lapsed in lapses:
        left -= lapsed
        if left + waiting + count <= max(short.limit, count):
            return end
    return lapses[-1][0] if lapses else short.until


def used(window: Window, uses: Iterable[Use], now: datetime, domain: str = "") -> int:
    """Return what counts in a window at ``now``."""
    return sum(count for _end, count in _lapses(window, domain, uses, now))


def _lapses(window: Window, domain: str, uses: Iterable[Use], now: datetime) -> list[tuple[datetime, int]]:
    """Return (when it counts no more, how much) of what counts now, oldest first."""
    length, width = _LENGTHS[window]
    return sorted(
        (use.start + width + length, use.count)
        for use in uses
        if use.window is window and use.domain == domain and use.start > horizon(window, now)
    )


def returns(wanted: Iterable[Wish], uses: Iterable[Use]) -> list[Use]:
    """Return what to take off which slots when ``wanted`` was reserved and is not needed: the newest first.

    Which slot a reservation went into is not remembered; it was one of the last. No slot falls below 0.
    """
    uses = sorted(uses, key=lambda use: use.start, reverse=True)
    taken = []
    for wish in wanted:
        left = wish.count
        for use in uses:
            if left <= 0:
                break
            if (use.window, use.domain) == (wish.window, wish.domain) and use.count > 0:
                count = min(left, use.count)
                taken.append(Use(use.window, use.start, count, use.domain))
                left -= count
    return taken


def describe_shortage(short: Shortage, now: datetime, local) -> str:
    """Return "Daily limit reached (200 of 200), next at 14:05".

    Args:
        local: returns a naive UTC time in the time zone of whoever reads this, with the zone's name in ``tzname()``
            or without a zone.
    """
    name = _NAMES[short.window].format(domain=short.domain)
    # Never before the time itself: seconds are not shown.
    moment = local(short.until + timedelta(seconds=59))
    day = "" if moment.date() == local(now).date() else f" on {moment:%Y-%m-%d}"
    zone = " UTC" if moment.tzinfo is None else ""
    return f"{name} reached ({short.used} of {short.limit}), next{day} at {moment:%H:%M}{zone}"


def describe_use(limits: Mapping[Window, int], counts: Mapping[Window, int]) -> str:
    """Return "today 120 of 200, this hour 10 of 50"; "" without limits. Counts are those of ``used()``."""
    words = {
        Window.DAY: "today",
        Window.MASS_DAY: "mass mail today",
        Window.HOUR: "this hour",
        Window.MINUTE: "this minute",
    }
    return ", ".join(
        f"{word} {counts.get(window, 0)} of {limits[window]}" for window, word in words.items() if limits.get(window)
    )
