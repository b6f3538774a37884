# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A session with a POP3 server (RFC 1939): connected, encrypted, logged in."""

from __future__ import annotations

import poplib
import re
import ssl
from contextlib import contextmanager

from .connection import Connection, Credential, Dial, Password, Security, dial, network_error
from .errors import GatewayError
from .login_refusal import login_refusal, require_printable
from .mailbox_session import MailboxSession
from .pop_wire import Wire
from .sasl_bearer import bearer_login, dummy_answer


class PopSession(MailboxSession):
    """`deletions_confirmed`: see PopReader, whose marks for deletion end with the session."""

    def __init__(
        self,
        connection: Connection,
        credential: Credential,
        *,
        dial: Dial = dial,
        context: ssl.SSLContext | None = None,
    ):
        super().__init__(connection, credential, dial=dial, context=context)
        self.deletions_confirmed: bool | None = None
        self._wire: Wire | None = None
        self._capabilities: dict = {}
        self._sizes: dict[int, int] | None = None
        self._uidls: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._deleted: set[int] = set()

    # The stages of open()

    def _greet(self, context: ssl.SSLContext | None) -> None:
        with self._speaking("greeting"):
            self._wire = Wire(self._socket)
        self._broken = False
        if context:
            self._start_tls(context)
        self._ask_capabilities()

    def _start_tls(self, context: ssl.SSLContext) -> None:
        self._ask_capabilities()
        if "STLS" not in self._capabilities:
            raise GatewayError(
                "The server does not offer STARTTLS on this port. Nothing was sent in the clear. "
                "Choose TLS and its port (995).",
                permanent=True,
                phase="tls",
                code="STLS",
                field="security",
            )
        self._patience()
        with self._speaking("tls"):
            self._socket = self._wire.start_tls(lambda sock: self._encrypt(sock, context))

    def _ask_capabilities(self) -> None:
        self._capabilities = {}
        self._patience()
        try:
            with self._speaking("greeting"):
                self._capabilities = {name.upper(): words for name, words in self._wire.capa().items()}
        except GatewayError:
            # RFC 2449 is optional; without it there is no STLS either.
            if self._broken:
                raise

    def login(self) -> None:
        credential, wire = self.credential, self._wire
        require_printable(credential)
        self._patience()
        challenges: list[bytes] = []
        with self._logging_in(challenges):
            if not isinstance(credential, Password):
                mechanism, response = self._bearer_login()
                wire.authenticate(mechanism, response, challenges, dummy_answer(mechanism))
            elif "PLAIN" in self._capabilities.get("SASL", ()) and not credential.secret.isascii():
                # RFC 4616 says UTF-8; USER and PASS say nothing about it.
                wire.authenticate("PLAIN", f"\0{credential.user}\0{credential.secret}", challenges)
            else:
                wire.user(credential.user)
                wire.pass_(credential.secret)

    def _bearer_login(self) -> tuple[str, str]:
        connection = self.connection
        return bearer_login(
            self.credential,
            self._capabilities.get("SASL"),
            host=connection.host,
            port=connection.port,
            is_encrypted=connection.security is not Security.NONE,
        )

    def close(self) -> None:
        pending = self.deletions_confirmed is False
        try:
            if self._broken:
                if pending and self._socket is not None:
                    raise GatewayError(
                        "The connection broke before the server confirmed that messages were deleted.", phase="close"
                    )
                return
            if not pending:
                self._socket.allow(min(self.connection.read_timeout, 5.0))  # nothing depends on the farewell
            else:
                self._patience()
            try:
                with self._speaking("close"):
                    self._wire.quit()
                if pending:
                    self.deletions_confirmed = True
            except GatewayError:
                if pending:
                    raise
        finally:
            self._abandon()

    # The connection

    def _abandon(self) -> None:
        self._broken = True
        if self._wire is not None:
            self._wire.drop()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @contextmanager
    def _logging_in(self, challenges: list[bytes]):
        try:
            with self._speaking("login"):
                yield
        except GatewayError as error:
            if self._broken:
                raise
            raise login_refusal(
                error.code, error.detail, self.credential, challenges, self.connection.host
            ) from error

    @contextmanager
    def _speaking(self, phase: str):
        """Whatever a server can cause while it is spoken to, as a GatewayError; `_broken` says if talk can go on."""
        broken, self._broken = self._broken, True
        try:
            yield
        except poplib.error_proto as error:
            text = _words(error)
            if text.upper().startswith("-ERR") and text.upper() != "-ERR EOF":
                self._broken = broken
            raise _refusal(text, phase) from error
        except GatewayError:
            raise
        except OSError as error:
            raise network_error(error, phase) from error
        except MemoryError:
            raise
        except Exception as error:
            # poplib meets malformed answers with IndexError, ValueError and UnicodeDecodeError.
            raise GatewayError("The server's answer is not POP3.", phase=phase, detail=str(error)[:500]) from error
        else:
            self._broken = broken


def _refusal(text: str, phase: str) -> GatewayError:
    if not text.upper().startswith("-ERR"):
        return GatewayError("The server's answer is not POP3.", phase=phase, detail=text)
    detail = text[4:].strip()
    if detail.upper() == "EOF":
        return GatewayError("The server ended the connection.", phase=phase, detail="EOF")
    match = re.match(r"\[([A-Za-z/-]+)[^\]]*\]", detail)  # RFC 2449 §8
    message = {
        "fetch": "The server did not hand out a message.",
        "acknowledge": "The server did not delete a message.",
        "close": "The server did not confirm that messages were deleted.",
        "tls": "The server refused to start encryption.",
    }.get(phase, "The server refused.")
    code = match[1].upper() if match else "-ERR"
    return GatewayError(message, permanent=code == "SYS/PERM", phase=phase, code=code, detail=detail)


def _words(error: Exception) -> str:
    return " ".join(arg.decode("utf-8", "replace") if isinstance(arg, bytes) else str(arg) for arg in error.args)[:500]
