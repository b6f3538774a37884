# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether an address may be sent as through the server that is chosen for it, as far as the settings say."""

from __future__ import annotations

from enum import Enum

from .from_policy import is_placeholder
from .server_choice import names


class AddressKind(str, Enum):
    """Whose an address is."""

    NOTIFICATION = "notification"
    BOUNCE = "bounce"
    CATCHALL = "catchall"
    PARAMETER = "parameter"
    BOT = "bot"
    COMPANY = "company"
    USER = "user"
    SERVER = "server"
    TEMPLATE = "template"
    CAMPAIGN = "campaign"


ADDRESS_KIND_WORDS = {
    AddressKind.NOTIFICATION: "Default From",
    AddressKind.BOUNCE: "Bounce Address",
    AddressKind.CATCHALL: "Catchall (Reply-To)",
    AddressKind.PARAMETER: "System Parameter",
    AddressKind.BOT: "OdooBot",
    AddressKind.COMPANY: "Company",
    AddressKind.USER: "User",
    AddressKind.SERVER: "Personal Server",
    AddressKind.TEMPLATE: "Email Template",
    AddressKind.CAMPAIGN: "Campaign",
}


class SendingRight(str, Enum):
    """What becomes of an address."""

    NAMED = "named"
    ANY = "any"
    REPLACED = "replaced"
    ANSWERS = "answers"
    REFUSED = "refused"
    PLACEHOLDER = "placeholder"
    MISSING = "missing"


SENDING_RIGHT_WORDS = {
    SendingRight.NAMED: "May: the FROM filter names it",
    SendingRight.ANY: "May, if the provider knows it: the server has no FROM filter",
    SendingRight.REPLACED: "Not sent as: another address takes its place",
    SendingRight.ANSWERS: "Not sent as: answers go there",
    SendingRight.REFUSED: "May be refused: no FROM filter names it",
    SendingRight.PLACEHOLDER: "Nobody can answer it: an address of an example domain",
    SendingRight.MISSING: "No address: mail cannot leave",
}

# What somebody has to put right.
WRONG = frozenset({SendingRight.REFUSED, SendingRight.PLACEHOLDER, SendingRight.MISSING})


def sending_right(wanted: str, leaves_as: str, from_filter: tuple[str, ...]) -> SendingRight:
    """Return what becomes of an address.

    Args:
        wanted: bare lower-case address that somebody sends as; "" for none.
        leaves_as: the one that leaves in its place; "" when there is none.
        from_filter: of the chosen server, as `server_choice.Server` has it; empty where it has none.
    """
    if not leaves_as:
        return SendingRight.MISSING
    if is_placeholder(leaves_as):
        return SendingRight.PLACEHOLDER
    if from_filter and not names(from_filter, leaves_as):
        return SendingRight.REFUSED
    if wanted != leaves_as:
        return SendingRight.REPLACED
    return SendingRight.NAMED if from_filter else SendingRight.ANY
