# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Texts that domains publish in the DNS: asked for within a time, remembered as long as they hold."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import dns.exception
import dns.nameserver
import dns.resolver

from .errors import ConfigurationError, GatewayError
from .forbidden_address import is_forbidden

# Seconds for one question, for all questions of one message, and for those of a batch of messages.
QUESTION_SECONDS = 2.0
MESSAGE_SECONDS = 5.0
BATCH_SECONDS = 10.0
MOST_NAMES = 5000
# Seconds that an answer is remembered: as its TTL says within these bounds, and where there is none or it failed.
SHORTEST, LONGEST = 30.0, 86_400.0
ABSENT_SECONDS, FAILED_SECONDS = 300.0, 60.0
# After so many domains in a row without an answer nobody is asked for a minute: a firewall costs seconds, not hours.
SILENT_QUESTIONS, SILENCE_SECONDS = 3, 60.0
# A record is 64 kB at most; what is used of DNS here is one line of text.
LONGEST_TEXT = 4096
MOST_TEXTS = 20
PREFETCH_THREADS = 4


class Resolver:
    """Asks the DNS for TXT records, remembers answers, and gives up early. One for a process; threads may share it.

    Args:
        resolver: a dns.resolver.Resolver; None: no DNS server is known, and every question fails at once.
        clock: seconds, growing.
        most_names: answers that are remembered; the longest unused one goes first.
    """

    def __init__(
        self,
        resolver: dns.resolver.Resolver | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_names: int = MOST_NAMES,
        question_seconds: float = QUESTION_SECONDS,
    ):
        self._resolver = resolver
        self._clock = clock
        self._most_names = most_names
        self._question_seconds = question_seconds
        # name: (until, texts or None when it failed)
        self._known: OrderedDict[str, tuple[float, tuple[str, ...] | None]] = OrderedDict()
        self._lock = threading.Lock()
        self._unanswered: set[str] = set()
        self._silent_until = float("-inf")

    def texts(self, name: str, seconds: float = QUESTION_SECONDS) -> tuple[str, ...]:
        """Return the TXT records of ``name``; empty when it has none or does not exist.

        Args:
            seconds: that are left for the answer.

        Raises:
            GatewayError: nobody answered in time, or only with a failure. Not permanent; phase "resolve".
        """
        key = name.rstrip(".").lower()
        texts = self._remembered(key)
        if texts is not None:
            return texts
        seconds = min(seconds, self._question_seconds)
        if self._resolver is None or seconds <= 0 or self._clock() < self._silent_until:
            raise _failure("The DNS was not asked: no server is known, it was silent, or the time is over.")
        return self._ask(key, seconds)

    def prefetch(self, names: Iterable[str], seconds: float, threads: int = PREFETCH_THREADS) -> None:
        """Ask for several names side by side, so that ``texts`` knows them afterwards. Never fails."""
        wanted = []
        for name in dict.fromkeys(name.rstrip(".").lower() for name in names):
            with self._lock:
                entry = self._known.get(name)
            if entry is None or entry[0] < self._clock():
                wanted.append(name)
        end = self._clock() + seconds

        def ask(name):
            try:
                self.texts(name, end - self._clock())
            except GatewayError:
                # It is remembered as failed; whoever needs it hears so.
                return

        if len(wanted) < 2 or self._resolver is None:
            # One is asked when it is needed.
            return
        with ThreadPoolExecutor(min(threads, len(wanted)), thread_name_prefix="dns") as pool:
            list(pool.map(ask, wanted))

    def is_silent(self) -> bool:
        """Return whether there is nobody to ask just now."""
        return self._resolver is None or self._clock() < self._silent_until

    def _remembered(self, key: str) -> tuple[str, ...] | None:
        with self._lock:
            entry = self._known.get(key)
            if entry is None:
                return None
            until, texts = entry
            if until < self._clock():
                del self._known[key]
                return None
            self._known.move_to_end(key)
        if texts is None:
            raise _failure("The DNS did not answer a moment ago.")
        return texts

    def _remember(self, key: str, seconds: float, texts: tuple[str, ...] | None) -> None:
        with self._lock:
            self._known[key] = (self._clock() + seconds, texts)
            self._known.move_to_end(key)
            while len(self._known) > self._most_names:
                self._known.popitem(last=False)

    def _ask(self, key: str, seconds: float) -> tuple[str, ...]:
        try:
            answer = self._resolver.resolve(key, "TXT", lifetime=seconds, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            self._unanswered.clear()
            self._remember(key, ABSENT_SECONDS, ())
            return ()
        except dns.resolver.LifetimeTimeout as error:
            # Of one domain's servers that are slow on purpose nothing follows for others.
            self._unanswered.add(".".join(key.rstrip(".").split(".")[-2:]))
            if len(self._unanswered) >= SILENT_QUESTIONS:
                self._unanswered.clear()
                self._silent_until = self._clock() + SILENCE_SECONDS
            self._remember(key, FAILED_SECONDS, None)
            raise _failure("The DNS did not answer in time.") from error
        except dns.resolver.NoNameservers as error:
            self._remember(key, FAILED_SECONDS, None)
            raise _failure("The DNS answered with a failure.") from error
        except (dns.exception.DNSException, UnicodeError, ValueError):
            # No name that the DNS could have.
            self._remember(key, ABSENT_SECONDS, ())
            return ()
        self._unanswered.clear()
        texts = tuple(
            b"".join(record.strings)[:LONGEST_TEXT].decode("utf-8", "replace") for record in list(answer)[:MOST_TEXTS]
        )
        self._remember(key, min(max(answer.rrset.ttl, SHORTEST), LONGEST), texts)
        return texts


class Questions:
    """The questions that one message may ask, within a time for all of them.

    Args:
        seconds: for all questions together.
    """

    def __init__(
        self, resolver: Resolver, seconds: float = MESSAGE_SECONDS, clock: Callable[[], float] = time.monotonic
    ):
        self._resolver = resolver
        self._left = seconds
        self._clock = clock

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._left)

    def texts(self, name: str) -> tuple[str, ...]:
        """As Resolver.texts, within what is left of the time."""
        begun = self._clock()
        try:
            return self._resolver.texts(name, self._left)
        finally:
            self._left -= self._clock() - begun


