# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""For whom a mail server delivered a message, as far as its headers tell (no RFC settles it)."""

from __future__ import annotations

from collections.abc import Iterable

from .summary import Summary, addresses

# X-Original-To: Postfix, the address before aliases were expanded. Envelope-To: Exim, all recipients of one delivery.
# Delivered-To: the final mailbox for most, and the last to be believed.
HEADERS = ("X-Original-To", "Envelope-To", "X-Envelope-To", "X-RCPT-To", "Delivered-To")


def header_order(setting: str) -> tuple[str, ...]:
    """Return the header names of a setting: separated by commas or spaces; the default order when there are none."""
    names = tuple(name for name in setting.replace(",", " ").split() if name.isascii())
    return names or HEADERS


def recipients(summary: Summary, order: Iterable[str] = HEADERS) -> list[str]:
    """Return the addresses (lower-case) of the first header of ``order`` that names any; [] when none does.

    Of a header that occurs several times the first is meant: each server on the way puts its own above the others.
    """
    for name in order:
        found = addresses(summary.header(name))
        if found:
            return found
    return []
