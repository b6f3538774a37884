# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""MX records: where mail to a domain goes (RFC 5321 §5.1)."""

from __future__ import annotations

from .dns_asking import Asking
from .dns_record import CheckedRecord, NeededRecord, RecordState

_MOST_HOSTS = 10


def check_mx(asking: Asking, needed: NeededRecord) -> CheckedRecord:
    """Look where mail to a domain goes.

    Args:
        needed: ``is_required`` where this database reads mail of the domain.
    """
    values = asking.values(needed.name, "MX")
    if values is None:
        return CheckedRecord(needed, RecordState.UNKNOWN, "no_answer")
    bad = RecordState.WRONG if needed.is_required else RecordState.WARNING
    if not values:
        addresses = asking.addresses(needed.name)
        if addresses is None:
            return CheckedRecord(needed, RecordState.UNKNOWN, "no_answer")
        # RFC 5321 §5.1: without MX the host of that name gets the mail, which is most often a web server.
        return CheckedRecord(needed, bad, "mx_implicit" if addresses else "mx_missing", "\n".join(addresses))
    seen = "\n".join(sorted(values, key=_preference))
    hosts = [value.partition(" ")[2].strip() for value in sorted(values, key=_preference)]
    if not any(hosts):
        # RFC 7505: "0 ." says that the domain takes no mail.
        return CheckedRecord(needed, bad, "mx_null", seen)
    found = {host: asking.addresses(host) for host in hosts[:_MOST_HOSTS] if host}
    if any(addresses is None for addresses in found.values()):
        return CheckedRecord(needed, RecordState.UNKNOWN, "no_answer", seen)
    dead = [host for host, addresses in found.items() if not addresses]
    if len(dead) == len(found):
        return CheckedRecord(needed, bad, "mx_dead", seen, "", {"hosts": ", ".join(dead)})
    if dead:
        return CheckedRecord(needed, RecordState.WARNING, "mx_partly_dead", seen, "", {"hosts": ", ".join(dead)})
    return CheckedRecord(needed, RecordState.RIGHT, "mx_right", seen)


def check_target(asking: Asking, needed: NeededRecord) -> CheckedRecord:
    """Look whether the CNAME of an own return path leads to the provider."""
    targets = asking.values(needed.name, "CNAME")
    if targets is None:
        return CheckedRecord(needed, RecordState.UNKNOWN, "no_answer")
    if not targets:
        return CheckedRecord(needed, RecordState.WARNING, "return_path_cname_missing", "", needed.expected)
    if targets[0] != needed.expected:
        return CheckedRecord(needed, RecordState.WARNING, "return_path_cname_other", targets[0], needed.expected)
    return CheckedRecord(needed, RecordState.RIGHT, "return_path_cname_right", targets[0])


def _preference(value: str) -> tuple[int, str]:
    number, _space, host = value.partition(" ")
    return (int(number) if number.isdigit() else 0, host)
