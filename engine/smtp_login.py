# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Logging in at an SMTP server: any characters in user and password, and no refusal unnoticed."""

from __future__ import annotations

import base64
import binascii
import hmac
import smtplib
import ssl
from collections.abc import Sequence

from .bearer_refusal import bearer_refusal
from .connection import BearerToken
from .enhanced_status import split_enhanced
from .errors import GatewayError
from .login_refusal import provider_cure, require_printable, secrets_of
from .sasl_bearer import OAUTHBEARER, XOAUTH2, bearer_login, dummy_answer
from .smtp_answer import as_text

_CHALLENGES = 5


class LoginSession:
    """A part of smtplib sessions: logs in in UTF-8, and remembers what the server said to AUTH.

    Attributes:
        auth_answer: (code, reply) of the last command of a login, None before any.
    """

    auth_answer: tuple[int, bytes] | None = None
    _in_auth = False
    # By what the last AUTH logged in, which says whether a token was refused or a password.
    _mechanism = ""

    def docmd(self, cmd, args=""):
        """Send a command like smtplib; what answers AUTH and its continuation is remembered.

        Odoo's addons for OAuth send AUTH by this method and do not look at the answer.
        """
        answer = super().docmd(cmd, args)
        if cmd.upper() == "AUTH":
            self._mechanism = args.partition(" ")[0].upper()
        if cmd.upper() == "AUTH" or self._in_auth:
            self.auth_answer = answer
            self._in_auth = answer[0] == 334
        return answer

    def auth(self, mechanism, authobject, *, initial_response_ok=True):
        """Log in by a mechanism like smtplib, which takes ASCII only; RFC 4616 §2 says UTF-8."""
        mechanism = mechanism.upper()
        first = authobject() if initial_response_ok else None
        code, reply = self.docmd("AUTH", mechanism if first is None else f"{mechanism} {_encoded(first)}")
        # smtplib's auth_login() counts by this whether the password's turn has come.
        self._auth_challenge_count = 0 if first is None else 1
        for _challenge in range(_CHALLENGES):
            if code != 334:
                break
            self._auth_challenge_count += 1
            try:
                challenge = base64.b64decode(reply)
            except binascii.Error:
                challenge = b""
            code, reply = self.docmd(_encoded(authobject(challenge)))
        if code in (235, 503):
            return code, reply
        raise smtplib.SMTPAuthenticationError(code, reply)

    def auth_cram_md5(self, challenge=None):
        """RFC 2195, with a password in UTF-8."""
        if challenge is None:
            return None
        return f"{self.user} {hmac.new(self.password.encode(), challenge, 'md5').hexdigest()}"

    def login_token(self, credential: BearerToken) -> None:
        """Log in with an access token, by the mechanism that fits what the server offers.

        Raises:
            ConfigurationError: user or token are missing or hold control characters.
            GatewayError: with phase login; its field is "token" where a new token may help.
            smtplib.SMTPException: the connection broke, or the server does not speak SMTP.
        """
        require_printable(credential)
        self.ehlo_or_helo_if_needed()
        mechanism, response = bearer_login(
            credential,
            self.esmtp_features["auth"].split() if self.has_extn("auth") else [],
            host=self._host,
            port=self.sock.getpeername()[1],
            is_encrypted=isinstance(self.sock, ssl.SSLSocket),
        )
        # RFC 4954 §4: in one line, of up to 12,288 octets.
        self.docmd("AUTH", f"{mechanism} {_encoded(response)}")
        self.confirm_login(secrets_of(credential))

    def confirm_login(self, secrets: Sequence[str] = ()) -> None:
        """Notice a login that the server refused while nobody looked.

        Args:
            secrets: what must not stand in the error, should the server repeat it.

        Raises:
            GatewayError: with phase login and the reason in words.
            smtplib.SMTPServerDisconnected: the connection broke.
        """
        if self.auth_answer is None:
            return
        code, reply = self.auth_answer
        challenges = []
        for _challenge in range(_CHALLENGES):
            if code != 334:
                break
            challenges.append(_decoded(reply))
            # The error comes as a challenge, and only an answer without content to it brings the code.
            code, reply = self.docmd(_encoded(dummy_answer(self._mechanism)))
        # RFC 4954 §4: 503 after a login that succeeded before.
        if code not in (235, 503):
            is_token = bool(challenges) or self._mechanism in (XOAUTH2, OAUTHBEARER)
            raise smtp_login_refusal(
                code, reply, is_token=is_token, challenges=challenges, secrets=secrets, host=self._host
            )


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _decoded(reply: bytes) -> bytes:
    try:
        return base64.b64decode(reply)
    except binascii.Error:
        return reply


def smtp_login_refusal(
    code: int,
    reply: bytes | str,
    *,
    is_token: bool = False,
    challenges: Sequence[bytes] = (),
    secrets: Sequence[str] = (),
    host: str = "",
) -> GatewayError:
    """Return the refusal of a login as an error in words.

    Args:
        is_token: an access token was refused, and no password.
        challenges: what the server sent before it refused a token, decoded.
        secrets: what must not stand in the error, should the server repeat it.
        host: the server's name.
    """
    detail = as_text(reply)
    for secret in secrets:
        detail = detail.replace(secret, "***")
    enhanced, _words = split_enhanced(detail)
    word, said = f"{code} {enhanced}".strip(), f"{code} {detail}".strip()[:500]
    if code in (530, 538):
        # RFC 4954 §6: encryption needed; RFC 3207 §4: "530 Must issue a STARTTLS command first"
        text, field = "The server takes no login on an unencrypted connection. Choose STARTTLS or TLS.", "security"
        return GatewayError(text, permanent=True, phase="login", code=word, detail=said, field=field)
    if is_token:
        # RFC 4954 §6: 454 is a temporary failure; other codes below 500 are a challenge that never ended.
        return bearer_refusal(word, said, challenges, secrets=secrets, is_temporary=400 <= code < 500)
    field, permanent = "password", code >= 500
    if known := provider_cure(f"{code} {detail}", host):
        permanent = permanent and not known.is_temporary
        return GatewayError(
            known.words,
            permanent=permanent,
            phase="login",
            code=word,
            detail=said,
            field=known.field,
            cure=known.cure,
        )
    if 400 <= code < 500:
        text, field = "The server cannot check logins at the moment.", ""
    elif code == 534 and "mechanism" in detail.lower():
        text = "The server wants another way of logging in, perhaps OAuth."
    else:
        text = "User name or password is wrong."
    return GatewayError(text, permanent=permanent, phase="login", code=word, detail=said, field=field)
