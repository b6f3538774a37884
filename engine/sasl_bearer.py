# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Access tokens as SASL logins, the same in every protocol: OAUTHBEARER (RFC 7628), and XOAUTH2, which is older."""

from __future__ import annotations

from collections.abc import Collection

from .bearer_refusal import NO_TOKENS
from .connection import BearerToken, XOAuth2
from .errors import GatewayError

XOAUTH2, OAUTHBEARER = "XOAUTH2", "OAUTHBEARER"
# Where nothing says otherwise the standard one comes first: its refusals say more.
_MECHANISMS = (OAUTHBEARER, XOAUTH2)


def bearer_login(
    credential: BearerToken | XOAuth2, offered: Collection[str] | None, *, host: str, port: int, is_encrypted: bool
) -> tuple[str, str]:
    """Return the mechanism and the initial response for a login, in the clear, not yet in base64.

    Args:
        offered: the mechanisms that the server names, None where it names none at all.
        host, port: where the connection leads to, as it was asked for.
        is_encrypted: whether the connection is.

    Raises:
        GatewayError: the token would go unencrypted, or the server takes no tokens.
    """
    if isinstance(credential, XOAuth2):
        # Made by Odoo's own addons, for servers that are known to take it.
        return XOAUTH2, credential.initial_response
    if not is_encrypted:
        # RFC 7628 §4 and RFC 6750 §5.3: whoever reads it on the way is the account, from anywhere.
        raise GatewayError(
            "An access token is never sent over an unencrypted connection. Choose STARTTLS or TLS.",
            permanent=True,
            phase="login",
            code="PLAINTEXT",
            field="security",
        )
    mechanism = _mechanism(credential, offered)
    return mechanism, _initial_response(credential, mechanism, host, port)


def dummy_answer(mechanism: str) -> str:
    """Return what a refusal's challenge is answered with, so that the refusal itself follows.

    RFC 7628 §3.2.3: one octet 0x01; XOAUTH2: nothing at all.
    """
    return "\1" if mechanism == OAUTHBEARER else ""


def _mechanism(credential: BearerToken, offered: Collection[str] | None) -> str:
    wanted = credential.mechanism.upper()
    if offered is None:
        return wanted or XOAUTH2
    known = {name.upper() for name in offered}
    for mechanism in (wanted, *_MECHANISMS):
        if mechanism and mechanism in known:
            return mechanism
    raise GatewayError(
        NO_TOKENS,
        permanent=True,
        phase="login",
        code="MECHANISM",
        detail=" ".join(sorted(known))[:200],
        field="host",
    )


def _initial_response(credential: BearerToken, mechanism: str, host: str, port: int) -> str:
    if mechanism == XOAUTH2:
        return f"user={credential.user}\1auth=Bearer {credential.token}\1\1"
    # RFC 5801 §4: in the header "=" and "," are written as =3D and =2C.
    name = credential.user.replace("=", "=3D").replace(",", "=2C")
    return f"n,a={name},\1host={host}\1port={port}\1auth=Bearer {credential.token}\1\1"