def name_servers(text: str) -> list[dns.nameserver.Nameserver]:
    """Return the servers of a setting such as "10.0.0.53, [::1]:5353"; [] for a blank one.

    Raises:
        ConfigurationError: it is no list of IP addresses.
    """
    servers = []
    for part in text.replace(";", ",").split(","):
        part = part.strip()
        if not part:
            continue
        host, port = part, "53"
        if part.startswith("["):
            host, bracket, rest = part[1:].partition("]")
            port = (rest.lstrip(":") or "53") if bracket else ""
        elif part.count(":") == 1:
            host, _colon, port = part.partition(":")
        try:
            address = str(ipaddress.ip_address(host))
            number = int(port)
            if not 0 < number < 65_536:
                raise ValueError(port)
            # Clouds answer DNS at link-local addresses, beside other things that are none of ours.
            if is_forbidden(address) and number != 53:
                raise ValueError(address)
        except ValueError as error:
            raise ConfigurationError(f"“{part}” is no IP address of a DNS server.", field="dns_servers") from error
        servers.append(dns.nameserver.Do53Nameserver(address, number))
    return servers


def make_asking(servers: str = "") -> dns.resolver.Resolver | None:
    """Return who asks ``servers``; where that is blank, those of the system; None for "none" and where there is none.

    Raises:
        ConfigurationError: see name_servers.
    """
    if servers.strip().lower() == "none":
        return None
    named = name_servers(servers)
    try:
        asking = dns.resolver.Resolver(configure=not named)
    except (dns.exception.DNSException, OSError):
        return None
    if named:
        asking.nameservers = named
    return asking


def make_resolver(servers: str = "") -> Resolver:
    """Return a Resolver that asks as make_asking has it; its errors pass through."""
    return Resolver(make_asking(servers))


def _failure(words: str) -> GatewayError:
    return GatewayError(words, phase="resolve")
