# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Addresses that nothing is asked at, whatever name leads there: links, clouds' metadata services, nobody."""

from __future__ import annotations

import ipaddress

# Where clouds tell a machine its secrets, beside the link-local 169.254.169.254 and fe80::/10: AWS over IPv6, Google
# over IPv6, Scaleway over IPv6, Alibaba, Azure's wire server, Oracle's older clouds.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:42::42",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    )
)
# RFC 1122 §3.2.1.3: this host on this network; Linux takes all of it, not only 0.0.0.0, for the machine itself.
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
# RFC 6052 §2.1: what a translator on the way makes an IPv4 address of.
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
# RFC 4291 §2.5.5.1: deprecated, and still routed by some systems.
_COMPATIBLE = ipaddress.ip_network("::/96")


def is_forbidden(address: str) -> bool:
    """Return whether nothing may be asked at an IP address.

    Private ranges and the loopback are not forbidden: mail servers live there, often on the machine itself.

    Args:
        address: as ``getaddrinfo`` gives it, with or without a scope ("fe80::1%eth0"). What is no IP address is
            forbidden, since nothing can be said about where it leads.
    """
    return any(map(_is_bad, meanings(address))) if meanings(address) else True


def is_local(address: str) -> bool:
    """Return whether an IP address is this machine's own."""
    return any(found.is_loopback for found in meanings(address))


def meanings(address: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, ...]:
    """Return the IP address with the IPv4 addresses that are wrapped up in it; nothing for what is none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ()
    if found.version == 4:
        return (found,)
    inner = [found.ipv4_mapped, found.sixtofour, *(found.teredo or ())]
    if found in _TRANSLATED or (found in _COMPATIBLE and int(found) > 0xFFFF):
        inner.append(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
    return (found, *filter(None, inner))


def _is_bad(found: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if found.version == 4 and found in _THIS_NETWORK:
        return True
    if found.version == 4 and int(found) == 0xFFFFFFFF:
        return True
    return found.is_link_local or found.is_multicast or found.is_unspecified or found in _METADATA
