# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Microsoft's numbers for refusals (AADSTS…), what they mean, and what helps. A table, tested line by line."""

from __future__ import annotations

from .oauth_cause import (
    ADMIN_CONSENT,
    BUSY,
    CODE,
    CONSENT,
    DECLINED,
    DISABLED_CLIENT,
    INTERACTION,
    NO_RESOURCE,
    REDIRECT,
    SCOPE,
    VERIFIER,
    Cause,
    Remedy,
)

_SECRETS = "Microsoft Entra, App registrations, Certificates & secrets"
_WRONG_SECRET = Cause(
    "The client secret is wrong.",
    f"Enter the secret's Value, not its Secret ID. The value is shown only once: if it was not kept, make a new secret "
    f"under {_SECRETS}.",
    Remedy.SETTINGS,
    "client_secret",
)
_EXPIRED_SECRET = Cause(
    "The client secret has expired.",
    f"Make a new one under {_SECRETS}, and enter its Value here with its new date. Nobody has to connect again.",
    Remedy.SETTINGS,
    "client_secret",
)
_UNKNOWN_APPLICATION = Cause(
    "The provider does not know this client ID, or not in this tenant.",
    "Copy the Application (client) ID and the Directory (tenant) ID from the registered application once more.",
    Remedy.SETTINGS,
    "client_id",
)
_UNKNOWN_TENANT = Cause(
    "Microsoft knows no such tenant.",
    "Enter the Directory (tenant) ID of the registered application, or your organization's domain.",
    Remedy.SETTINGS,
    "tenant",
)
_OTHER_TENANT = Cause(
    "The account that logged in does not belong to the application's tenant.",
    "Log in with an account of that organization, or enter the tenant that the mailbox belongs to.",
    Remedy.RECONNECT,
    "tenant",
)
_SHARED_TENANT = Cause(
    "The application is for one organization only, but the login page for all of them was used.",
    "Enter the Directory (tenant) ID in place of common or organizations.",
    Remedy.SETTINGS,
    "tenant",
)
_POLICY = Cause(
    "A conditional access policy of the organization blocks this login.",
    "Ask an administrator to except this application or account, or to allow this server's address; the sign-in log in "
    "Microsoft Entra names the policy.",
    Remedy.SETTINGS,
    "user",
)
_IDLE = Cause(
    "The refresh token has expired, since it was not used for too long.",
    "Connect the account again.",
    Remedy.RECONNECT,
    "token",
)
_FREQUENCY = Cause(
    "The refresh token has expired: a policy of the organization asks people to log in again after some time.",
    "Connect the account again, and ask an administrator to except it from the sign-in frequency, or use client "
    "credentials.",
    Remedy.RECONNECT,
    "token",
)
_REVOKED = Cause(
    "The access was revoked, or the account's password was changed.",
    "Connect the account again.",
    Remedy.RECONNECT,
    "token",
)
_ACCOUNT = Cause(
    "The account is locked, disabled, or its password has expired.",
    "Have the account put right at the provider, then connect it again.",
    Remedy.RECONNECT,
    "user",
)
_NO_ACCOUNT = Cause(
    "There is no such account in this tenant.",
    "Log in with an account of this tenant, or correct the tenant.",
    Remedy.RECONNECT,
    "tenant",
)
_NOT_ASSIGNED = Cause(
    "The account is not assigned to the application.",
    "Assign it in Microsoft Entra under Enterprise applications, Users and groups, or switch off Assignment required.",
    Remedy.SETTINGS,
    "user",
)
_DEFAULT_SCOPE = Cause(
    "With client credentials Microsoft wants one scope that ends with /.default.",
    "Use https://outlook.office365.com/.default as the only scope.",
    Remedy.SETTINGS,
    "scopes",
)
_NO_SECRET = Cause(
    "The application must prove itself with a client secret.",
    "Enter the client secret; or, at Microsoft, check that the redirect URI is registered as type Web.",
    Remedy.SETTINGS,
    "client_secret",
)
_NEEDLESS_SECRET = Cause(
    "The application is registered as a public one, which has no secret.",
    "Register the redirect URI as type Web, or leave the client secret empty.",
    Remedy.SETTINGS,
    "client_secret",
)

# Microsoft's numbers, after "AADSTS".
NUMBERS = {
    "7000215": _WRONG_SECRET,
    "7000222": _EXPIRED_SECRET,
    "7000218": _NO_SECRET,
    "700025": _NEEDLESS_SECRET,
    "7000112": DISABLED_CLIENT,
    "700016": _UNKNOWN_APPLICATION,
    "90002": _UNKNOWN_TENANT,
    "900023": _UNKNOWN_TENANT,
    "50020": _OTHER_TENANT,
    "50034": _NO_ACCOUNT,
    "50194": _SHARED_TENANT,
    "50011": REDIRECT,
    "500113": REDIRECT,
    "65001": CONSENT,
    "65004": DECLINED,
    "90094": ADMIN_CONSENT,
    "50105": _NOT_ASSIGNED,
    "53000": _POLICY,
    "53001": _POLICY,
    "53003": _POLICY,
    "530003": _POLICY,
    "50074": INTERACTION,
    "50076": INTERACTION,
    "50078": INTERACTION,
    "50079": INTERACTION,
    "50158": INTERACTION,
    "70043": _FREQUENCY,
    "70008": _IDLE,
    "700082": _IDLE,
    "700084": _IDLE,
    "50132": _REVOKED,
    "50133": _REVOKED,
    "50173": _REVOKED,
    "54005": CODE,
    "50148": VERIFIER,
    "501481": VERIFIER,
    "50053": _ACCOUNT,
    "50055": _ACCOUNT,
    "50057": _ACCOUNT,
    "70011": SCOPE,
    "1002012": _DEFAULT_SCOPE,
    "500011": NO_RESOURCE,
    "50196": BUSY,
    "90024": BUSY,
    "90033": BUSY,
    "90055": BUSY,
}
