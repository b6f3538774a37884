# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Where the servers of an email address are: what its domain tells, then what is usual and answers.

Order: SRV records (RFC 6186, RFC 8314 §5.1), Mozilla's autoconfig, the provider whose servers take the domain's mail,
and names that are usual. Nothing is logged in to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import dns.exception
import dns.resolver
import idna

from .autoconfig import autoconfig_urls, parse_autoconfig
from .connection import Connection, Security, connect, resolve
from .errors import ConfigurationError, GatewayError
from .port_probe import PortAnswer, probe_ports
from .provider import PROVIDERS
from .resolver import name_servers
from .web_fetch import Forbidden, fetch_https, is_forbidden

# (service, protocol, security); encrypted from the start goes first, RFC 8314 §3.
_SERVICES = (
    ("_submissions._tcp", "smtp", Security.TLS),
    ("_submission._tcp", "smtp", Security.STARTTLS),
    ("_imaps._tcp", "imap", Security.TLS),
    ("_imap._tcp", "imap", Security.STARTTLS),
    ("_pop3s._tcp", "pop", Security.TLS),
    ("_pop3._tcp", "pop", Security.STARTTLS),
)
_USUAL = {
    "smtp": (("smtp", "mail", "mx"), (465, 587)),
    "imap": (("imap", "mail"), (993, 143)),
    "pop": (("pop", "pop3", "mail"), (995, 110)),
}
# Whose customer a domain is, by the end of its MX record.
_MX_ENDS = {
    "google.com": "gmail",
    "googlemail.com": "gmail",
    "mail.protection.outlook.com": "microsoft",
    "zoho.com": "zoho",
    "ovh.net": "ovh",
    "infomaniak.ch": "infomaniak",
}
DNS_SECONDS = 4.0
BUDGET_SECONDS = 30.0

