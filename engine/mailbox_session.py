# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What sessions with mail servers have in common, IMAP or POP: how they are opened, and their patience."""

from __future__ import annotations

import ssl
import time

from .connection import Connection, Credential, Dial, Security, dial, dial_within
from .errors import GatewayError
from .tls import encrypt, tls_context

# What a server that sends messages so slowly is still waited for.
SLOWEST_BYTES_PER_SECOND = 16 * 1024


class MailboxSession:
    """A session that is opened in stages, one by one for the diagnosis: connect, secure, log in.

    A protocol writes `_greet`, `login` and `_abandon`.

    Args:
        dial: opens the socket.
        context: replaces the TLS context that `connection` asks for.
    """

    def __init__(
        self,
        connection: Connection,
        credential: Credential,
        *,
        dial: Dial = dial,
        context: ssl.SSLContext | None = None,
    ):
        self.connection = connection
        self.credential = credential
        self._dial = dial
        self._context = context
        self._socket = None
        self._broken = True
        self._end: float | None = None

    def open(self) -> None:
        """Connect, encrypt, log in, and what the protocol needs besides.

        Raises:
            ConfigurationError, GatewayError: one of the stages failed; the connection is closed.
        """
        if not self._broken:
            return
        try:
            self.connect()
            self.secure()
            self.login()
            self._logged_in()
        except BaseException:
            self._abandon()
            raise

    def connect(self) -> None:
        if self._end is None and self.connection.session_timeout:
            self._end = time.monotonic() + self.connection.session_timeout
        self._socket = dial_within(self._dial, self.connection, self._end)

    def secure(self) -> None:
        """Read the greeting and encrypt, in the order that the connection asks for."""
        security = self.connection.security
        context = None if security is Security.NONE else self._context or tls_context(self.connection)
        if security is Security.TLS:
            self._socket = self._encrypt(self._socket, context)
        self._greet(context if security is Security.STARTTLS else None)

    def peer_certificate(self) -> bytes:
        """The server's certificate, DER, once the connection is encrypted."""
        return self._socket.getpeercert(binary_form=True)

    def login(self) -> None:
        raise NotImplementedError

    def _greet(self, context: ssl.SSLContext | None) -> None:
        """Read the greeting; with a context, encrypt after it."""
        raise NotImplementedError

    def _logged_in(self) -> None:
        """Do what has to follow the login."""

    def _abandon(self) -> None:
        """Close the connection without a word."""
        raise NotImplementedError

    def _encrypt(self, sock, context: ssl.SSLContext):
        return encrypt(sock, context, self.connection.host)

    def _patience(self, size: int = 0) -> None:
        """Start the time that the next answer, with `size` bytes of messages in it, may take."""
        if self._broken or self._socket is None:
            raise GatewayError("The connection to the mailbox is closed.", phase="connect")
        self._socket.allow(self.connection.answer_timeout + size / SLOWEST_BYTES_PER_SECOND)
