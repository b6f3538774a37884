# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""OAuth 2 as a client: authorisation code with PKCE (RFC 7636), refresh, and client credentials (RFC 6749 §4.4).

Authlib writes the requests. The network is a parameter, and answers are read in engine/oauth_answer.py: Authlib takes
the clock itself, and fails on an expiry that is no number.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from .errors import ConfigurationError, OAuthError
from .oauth_answer import OAuthToken, read_token
from .oauth_refusal import authorization_refusal, reconnect

__all__ = [
    "OAuthClient",
    "OAuthToken",
    "authorization_refusal",
    "authorization_url",
    "client_token",
    "exchange_code",
    "new_verifier",
    "refresh_token",
    "revoke_token",
]

# RFC 7636 §4.1 wants 43 to 128 characters; 48 bytes are 64 of them, and 384 bits.
_VERIFIER_BYTES = 48
# A person waits for the first of them; the others run in a job.
TIMEOUT = 20.0

# post(url, form, timeout=seconds) -> (HTTP status, body); see engine/web_post.py. `authorization=` is only given for
# clients that prove themselves by "basic".
Post = Callable[..., tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """An application that was registered at a provider.

    `scopes` are separated by spaces. `authentication` is how the secret travels: "post" (in the form, as Google and
    Microsoft take it), "basic" (in a header), or "none" for applications without a secret.
    """

    client_id: str
    client_secret: str = field(repr=False)
    authorize_url: str
    token_url: str
    scopes: str
    redirect_uri: str
    revoke_url: str = ""
    authentication: str = "post"
    parameters: Mapping[str, str] = field(default_factory=dict)


def new_verifier(random_bytes: Callable[[int], bytes]) -> str:
    """Return a PKCE code verifier made from ``random_bytes(count)``: kept by us until the code comes back."""
    return base64.urlsafe_b64encode(random_bytes(_VERIFIER_BYTES)).decode().rstrip("=")


def authorization_url(client: OAuthClient, *, state: str, verifier: str, login_hint: str = "") -> str:
    """Return where the browser is sent to log in and consent, with the S256 challenge of `verifier`.

    Args:
        state: comes back with the code; proves that it was this user and session that asked (RFC 6749 §10.12).
        login_hint: the address of the mailbox, so that the right account is proposed.
    """
    _require(client, authorize_url=client.authorize_url, client_id=client.client_id, scopes=client.scopes)
    return prepare_grant_uri(
        client.authorize_url,
        client.client_id,
        "code",
        redirect_uri=client.redirect_uri,
        scope=client.scopes,
        state=state,
        code_challenge=create_s256_code_challenge(verifier),
        code_challenge_method="S256",
        login_hint=login_hint or None,
        **client.parameters,
    )


def exchange_code(client: OAuthClient, code: str, verifier: str, *, post: Post, now: datetime) -> OAuthToken:
    """Return the tokens for the code that the browser brought back.

    Args:
        post: see engine/web_post.py.
        now: naive UTC, from before the request, so that a slow answer makes no token seem younger.

    Raises:
        OAuthError: the provider refused, gave no refresh token, or less than was asked for.
        GatewayError: the provider could not be reached.
        ConfigurationError: something is not filled in.
    """
    if not code:
        raise OAuthError(
            "The provider sent the browser back without a code.",
            permanent=True,
            code="missing_code",
            **reconnect("Connect the account again."),
        )
    form = _form(client, "authorization_code", code=code, redirect_uri=client.redirect_uri, code_verifier=verifier)
    token = read_token(*_ask(client, client.token_url, form, post), now=now, secrets=_secrets(client, code, verifier))
    if not token.refresh_token:
        raise OAuthError(
            "The provider gave an access token, but no refresh token: the connection would end within the hour.",
            permanent=True,
            code="no_refresh_token",
            field="scopes",
            **reconnect(
                "Ask for offline access (scope offline_access) and connect again. Where the account consented before, "
                "take the application's access away in the account's settings first."
            ),
        )
    return token.require_scopes(client.scopes)


def refresh_token(client: OAuthClient, token: OAuthToken, *, post: Post, now: datetime) -> OAuthToken:
    """Return a new access token; with the new refresh token where the provider rotates them, else with the old one.

    Raises: as exchange_code().
    """
    if not token.refresh_token:
        raise OAuthError(
            "There is no refresh token to renew the access with.",
            permanent=True,
            code="no_refresh_token",
            **reconnect("Connect the account again."),
        )
    # Without scopes: RFC 6749 §6 then gives what was granted. Asking anew fails wherever the scopes here were changed.
    form = _form(client, "refresh_token", refresh_token=token.refresh_token)
    secrets = _secrets(client, token.refresh_token, token.access_token)
    return read_token(*_ask(client, client.token_url, form, post), now=now, secrets=secrets).after(token)


def client_token(client: OAuthClient, *, post: Post, now: datetime) -> OAuthToken:
    """Return an access token of the application itself, without a person; there is no refresh token, only asking again.

    Raises: as exchange_code().
    """
    form = _form(client, "client_credentials", scope=client.scopes)
    return read_token(*_ask(client, client.token_url, form, post), now=now, secrets=_secrets(client))


def revoke_token(client: OAuthClient, token: OAuthToken, *, post: Post) -> bool:
    """Give the tokens back (RFC 7009); False where the provider has no place for that, or did not take them.

    Raises:
        GatewayError: the provider could not be reached.
    """
    if not client.revoke_url:
        return False
    form = {"token": token.refresh_token or token.access_token}
    status, _body = _ask(client, client.revoke_url, form, post)
    return status == 200


def _form(client: OAuthClient, grant: str, **values: str) -> dict[str, str]:
    _require(client, token_url=client.token_url, client_id=client.client_id)
    return dict(parse_qsl(prepare_token_request(grant, **values), keep_blank_values=True))


def _ask(client: OAuthClient, url: str, form: dict[str, str], post: Post) -> tuple[int, bytes]:
    """Add who we are, by the method that the client has, and post."""
    method = "none" if not client.client_secret else f"client_secret_{client.authentication}"
    if client.authentication == "none":
        method = "none"
    proof = ClientAuth(client.client_id, client.client_secret, method)
    _url, headers, body = proof.prepare("POST", url, {}, "")
    form = {**form, **dict(parse_qsl(body))}
    more = {"authorization": headers["Authorization"]} if "Authorization" in headers else {}
    return post(url, form, timeout=TIMEOUT, **more)


def _require(client: OAuthClient, **values: str) -> None:
    names = {
        "authorize_url": "The address of the login page is missing.",
        "token_url": "The address where tokens are made is missing.",
        "client_id": "The client ID is missing.",
        "scopes": "The scopes are missing: what the account is asked to allow.",
    }
    for name, value in values.items():
        if not value:
            raise ConfigurationError(names[name], field=name)


def _secrets(client: OAuthClient, *more: str) -> tuple[str, ...]:
    return tuple(filter(None, (client.client_secret, *more)))
