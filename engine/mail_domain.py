# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which texts are domains that mail can come from."""

from __future__ import annotations

import re

from .from_policy import is_placeholder
from .sender_address import ascii_domain

# RFC 1035 §2.3.4 and RFC 5321 §2.3.5: letters, digits and hyphens; a top level domain has a letter in it, so that no
# IP address is taken for a name.
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{4,253}}\Z)(?:{_LABEL}\.)+(?=[^.]*[a-z])({_LABEL})", re.ASCII)


def mail_domain(text: str) -> str:
    """Return a domain in its ASCII, lower-case form without the last dot; "" when the text is none.

    Of an address the domain is taken.
    """
    domain = ascii_domain(text.strip().strip("<>").rpartition("@")[2].rstrip(".").lower())
    return domain if _DOMAIN.fullmatch(domain) else ""


def is_published(domain: str) -> bool:
    """Return whether the DNS can know a domain: not a placeholder, and not of a private network (RFC 6762 §3)."""
    return not is_placeholder(f"x@{domain}") and not domain.endswith((".local", ".localdomain", ".internal", ".lan"))
