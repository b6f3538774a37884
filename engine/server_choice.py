# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which outgoing server sends a mail, with which From, and why. Pure: servers in, choice and steps out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .trace import TraceStep


@dataclass(frozen=True)
class Server:
    """What the choice needs to know of an outgoing server.

    Attributes:
        id: the server's record id.
        priority: lower goes first; then name, then id.
        from_filter: lower-case addresses and domains the server may send as; empty admits any From. An entry ".a.org"
            stands for a.org and all its subdomains.
        personal: belongs to one user, and serves only mail that names it; never a fallback.
        company_id: the one company that it serves; None serves all.
    """

    id: int
    priority: int
    name: str
    from_filter: tuple[str, ...] = ()
    personal: bool = False
    company_id: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A server that may send the mail, and the From that it gets there before the server's own policy."""

    server_id: int
    email_from: str


@dataclass(frozen=True)
class Choice:
    """The decision.

    Attributes:
        server_id: None for the server of the configuration file.
        email_from: the From to use: the wanted one as given, or the notification address.
        steps: what was looked at, in order.
        is_fallback: the server does not admit the From; it was taken since nothing better is there.
        alternatives: further servers that may send this From, best first: where the mail goes when this one fails.
    """

    server_id: int | None
    email_from: str
    steps: tuple[TraceStep, ...]
    is_fallback: bool = False
    alternatives: tuple[Candidate, ...] = ()


def in_order(servers: Iterable[Server]) -> list[Server]:
    """Return servers by priority, then name, then id: never a tie."""
    return sorted(servers, key=lambda server: (server.priority, server.name, server.id))


def choose_server(
    email_from: str,
    servers: Sequence[Server],
    *,
    normalize: Callable[[str], str],
    notification_address: str = "",
    configuration_filter: tuple[str, ...] = (),
    company_id: int | None = None,
) -> Choice:
    """Choose the server for ``email_from``.

    Order: exact address in a FROM filter, its domain, a parent domain, a server for the notification address (in the
    same way), the first server without a filter, the first server, the configuration file.

    Args:
        email_from: the wanted From, with or without a name; "" when the mail has none.
        servers: active servers that may be used; the order given does not matter.
        normalize: returns the bare lower-case address of a From field, "" when there is none.
        notification_address: default From of the alias domain; also replaces a From that no filter admits.
        configuration_filter: FROM filter of the configuration file's server.
        company_id: the company that sends; servers of others are left out. None leaves out none.
    """
    steps: list[TraceStep] = []
    ordered = in_order(servers)
    if company_id is not None:
        own = [server for server in ordered if server.company_id in (None, company_id)]
        if len(own) < len(ordered):
            steps.append(TraceStep("company of the servers", f"{len(ordered) - len(own)} of others", "left out"))
        ordered = own
    shared = [server for server in ordered if not server.personal]
    wanted = normalize(email_from) if email_from else ""
    notification = normalize(notification_address) if notification_address else ""
    fallback_from = notification_address or email_from
    unfiltered = [server for server in shared if not server.from_filter]
    for address, candidates, result, word in (
        (wanted, ordered, email_from, "From"),
        (notification, shared, notification_address, "notification address"),
    ):
        if not address:
            steps.append(TraceStep(word, "none", "skipped"))
            continue
        found: list[Server] = []
        for kind, matching in _matching(address, candidates):
            whose = word if (kind, word) == ("address", "notification address") else f"{kind} of the {word}"
            looked_at = f"{whose} in a FROM filter"
            if not found:
                chosen = f"server {matching[0].id}" if matching else "no server"
                steps.append(TraceStep(looked_at, chosen, "chosen" if matching else "next rule"))
            found.extend(matching)
        if found:
            # A person's own server stands for that person: only one that names the address takes its place.
            others = [] if found[0].personal else unfiltered
            alternatives = _alternatives(found[0], [(found, result), (others, fallback_from)])
            return Choice(found[0].id, result, tuple(steps), alternatives=alternatives)
    if unfiltered:
        steps.append(TraceStep("first server without a FROM filter", f"server {unfiltered[0].id}", "chosen"))
        alternatives = _alternatives(unfiltered[0], [(unfiltered, fallback_from)])
        return Choice(unfiltered[0].id, fallback_from, tuple(steps), alternatives=alternatives)
    steps.append(TraceStep("first server without a FROM filter", "none", "next rule"))
    if shared:
        steps.append(TraceStep("first server", f"server {shared[0].id}", "chosen although its filter does not match"))
        return Choice(shared[0].id, fallback_from, tuple(steps), is_fallback=True)
    steps.append(TraceStep("servers", "none", "server of the configuration file"))
    for address, result in ((wanted, email_from), (notification, notification_address)):
        if address and admits(configuration_filter, address):
            steps.append(TraceStep("filter of the configuration file", "admits the From", "chosen"))
            return Choice(None, result, tuple(steps))
    admitted = not configuration_filter
    steps.append(TraceStep("filter of the configuration file", "none" if admitted else "does not match", "chosen"))
    return Choice(None, email_from if admitted else fallback_from, tuple(steps), is_fallback=not admitted)


def admits(from_filter: tuple[str, ...], address: str) -> bool:
    """Return whether a filter admits a bare lower-case address. An empty filter admits all."""
    return not from_filter or names(from_filter, address)


def names(from_filter: tuple[str, ...], address: str) -> bool:
    """Return whether an entry of the filter stands for a bare lower-case address; an empty filter names none."""
    domain = address.rpartition("@")[2]
    return any(entry in from_filter for entry in (address, domain, *_parents(domain)))


def _matching(address: str, servers: Sequence[Server]) -> Iterator[tuple[str, list[Server]]]:
    """Yield (what was compared, servers whose filter has it), from the closest match to the widest."""
    domain = address.rpartition("@")[2]
    yield "address", [server for server in servers if address in server.from_filter]
    yield "domain", [server for server in servers if domain in server.from_filter]
    if any(entry.startswith(".") for server in servers for entry in server.from_filter):
        yield (
            "domain with subdomains",
            [server for parent in _parents(domain) for server in servers if parent in server.from_filter],
        )


def _parents(domain: str) -> list[str]:
    """Return the filter entries with subdomains that stand for a domain, the closest first."""
    labels = domain.split(".")
    # RFC 1035 §2.3.4: 255 octets, so never more than 127 labels; a longer one is no domain.
    return ["." + ".".join(labels[start:]) for start in range(len(labels))] if len(labels) <= 127 else []


def _alternatives(chosen: Server, ways: Iterable[tuple[list[Server], str]]) -> tuple[Candidate, ...]:
    """Return each server that the ways name once, in their order, without the chosen one."""
    found = {}
    for servers, email_from in ways:
        for server in servers:
            if server.id != chosen.id:
                found.setdefault(server.id, Candidate(server.id, email_from))
    return tuple(found.values())
