# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Why OAuth providers refuse, and what helps: what is the same for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Remedy(str, Enum):
    """Who can help."""

    RECONNECT = "reconnect"  # a person logs in at the provider again
    SETTINGS = "settings"  # something typed here, or registered at the provider, is wrong
    WAIT = "wait"  # it passes


@dataclass(frozen=True, slots=True)
class Cause:
    """Attributes:
    text: what is wrong, for people.
    cure: what they do about it.
    field: the setting most probably at fault: client_id, client_secret, tenant, scopes, redirect_uri, authorize_url,
        token_url, token, user, or "".
    """

    text: str
    cure: str
    remedy: Remedy
    field: str = ""


BUSY = Cause("The provider cannot answer at the moment.", "Nothing; it is tried again by itself.", Remedy.WAIT)
REDIRECT = Cause(
    "The redirect URI is not registered for this application.",
    "Copy the redirect URI that is shown here, letter by letter, to the application at the provider (type Web; at "
    "Google a client of the type Web Application), and check that web.base.url is the address that people use.",
    Remedy.SETTINGS,
    "redirect_uri",
)
CONSENT = Cause(
    "Nobody has consented yet to what the application asks for.",
    "Connect the account and accept. For client credentials an administrator grants consent once, under API "
    "permissions, Grant admin consent.",
    Remedy.RECONNECT,
    "scopes",
)
ADMIN_CONSENT = Cause(
    "An administrator has to allow the application first.",
    "Have an administrator of the organization grant consent: in Microsoft Entra under API permissions, Grant admin "
    "consent. Then connect again.",
    Remedy.RECONNECT,
    "scopes",
)
DECLINED = Cause(
    "The request was declined at the provider.",
    "Connect again and accept. Where nobody declined, the account is not allowed to use the application: add it to the "
    "test users (Google, while the app is in testing), or ask the organization's administrator.",
    Remedy.RECONNECT,
)
INTERACTION = Cause(
    "The provider wants a person to log in again, with a second factor or a new consent.",
    "Connect the account again.",
    Remedy.RECONNECT,
)
CODE = Cause(
    "The code from the login page has expired or was used before.",
    "Connect again; a code lasts for a few minutes and once.",
    Remedy.RECONNECT,
    "token",
)
VERIFIER = Cause(
    "The login was begun somewhere else than it was ended.",
    "Connect again, in one browser window.",
    Remedy.RECONNECT,
    "token",
)
SCOPE = Cause(
    "The provider does not know one of the scopes, or does not give it to this application.",
    "Compare the scopes, and the API permissions of the application, with the documentation of the provider.",
    Remedy.SETTINGS,
    "scopes",
)
NO_RESOURCE = Cause(
    "The tenant has no such service as the scopes name.",
    "Check the scopes, and that the organization has Exchange Online.",
    Remedy.SETTINGS,
    "scopes",
)
DISABLED_CLIENT = Cause(
    "The application was switched off at the provider.",
    "Switch it on again there, or register another one.",
    Remedy.SETTINGS,
    "client_id",
)
