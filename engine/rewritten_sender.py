# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Return paths that a forwarding server rewrote, and the address that they hide."""

from __future__ import annotations

import re

from .from_policy import is_address

# The sender rewriting scheme: SRS0=hash=time=domain=local@forwarder. A second server on the way makes
# SRS1=hash=first-server==hash=time=domain=local@second of it. The mark may be followed by "=", "+" or "-".
_FIRST = re.compile(r"srs0[=+-][^=]+=[^=]+=([^=]+)=(.+)")
_SECOND = re.compile(r"srs1[=+-][^=]+=[^=]+=[=+-][^=]+=[^=]+=([^=]+)=(.+)")
# Microsoft's: bounces+SRS=hash=time=domain=local@tenant.
_MICROSOFT = re.compile(r"[^+]*\+srs=[^=]+=[^=]+=([^=]+)=(.+)")
# Google's forwarding: forwarder+caf_=target=target.domain@domain-of-forwarder. It hides the target.
_GOOGLE = re.compile(r"([^+]+)\+caf_=.+")
# RFC 5321 §4.5.3.1.3: a path has at most 256 octets; a rewritten one may be a little longer.
_LONGEST = 512


def rewritten_from(path: str) -> tuple[str, str]:
    """Return (original address, forwarder) of a return path, lower-case; the forwarder is a domain or an address.

    The original is "" for Google's, which does not tell it. ("", "") for a path that nobody rewrote.
    """
    address = path.strip().strip("<>").lower()
    local, _at, domain = address.rpartition("@")
    if not local or not domain or len(address) > _LONGEST:
        return "", ""
    for pattern in (_FIRST, _SECOND, _MICROSOFT):
        found = pattern.fullmatch(local)
        if found and is_address(f"{found[2]}@{found[1]}"):
            return f"{found[2]}@{found[1]}", domain
    found = _GOOGLE.fullmatch(local)
    return ("", f"{found[1]}@{domain}") if found else ("", "")
