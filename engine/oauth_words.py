# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The error words of OAuth 2 and of providers, what they mean, and what helps. A table, tested line by line."""

from __future__ import annotations

import re
from dataclasses import dataclass

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

_GOOGLE_REVOKED = Cause(
    "The refresh token has expired or was revoked.",
    "Connect the account again. If it ends every 7 days, the app at Google is still in testing: publish it, or make it "
    "Internal.",
    Remedy.RECONNECT,
    "token",
)
_GRANT = Cause(
    "The provider no longer accepts what it gave: it has expired, was revoked, or is for another application.",
    "Connect the account again.",
    Remedy.RECONNECT,
    "token",
)
_CLIENT = Cause(
    "Client ID or client secret is wrong.",
    "Copy both from the registered application once more.",
    Remedy.SETTINGS,
    "client_secret",
)
_GOOGLE_CLIENT = Cause(
    "Google does not know this client ID.",
    "Copy it from the Google Cloud console, APIs & Services, Credentials; it ends with .apps.googleusercontent.com.",
    Remedy.SETTINGS,
    "client_id",
)
_DELETED_CLIENT = Cause(
    "The application was deleted at the provider.",
    "Register a new one, and enter its client ID and secret; then connect again.",
    Remedy.SETTINGS,
    "client_id",
)
_UNAUTHORIZED_CLIENT = Cause(
    "The application may not log in this way.",
    "Check at the provider which logins it allows (web application, client credentials) and for whose accounts.",
    Remedy.SETTINGS,
    "client_id",
)
_ORGANIZATION_ONLY = Cause(
    "The application is for accounts of its own Google organization only.",
    "Log in with an account of that organization, or make the app External in the Google Cloud console.",
    Remedy.RECONNECT,
    "user",
)
_ADMIN_POLICY = Cause(
    "The organization's administrator does not allow this application.",
    "Have it trusted at admin.google.com under Security, Access and data control, API controls.",
    Remedy.SETTINGS,
    "client_id",
)
_REQUEST = Cause(
    "The provider finds something missing or malformed in the request.",
    "Check the addresses, the scopes and the client ID; the provider's words name what it misses.",
    Remedy.SETTINGS,
)
_GRANT_TYPE = Cause(
    "The provider does not know this kind of login at this address.",
    "Check the address for tokens, and whether the provider allows client credentials.",
    Remedy.SETTINGS,
    "token_url",
)
_RESPONSE_TYPE = Cause(
    "The provider gives no codes at this address.",
    "Check the address of the login page, and that the application is registered as a web application.",
    Remedy.SETTINGS,
    "authorize_url",
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A description that says more than its word; `said` is how it is shown to people."""

    words: tuple[str, ...]
    pattern: re.Pattern
    said: str
    cause: Cause


def _phrase(words: str, pattern: str, said: str, cause: Cause) -> Phrase:
    return Phrase(tuple(words.split()), re.compile(pattern, re.IGNORECASE), said, cause)


# Words that mean more than one thing, told apart by the description.
PHRASES = (
    _phrase("invalid_grant", r"expired or revoked", "Token has been expired or revoked", _GOOGLE_REVOKED),
    _phrase("invalid_grant", r"code_verifier|code verifier|PKCE", "something about the code verifier", VERIFIER),
    _phrase("invalid_grant", r"auth(orization)? code|\bcode (was|has|is)\b", "something about the code", CODE),
    _phrase("invalid_grant invalid_request", r"redirect_uri", "something about the redirect_uri", REDIRECT),
    _phrase("invalid_client", r"client was not found", "The OAuth client was not found", _GOOGLE_CLIENT),
    _phrase("invalid_client", r"client secret is invalid", "The provided client secret is invalid", _CLIENT),
    _phrase(
        "access_denied",
        r"admin.{0,40}(consent|approv)|consent.{0,40}admin",
        "an administrator has to consent",
        ADMIN_CONSENT,
    ),
)

# RFC 6749 §4.1.2.1 and §5.2, OpenID Connect Core §3.1.2.6, RFC 8628 §3.5, and the providers' own.
WORDS = {
    "invalid_request": _REQUEST,
    "invalid_client": _CLIENT,
    "invalid_grant": _GRANT,
    "unauthorized_client": _UNAUTHORIZED_CLIENT,
    "unsupported_grant_type": _GRANT_TYPE,
    "unsupported_response_type": _RESPONSE_TYPE,
    "invalid_scope": SCOPE,
    "insufficient_scope": SCOPE,
    "invalid_resource": NO_RESOURCE,
    "invalid_target": NO_RESOURCE,
    "access_denied": DECLINED,
    "consent_required": CONSENT,
    "interaction_required": INTERACTION,
    "login_required": INTERACTION,
    "account_selection_required": INTERACTION,
    "invalid_token": _GRANT,
    "expired_token": _GRANT,
    "server_error": BUSY,
    "temporarily_unavailable": BUSY,
    "slow_down": BUSY,
    "rate_limit_exceeded": BUSY,
    "internal_failure": BUSY,
    "redirect_uri_mismatch": REDIRECT,
    "deleted_client": _DELETED_CLIENT,
    "disabled_client": DISABLED_CLIENT,
    "org_internal": _ORGANIZATION_ONLY,
    "admin_policy_enforced": _ADMIN_POLICY,
}
