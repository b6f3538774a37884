# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The questions of one look at a domain: bounded in number and time, each asked once, and what failed remembered."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import dns.exception
import dns.resolver

# For all questions of one domain. A record may ask for hundreds of names, of servers that are slow on purpose.
LOOK_SECONDS = 20.0
QUESTION_SECONDS = 3.0
MOST_QUESTIONS = 150
_MOST_ANSWERS = 50
_LONGEST_TEXT = 4096

# checkdmarc's loggers name domains and DNS servers, and no log of ours does.
logging.getLogger("checkdmarc").setLevel(logging.ERROR)


class Text:
    """A TXT answer in the form that checkdmarc reads."""

    def __init__(self, strings: Sequence[bytes]):
        self.strings = tuple(strings)


class Asking:
    """Stands in for a dns.resolver.Resolver where checkdmarc asks, and answers us in plain lists.

    Args:
        resolver: that asks; None: nobody is asked, and every question fails.
        seconds: for all questions together.
        clock: seconds, growing.
    """

    # checkdmarc reads it and gives it back; what holds is ours.
    lifetime = QUESTION_SECONDS

    def __init__(
        self,
        resolver: dns.resolver.Resolver | None,
        *,
        seconds: float = LOOK_SECONDS,
        questions: int = MOST_QUESTIONS,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._resolver = resolver
        self._clock = clock
        self._end = clock() + seconds
        self._left = questions
        self._known: dict[tuple[str, str], list[Any] | dns.exception.DNSException] = {}
        self.failures = 0

    def resolve(self, name: str, kind: str, **_unused) -> list[Any]:
        """Return the answers.

        Raises:
            dns.resolver.NXDOMAIN, dns.resolver.NoAnswer: there are none.
            dns.resolver.LifetimeTimeout, dns.resolver.NoNameservers: nobody answered; ``failures`` counts it.
        """
        key = (str(name).rstrip(".").lower(), str(kind))
        if key[1] == "SPF":
            # RFC 7208 §3.1: nobody uses the type any more, and checkdmarc asks for it each time.
            raise dns.resolver.NoAnswer
        if key not in self._known:
            try:
                self._known[key] = self._ask(*key)
            except dns.exception.DNSException as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, dns.exception.DNSException):
            if isinstance(found, (dns.resolver.LifetimeTimeout, dns.resolver.NoNameservers)):
                self.failures += 1
            raise found
        return found

    def texts(self, name: str) -> list[str] | None:
        """Return the TXT records of a name, [] for none; None: nobody answered. Servers give them in any order."""
        found = self.answers(name, "TXT")
        return None if found is None else sorted(b"".join(one.strings).decode("utf-8", "replace") for one in found)

    def values(self, name: str, kind: str) -> list[str] | None:
        """Return records of another type as text, lower-case and without the last dot; None: nobody answered."""
        found = self.answers(name, kind)
        return None if found is None else sorted(one.to_text().rstrip(".").lower() for one in found)

    def addresses(self, name: str) -> list[str] | None:
        """Return the IP addresses of a host, [] for none; None: nobody answered for either kind."""
        found = [self.values(name, kind) for kind in ("A", "AAAA")]
        known = [values for values in found if values is not None]
        return sorted(sum(known, [])) if any(known) or len(known) == 2 else None

    def answers(self, name: str, kind: str) -> list[Any] | None:
        try:
            return self.resolve(name, kind)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException:
            return None

    def _ask(self, name: str, kind: str) -> list[Any]:
        seconds = min(QUESTION_SECONDS, self._end - self._clock())
        if self._resolver is None or seconds <= 0 or self._left <= 0:
            raise dns.resolver.LifetimeTimeout(timeout=0.0, errors=[])
        self._left -= 1
        try:
            found = list(self._resolver.resolve(name, kind, lifetime=seconds, search=False))[:_MOST_ANSWERS]
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.NoNameservers, dns.resolver.LifetimeTimeout):
            raise
        except OSError as error:
            raise dns.resolver.LifetimeTimeout(timeout=0.0, errors=[]) from error
        except (dns.exception.DNSException, UnicodeError, ValueError) as error:
            # No name that the DNS could have.
            raise dns.resolver.NoAnswer from error
        return [_text(one) for one in found] if kind == "TXT" else found


def _text(record) -> Text:
    strings = record.strings
    whole = b"".join(strings)
    if len(whole) > _LONGEST_TEXT:
        return Text((whole[:_LONGEST_TEXT],))
    if whole.lower().startswith(b"v=spf1") and b"exp=" in whole.lower():
        # checkdmarc asks for the text behind exp= with the system's resolver and not with ours. It counts for nothing
        # (RFC 7208 §6.2: only shown to who was refused).
        return Text((b" ".join(part for part in whole.split(b" ") if not part.lower().startswith(b"exp=")),))
    return Text(strings)


def fresh_checkdmarc() -> Any:
    """Return the package checkdmarc with its modules for SPF and DMARC, made to remember nothing.

    It is imported when it is first needed: it loads an HTTP client and a list of all public suffixes, a second that
    processes which look at no domain need not spend.
    """
    import checkdmarc
    import checkdmarc.dmarc
    import checkdmarc.spf
    import checkdmarc.utils

    # It keeps answers of every resolver for half an hour, and who has just corrected a record wants to see that.
    checkdmarc.utils.DNS_CACHE.max_age = 0
    return checkdmarc
