# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The gateway's exceptions. Whether trying again helps is a field, not a class."""

from __future__ import annotations


class GatewayError(Exception):
    """Something in the outside world went wrong: a server refused, hung or spoke nonsense.

    Attributes:
        permanent: trying again without a change is of no use.
        phase: resolve, connect, greeting, tls, login, folder, list, fetch, acknowledge, sender or close.
        code: the server's own code or word, "535" or "AUTHENTICATIONFAILED".
        detail: the server's own text.
        field: the setting most probably at fault: host, port, security, certificate, user, password, folder,
            sender, or "".
        entries: keys (folder, UIDVALIDITY, UID) of the messages that it is about, when the rest of the mailbox is well.
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
    ):
        super().__init__(message)
        self.permanent = permanent
        self.phase = phase
        self.code = code
        self.detail = detail
        self.field = field
        self.entries: tuple[tuple[str, str, str], ...] = ()


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
