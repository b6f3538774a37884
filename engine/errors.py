# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The gateway's exceptions. Whether trying again helps is a field, not a class."""

from __future__ import annotations


class GatewayError(Exception):
    """Something in the outside world went wrong: a server refused, hung or spoke nonsense.

    Attributes:
        permanent: trying again without a change is of no use.
        phase: resolve, connect, greeting, tls, login, folder, list, fetch, acknowledge, sender, close or oauth.
        code: the server's own code or word, "535" or "AUTHENTICATIONFAILED".
        detail: the server's own text.
        field: the setting most probably at fault: host, port, security, certificate, user, password, folder,
            sender, token, or "".
        entries: keys (folder, UIDVALIDITY, UID) of the messages that it is about, when the rest of the mailbox is well.
        cure: what helps, where the words end with it; "" where it cannot be told apart.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        phase: str = "",
        code: str = "",
        detail: str = "",
        field: str = "",
        cure: str = "",
    ):
        super().__init__(message)
        self.permanent = permanent
        self.phase = phase
        self.code = code
        self.detail = detail
        self.field = field
        self.cure = cure
        self.entries: tuple[tuple[str, str, str], ...] = ()


class OAuthError(GatewayError):
    """A provider gave no access token, or none that can be used.

    `str()` says what is wrong; `code` is the provider's own word ("invalid_grant") or ours where it had none
    ("bad_answer", "no_refresh_token", "missing_code", "scope_missing"), `detail` its own description, with every secret
    of ours taken out.

    Attributes:
        cure: what helps, in words for whoever set the credential up.
        remedy: who can help: "reconnect" (log in at the provider again), "settings" (something typed here or at the
            provider is wrong), "wait" (it passes), or "" (nobody knows).
        number: Microsoft's number ("7000215"), or "".
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        code: str = "",
        detail: str = "",
        field: str = "",
        cure: str = "",
        remedy: str = "",
        number: str = "",
    ):
        super().__init__(message, permanent=permanent, phase="oauth", code=code, detail=detail, field=field, cure=cure)
        self.remedy = remedy
        self.number = number


class ConfigurationError(Exception):
    """A setting is wrong or missing. Not a GatewayError, so that no retry can swallow it."""

    def __init__(self, message: str, *, field: str = ""):
        super().__init__(message)
        self.field = field


class SealError(ConfigurationError):
    """A credential cannot be sealed or opened with the keys at hand."""


class UnknownKeyError(SealError):
    """A credential was sealed with a key that is not at hand."""


class TokenError(Exception):
    """A token is malformed, forged, expired or made for another purpose."""


class FenceError(Exception):
    """The lease on a row ended and another worker owns it now: what was done must be rolled back."""


class EnvelopeError(Exception):
    """An envelope address is malformed, or there are too many."""


class WithdrawnError(Exception):
    """A mail was cancelled, or decided otherwise, just before it would have been handed to a server."""
