# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Why a mail server did not let us in, and what helps."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from .bearer_refusal import bearer_refusal
from .connection import BearerToken, Credential, Password, XOAuth2
from .cure import Cure, Where
from .cure_table import find_cure
from .errors import ConfigurationError, GatewayError

# RFC 5530 §3 (IMAP), RFC 2449 §8 and RFC 3206 §4 (POP): the server's trouble, not ours.
_TEMPORARY = {"UNAVAILABLE", "INUSE", "IN-USE", "SERVERBUG", "LIMIT", "OVERQUOTA", "LOGIN-DELAY", "SYS/TEMP"}
# For servers without codes. Exchange: "Server Unavailable. 15".
_TEMPORARY_WORDS = re.compile(
    r"unavailable|temporar|try (again )?later|too many|\bbusy\b|in use|internal error|locked", re.IGNORECASE
)

# POP has no code for it, and IMAP servers older than RFC 5530 none either.
_UNENCRYPTED = re.compile(r"plaintext auth|cleartext|non-secure|must (use|issue) .*(tls|ssl)", re.IGNORECASE)


def require_printable(credential: Credential) -> None:
    """A line break in a user name or password would be a second command to the server."""
    if isinstance(credential, BearerToken):
        # RFC 6750 §2.1: a token has no blanks; with a control character it would end where it should not.
        secret, name, allowed = credential.token, "token", ""
    elif isinstance(credential, XOAuth2):
        secret, name, allowed = credential.initial_response, "password", "\1"
    else:
        secret, name, allowed = credential.secret, "password", ""
    for text, what in ((credential.user, "user"), (secret, name)):
        if not text:
            raise ConfigurationError(f"The {what} is missing.", field=what)
        if any(char in "\r\n\0" or (ord(char) < 32 and char not in allowed) for char in text):
            raise ConfigurationError(f"The {what} contains control characters.", field=what)


def secrets_of(credential: Credential) -> tuple[str, ...]:
    """Return what a server must not be quoted with, should it repeat what it was sent."""
    if isinstance(credential, BearerToken):
        secret = credential.token
    elif isinstance(credential, XOAuth2):
        secret = credential.initial_response
    else:
        secret = credential.secret
    return tuple(filter(None, (secret, base64.b64encode(secret.encode()).decode())))


def login_refusal(
    code: str, detail: str, credential: Credential, challenges: Sequence[bytes] = (), host: str = ""
) -> GatewayError:
    """The refusal that the mailbox server `host` gave as `code` and `detail`; `challenges` are what it sent before."""
    is_temporary = code in _TEMPORARY or (
        code not in ("AUTHENTICATIONFAILED", "AUTH") and bool(_TEMPORARY_WORDS.search(detail))
    )
    if not isinstance(credential, Password):
        return bearer_refusal(code, detail, challenges, secrets=secrets_of(credential), is_temporary=is_temporary)
    facts = {"phase": "login", "code": code, "detail": detail}
    known = provider_cure(f"[{code}] {detail}", host)
    if known and known.is_temporary:
        return GatewayError(known.words, field=known.field, cure=known.cure, **facts)
    if is_temporary:
        return GatewayError("The server cannot check logins at the moment.", **facts)
    if code == "PRIVACYREQUIRED" or _UNENCRYPTED.search(detail):
        text, field = "The server takes no password on an unencrypted connection. Choose STARTTLS or TLS.", "security"
    elif code == "EXPIRED":
        text, field = "The password has expired.", "password"
    elif code in ("AUTHORIZATIONFAILED", "CONTACTADMIN", "SYS/PERM"):
        text, field = "The account may not use this service. Ask whoever runs the mail server.", "user"
    else:
        text, field = "User name or password is wrong.", "password"
    if known:
        return GatewayError(known.words, permanent=True, field=known.field, cure=known.cure, **facts)
    return GatewayError(text, permanent=True, field=field, **facts)


def provider_cure(text: str, host: str = "") -> Cure | None:
    """What a refused password means at a large provider, None where it is known for nothing of the kind."""
    return find_cure(text, host, Where.LOGIN)
