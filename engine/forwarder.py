# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who passes mail on for others, as a mailbox or intake names them: addresses and domains."""

from __future__ import annotations

import re

from .errors import ConfigurationError
from .recipient_list import EVERYBODY, clean_entry
from .server_choice import names

# More of them are a mistake, and each message is compared with all.
MOST_FORWARDERS = 200


def read_forwarders(text: str) -> tuple[str, ...]:
    """Return the entries of a setting, lower-case, each once: addresses, domains, ".domain" with its subdomains.

    Args:
        text: entries with commas, semicolons, blanks or line breaks between them.

    Raises:
        ConfigurationError: an entry is none of these, or there are more than MOST_FORWARDERS.
    """
    found: dict[str, None] = {}
    for part in re.split(r"[\s,;]+", text.strip()):
        if not part:
            continue
        try:
            entry = clean_entry(part)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        if "." not in entry and "@" not in entry and entry != EVERYBODY:
            # A name without a domain, most likely.
            raise ConfigurationError(f"“{part}” is neither an address (desk@your-domain.org) nor a domain.")
        if entry == EVERYBODY:
            raise ConfigurationError("Not everybody can be a forwarder: who forwards says who wrote.")
        found[entry] = None
    if len(found) > MOST_FORWARDERS:
        raise ConfigurationError(f"More than {MOST_FORWARDERS} forwarders; name their domains instead.")
    return tuple(found)


def is_forwarder(address: str, forwarders: tuple[str, ...]) -> bool:
    """Return whether an entry stands for a bare lower-case address."""
    return bool(address) and names(forwarders, address)
