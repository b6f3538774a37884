# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""With which From a mail leaves, and why. Pure: settings in, address and steps out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from email.utils import getaddresses
from enum import Enum

from .server_choice import names
from .trace import TraceStep


class FromPolicy(str, Enum):
    """What a server does with the sender's address. The values are stored."""

    REWRITE = "rewrite"
    FORCE = "force"
    KEEP = "keep"
    ODOO = "odoo"


FROM_POLICY_WORDS = {
    FromPolicy.REWRITE: "Replace addresses that are not ours",
    FromPolicy.FORCE: "Replace every address",
    FromPolicy.KEEP: "Keep the sender's address",
    FromPolicy.ODOO: "As Odoo does",
}

# RFC 2606 §3 and §2, RFC 6761: nobody can answer mail from these. Their subdomains and .test stay allowed: people who
# try things out use them, and deliver them themselves.
PLACEHOLDER_DOMAINS = frozenset({"example.com", "example.net", "example.org", "localhost", "localhost.localdomain"})
PLACEHOLDER_SUFFIXES = (".invalid", ".localhost", ".example")


@dataclass(frozen=True)
class FromSettings:
    """What is set for all servers. Addresses are bare and lower-case, "" where there is none.

    Attributes:
        force: replaces every From (parameter mail.force.smtp.from).
        default_from: Default From of the alias domain, complete.
        overwrites_all: the Default From replaces every From.
        dynamic: replaces every From that is not of our domains (parameter mail.dynamic.smtp.from).
        domains: the alias domains of the company that sends.
    """

    force: str = ""
    default_from: str = ""
    overwrites_all: bool = False
    dynamic: str = ""
    domains: Collection[str] = frozenset()


@dataclass(frozen=True)
class SendingServer:
    """What the policy needs to know of the server that will send.

    Attributes:
        from_filter: as `server_choice.Server` has it.
        address: put in the place of others on this server, "" for the Default From.
        user_name: login of the server; the last resort where it is an address.
        personal: of one user, who may use no other address on it.
    """

    policy: FromPolicy = FromPolicy.ODOO
    from_filter: tuple[str, ...] = ()
    address: str = ""
    user_name: str = ""
    personal: bool = False


@dataclass(frozen=True)
class FromDecision:
    """What was decided.

    Attributes:
        address: bare address to send as; "" leaves the decision to the next rule, and at last to Odoo.
        steps: what was looked at.
    """

    address: str
    steps: tuple[TraceStep, ...] = ()


def general_from(sender: str, settings: FromSettings) -> FromDecision:
    """Decide by what holds for all servers, before one is chosen: the first rule that is set decides.

    Args:
        sender: bare lower-case address that the mail would have; "" when it has none.
    """
    steps: list[TraceStep] = []
    for rule, address in (
        ("mail.force.smtp.from", settings.force),
        ("full Default From that overwrites all", settings.default_from if settings.overwrites_all else ""),
    ):
        if _is_usable(rule, address, steps):
            steps.append(TraceStep(rule, address, "used"))
            return FromDecision(address, tuple(steps))
    rule = "mail.dynamic.smtp.from"
    if _is_usable(rule, settings.dynamic, steps):
        if sender and _domain(sender) in settings.domains and not is_placeholder(sender):
            steps.append(TraceStep(rule, f"{_domain(sender)} is one of our alias domains", "From kept"))
            return FromDecision(sender, tuple(steps))
        steps.append(TraceStep(rule, "the From is of no alias domain of ours", f"{settings.dynamic} used"))
        return FromDecision(settings.dynamic, tuple(steps))
    return FromDecision("", tuple(steps))


def server_from(sender: str, server: SendingServer, settings: FromSettings) -> FromDecision:
    """Decide by the policy of the server that was chosen; only asked when `general_from` left it open.

    Args:
        sender: as in `general_from`.
    """
    if server.personal:
        return FromDecision(sender, (TraceStep("server of one user", "its own address", "From kept"),))
    words = f"policy of the server: {FROM_POLICY_WORDS[server.policy]}"
    if server.policy is FromPolicy.ODOO:
        return FromDecision("", (TraceStep(words, "FROM filter", "Default From where it does not match"),))
    steps: list[TraceStep] = []
    must_go = not sender or is_placeholder(sender)
    if sender and must_go:
        steps.append(TraceStep("domain of the From", f"{_domain(sender)} is a placeholder", "not sent as"))
    if not must_go and server.policy is FromPolicy.KEEP:
        return FromDecision(sender, (TraceStep(words, sender, "From kept"),))
    if not must_go and server.policy is FromPolicy.REWRITE:
        if names(server.from_filter, sender):
            return FromDecision(sender, (TraceStep(words, "the server's FROM filter names it", "From kept"),))
        if _domain(sender) in settings.domains:
            return FromDecision(sender, (TraceStep(words, f"{_domain(sender)} is ours", "From kept"),))
    for name, address in (
        ("address of the server", server.address),
        ("Default From", settings.default_from),
        ("user name of the server", server.user_name if "@" in server.user_name else ""),
    ):
        if address and not is_placeholder(address):
            steps.append(TraceStep(words, f"{name}: {address}", "used"))
            return FromDecision(address, tuple(steps))
    # With nothing to put in its place the mail still goes: that it is refused is better than that nobody hears of it.
    steps.append(TraceStep(words, "no Default From and no user name that is an address", "From kept"))
    return FromDecision(sender, tuple(steps))


def with_address(email_from: str, address: str) -> str:
    """Return a From field of ``address`` with the name of ``email_from``, its local part where it has no name.

    A From with several authors (RFC 5322 §3.6.2) gives the first one's.
    """
    # RFC 5322 §2.2: a header field is one line; what is no printable character would end it.
    line = "".join(character if character.isprintable() else " " for character in email_from or "")
    pairs = getaddresses([line])
    name, old_address = pairs[0] if pairs else ("", "")
    name = name.strip() or old_address.partition("@")[0]
    if not name:
        return address
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>'


def is_address(value: str) -> bool:
    """Return whether a text is one bare address: no name, no list, nothing that a header field would trip over."""
    local, _at, domain = value.rpartition("@")
    return bool(
        local
        and domain.strip(".") == domain != ""
        and ".." not in value
        and all(character.isprintable() and character not in ' "(),:;<>@[\\]' for character in local)
        and all(character.isalnum() or character in "-._" for character in domain)
    )


def is_placeholder(address: str) -> bool:
    """Return whether an address is of a domain that nobody can have."""
    domain = _domain(address).lower()
    return domain in PLACEHOLDER_DOMAINS or domain.endswith(PLACEHOLDER_SUFFIXES)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _is_usable(rule: str, address: str, steps: list[TraceStep]) -> bool:
    if address and is_placeholder(address):
        steps.append(TraceStep(rule, f"{_domain(address)} is a placeholder", "next rule"))
        return False
    return bool(address)