ORIGIN_WORDS = {
    "srv": "The domain's DNS names it",
    "autoconfig": "The domain's mail configuration names it",
    "provider": "The provider that takes the domain's mail",
    "guess": "A usual name; the server answers",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server that may be the one. `origin` is a key of ORIGIN_WORDS; `user` is "" where it is not known.

    `is_elsewhere`: DNS names a server of another domain, which a person has to approve (RFC 6186 §6).
    """

    protocol: str
    host: str
    port: int
    security: Security
    origin: str
    user: str = ""
    provider: str = ""
    is_elsewhere: bool = False


@dataclass
class Discovery:
    """What was found, best first, and what was looked at in vain, in words."""

    candidates: list[Candidate] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def resolver_of(servers: str) -> dns.resolver.Resolver | None:
    """Return what asks the DNS servers of a setting; None for a blank one: those of the system are asked.

    Args:
        servers: see resolver.name_servers; "none": nobody, so that every question fails.

    Raises:
        ConfigurationError: it is no list of IP addresses.
    """
    is_nobody = servers.strip().lower() == "none"
    named = [] if is_nobody else name_servers(servers)
    if not named and not is_nobody:
        return None
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = named
    return resolver


Fetch = Callable[[str], bytes | None]
Probe = Callable[[str, Sequence[int]], list[PortAnswer]]


def discover(
    address: str,
    protocols: Sequence[str],
    *,
    resolver: dns.resolver.Resolver | None = None,
    fetch: Fetch = fetch_https,
    probe: Probe | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Discovery:
    """Look for the servers of an address.

    Args:
        protocols: of smtp, imap, pop; those wanted.
        resolver: asks the DNS; default the system's.
        fetch: returns the body behind an https URL or None; raises GatewayError.
        probe: returns what answers on ports of a host.
        clock: seconds; after BUDGET_SECONDS nothing more is begun.

    Raises:
        ConfigurationError: it is no email address.
    """
    address, domain = _address(address)
    end = clock() + BUDGET_SECONDS
    found = Discovery()
    if resolver is None:
        try:
            resolver = dns.resolver.Resolver()
        except dns.exception.DNSException:
            found.notes.append("This system has no DNS server to ask.")
    for candidate in _by_srv(domain, protocols, resolver, found.notes):
        _add(found, candidate)
    for candidate in _by_autoconfig(address, domain, protocols, fetch, found.notes, lambda: clock() < end):
        _add(found, candidate)
    known = {candidate.protocol for candidate in found.candidates}
    for candidate in _by_provider(domain, protocols, resolver, known):
        _add(found, candidate)
    # What a domain tells is better than any guess.
    missing = [protocol for protocol in protocols if protocol not in {one.protocol for one in found.candidates}]
    for candidate in _by_guess(domain, missing, probe or guarded_probe, lambda: clock() < end):
        _add(found, candidate)
    found.candidates = [one if one.user else replace(one, user=address) for one in found.candidates]
    return found


def guarded_probe(host: str, ports: Sequence[int], forbidden: Forbidden = is_forbidden) -> list[PortAnswer]:
    """Probe ports of a host, unless it leads to an address that must not be asked."""

    def dial(connection: Connection):
        allowed = [entry for entry in resolve(connection) if not forbidden(entry[4][0])]
        if not allowed:
            raise GatewayError("It leads to an address that must not be asked.", permanent=True, phase="connect")
        return connect(connection, allowed)

    return probe_ports(Connection(host, ports[0]), ports, dial=dial)


def _address(text: str) -> tuple[str, str]:
    local, at, domain = (text or "").strip().rpartition("@")
    try:
        domain = idna.encode(domain.lower(), uts46=True).decode("ascii")
    except idna.IDNAError:
        domain = ""
    if not at or not local or "." not in domain or any(character.isspace() for character in local):
        raise ConfigurationError("This is no email address.", field="address")
    return f"{local}@{domain}", domain


def _add(found: Discovery, candidate: Candidate) -> None:
    key = (candidate.protocol, candidate.host, candidate.port)
    if key not in {(one.protocol, one.host, one.port) for one in found.candidates}:
        found.candidates.append(candidate)


def _ask(resolver, name: str, kind: str, notes: list[str]) -> list:
    if resolver is None:
        return []
    try:
        return list(resolver.resolve(name, kind, lifetime=DNS_SECONDS, search=False))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException:
        note = "The DNS did not answer every question."
        if note not in notes:
            notes.append(note)
        return []


def _by_srv(domain: str, protocols: Sequence[str], resolver, notes: list[str]) -> Iterable[Candidate]:
    for service, protocol, security in _SERVICES:
        if protocol not in protocols:
            continue
        records = _ask(resolver, f"{service}.{domain}", "SRV", notes)
        # RFC 2782: the lowest priority first. Weights share load between clients; here the heaviest goes first.
        for record in sorted(records, key=lambda record: (record.priority, -record.weight)):
            host = record.target.to_text(omit_final_dot=True).lower()
            # RFC 2782: a target of "." says that the service is not there.
            if host and host != "." and record.port:
                yield Candidate(
                    protocol, host, record.port, security, "srv", is_elsewhere=not _is_within(host, domain)
                )


def _by_autoconfig(address, domain, protocols, fetch, notes, has_time) -> Iterable[Candidate]:
    for url in autoconfig_urls(address, domain):
        if not has_time():
            return
        try:
            document = fetch(url)
            servers = parse_autoconfig(document, address) if document else []
        except GatewayError as error:
            if error.phase in ("parse", "fetch"):
                notes.append(f"The domain's mail configuration could not be used: {error}")
            continue
        for server in servers:
            if server.protocol in protocols:
                yield Candidate(
                    server.protocol,
                    server.host,
                    server.port,
                    server.security,
                    "autoconfig",
                    server.user,
                    is_elsewhere=not _is_within(server.host, domain),
                )
        if servers:
            return


def _by_provider(domain, protocols, resolver, known) -> Iterable[Candidate]:
    hosts = [
        record.exchange.to_text(omit_final_dot=True).lower()
        for record in sorted(_ask(resolver, domain, "MX", []), key=lambda record: record.preference)
    ]
    code = next((code for host in hosts for end, code in _MX_ENDS.items() if _is_within(host, end)), None)
    if code:
        provider = PROVIDERS[code]
        for protocol, host in (("smtp", provider.outgoing), ("imap", provider.incoming)):
            if protocol in protocols and protocol not in known and host:
                yield Candidate(protocol, host.host, host.port, host.security, "provider", provider=code)


def _by_guess(domain, protocols, probe, has_time) -> Iterable[Candidate]:
    for protocol in protocols:
        names, ports = _USUAL[protocol]
        for name in names:
            if not has_time():
                return
            host = f"{name}.{domain}"
            answers = [
                answer
                for answer in probe(host, ports)
                # Where it speaks without encryption, a password would be read on the way.
                if answer.protocol == protocol and answer.security in (Security.TLS, Security.STARTTLS)
            ]
            for answer in answers:
                yield Candidate(protocol, host, answer.port, answer.security, "guess")
            if answers:
                break


def _is_within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
