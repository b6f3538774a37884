# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which outgoing server sends a mail, with which From, and why. Pure: servers in, choice and steps out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .trace import TraceStep


@dataclass(frozen=True)
class Server:
    """What the choice needs to know of an outgoing server.

    Attributes:
        id: the server's record id.
        priority: lower goes first; then name, then id.
        from_filter: lower-case addresses and domains the server may send as; empty admits any From.
        personal: belongs to one user, and serves only mail that names it; never a fallback.
    """

    id: int
    priority: int
    name: str
    from_filter: tuple[str, ...] = ()
    personal: bool = False


@dataclass(frozen=True)
class Choice:
    """The decision.

    Attributes:
        server_id: None for the server of the configuration file.
        email_from: the From to use: the wanted one as given, or the notification address.
        steps: what was looked at, in order.
        is_fallback: the server does not admit the From; it was taken since nothing better is there.
    """

    server_id: int | None
    email_from: str
    steps: tuple[TraceStep, ...]
    is_fallback: bool = False


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
) -> Choice:
    """Choose the server for ``email_from``.

    Order: exact address in a FROM filter, its domain, a server for the notification address (address, then domain),
    the first server without a filter, the first server, the configuration file.

    Args:
        email_from: the wanted From, with or without a name; "" when the mail has none.
        servers: active servers that may be used; the order given does not matter.
        normalize: returns the bare lower-case address of a From field, "" when there is none.
        notification_address: default From of the alias domain; also replaces a From that no filter admits.
        configuration_filter: FROM filter of the configuration file's server.
    """
    steps: list[TraceStep] = []
    ordered = in_order(servers)
    shared = [server for server in ordered if not server.personal]
    wanted = normalize(email_from) if email_from else ""
    notification = normalize(notification_address) if notification_address else ""
    for address, candidates, result, word in (
        (wanted, ordered, email_from, "From"),
        (notification, shared, notification_address, "notification address"),
    ):
        if not address:
            steps.append(TraceStep(word, "none", "skipped"))
            continue
        for target, kind in ((address, "address"), (address.rpartition("@")[2], "domain")):
            server = next((server for server in candidates if target in server.from_filter), None)
            if server:
                steps.append(TraceStep(f"{kind} of the {word} in a FROM filter", f"server {server.id}", "chosen"))
                return Choice(server.id, result, tuple(steps))
            steps.append(TraceStep(f"{kind} of the {word} in a FROM filter", "no server", "next rule"))
    fallback_from = notification_address or email_from
    open_server = next((server for server in shared if not server.from_filter), None)
    if open_server:
        steps.append(TraceStep("first server without a FROM filter", f"server {open_server.id}", "chosen"))
        return Choice(open_server.id, fallback_from, tuple(steps))
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
    return not from_filter or address in from_filter or address.rpartition("@")[2] in from_filter
