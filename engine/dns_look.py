# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One look at a domain: all of its records, its zone, and who hosts it. Network only."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from .dns_asking import Asking
from .dns_dkim_record import check_dkim
from .dns_dmarc import DmarcPolicy, check_dmarc, would_align
from .dns_host import find_zone, host_of
from .dns_mail_exchange import check_mx, check_target
from .dns_record import CheckedRecord, NeededRecord, RecordKind, RecordState
from .dns_spf import check_spf

# In the place of the type of a record: the return path's own domain, which is no record but is judged beside them.
ADDRESS = "ADDRESS"
_MOST_RECORDS = 60
_MOST_HOSTS = 10


@dataclass(frozen=True)
class DomainQuestion:
    """What is to be looked at.

    Attributes:
        needed: the records; at most one of SPF.
        hosts: names or addresses of own servers that send for the domain.
        addresses: public IP addresses that an administrator typed in for them; the hosts are not asked for then.
    """

    domain: str
    needed: tuple[NeededRecord, ...]
    hosts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass
class DomainLook:
    """What was found.

    Attributes:
        records: in the order asked for.
        zone, host, guide: see dns_host; "" where unknown.
        policy: DMARC as it holds for the domain.
        reverse: public address of an own server: its name by PTR that leads back to it, "" for none. Only those that
            were answered.
    """

    records: list[CheckedRecord] = field(default_factory=list)
    zone: str = ""
    host: str = ""
    guide: str = ""
    policy: DmarcPolicy = field(default_factory=DmarcPolicy)
    reverse: dict[str, str] = field(default_factory=dict)


def look(asking: Asking, question: DomainQuestion) -> DomainLook:
    """Return what the DNS says; what it does not answer is unknown. Never fails."""
    found = DomainLook()
    found.zone, servers = find_zone(asking, question.domain)
    host = host_of(servers)
    if host:
        found.host, found.guide = host.name, host.guide
    hosts = _own_hosts(asking, question)
    for needed in question.needed[:_MOST_RECORDS]:
        # What one record asked in vain is no doubt about the next.
        asking.failures = 0
        match needed.kind:
            case RecordKind.SPF:
                found.records.append(check_spf(asking, needed, hosts=hosts))
            case RecordKind.DKIM:
                found.records.append(check_dkim(asking, needed))
            case RecordKind.DMARC:
                checked, found.policy = check_dmarc(asking, needed)
                found.records.append(checked)
            case RecordKind.MX:
                found.records.append(check_mx(asking, needed))
            case RecordKind.RETURN_PATH if needed.record_type == ADDRESS:
                found.records.append(check_return_path(question.domain, needed, found.policy))
            case RecordKind.RETURN_PATH:
                found.records.append(check_target(asking, needed))
    found.records = [_judged(one, found.records) for one in found.records]
    for address in {one for known in hosts.values() for one in known or ()}:
        name = reverse_name(asking, address)
        if name is not None:
            found.reverse[address] = name
    return found


def check_return_path(domain: str, needed: NeededRecord, policy: DmarcPolicy) -> CheckedRecord:
    """Say whether SPF of the return path counts for DMARC.

    Args:
        needed: its name is the domain that bounces go to.
    """
    facts = {"domain": domain, "other": needed.name}
    if would_align(domain, needed.name, is_strict=policy.is_strict_spf):
        return CheckedRecord(needed, RecordState.RIGHT, "return_path_aligned", needed.name, "", facts)
    verdict = "return_path_strict" if policy.is_strict_spf else "return_path_not_aligned"
    return CheckedRecord(needed, RecordState.WARNING, verdict, needed.name, "", facts)


def _judged(checked: CheckedRecord, others: list[CheckedRecord]) -> CheckedRecord:
    """Return a provider's key that is missing as no more than a pity where another key of the domain is right.

    One signature of the domain is enough for DMARC (RFC 7489 §3.1.1): that of this database, or of another selector.
    """
    is_right = any(one.verdict == "dkim_right" for one in others)
    is_provider = checked.needed.record_type == "CNAME" or not checked.needed.expected
    if is_right and is_provider and checked.verdict in ("dkim_missing", "dkim_missing_provider"):
        return replace(checked, state=RecordState.WARNING)
    return checked


def public_addresses(addresses: Iterable[str]) -> list[str]:
    """Return those addresses that mail can come from as others see it."""
    return [one for one in addresses if ipaddress.ip_address(one).is_global]


def reverse_name(asking: Asking, address: str) -> str | None:
    """Return the name that an address has by PTR and that leads back to it, "" for none; None: nobody answered."""
    names = asking.values(ipaddress.ip_address(address).reverse_pointer, "PTR")
    if names is None:
        return None
    for name in names[:_MOST_HOSTS]:
        found = asking.addresses(name)
        if found is None:
            return None
        if address in found:
            return name
    return ""


def _own_hosts(asking: Asking, question: DomainQuestion) -> dict[str, list[str] | None]:
    if question.addresses:
        return {address: [address] for address in question.addresses}
    hosts: dict[str, list[str] | None] = {}
    for host in question.hosts[:_MOST_HOSTS]:
        try:
            hosts[host] = public_addresses([str(ipaddress.ip_address(host))])
        except ValueError:
            addresses = asking.addresses(host) if "." in host else []
            hosts[host] = None if addresses is None else public_addresses(addresses)
    return hosts
