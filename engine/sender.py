# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The sender that a connection test presents."""

from __future__ import annotations


def sender_for_test(from_filter: tuple[str, ...], user_name: str, default_from: str, user_address: str) -> str:
    """Return the first of: an address in the FROM filter, the server's own user name, the Default From, the user's.

    A filter of domains only is met with one of these if it is of such a domain, else with ``odoo`` there, as Odoo
    does. "" when there is nothing at all; a test then presents the null sender, which every server must take
    (RFC 5321 §4.5.5).
    """
    for part in from_filter:
        if "@" in part:
            return part
    candidates = [address for address in (user_name, default_from, user_address) if address and "@" in address]
    if from_filter:
        for address in candidates:
            if address.rpartition("@")[2].lower() in from_filter:
                return address
        return f"odoo@{from_filter[0]}"
    return candidates[0] if candidates else ""
