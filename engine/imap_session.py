# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A session with an IMAP4rev1 server (RFC 3501): connected, encrypted, logged in, a folder selected."""

from __future__ import annotations

import re
import ssl
from contextlib import contextmanager

from imapclient import IMAPClient

from .bearer_refusal import bearer_refusal
from .connection import Connection, Credential, Dial, Password, Security, dial, network_error
from .errors import ConfigurationError, GatewayError
from .imap_wire import Refused, Wire
from .login_refusal import login_refusal, require_printable
from .mailbox import After, AfterKind
from .mailbox_session import MailboxSession
from .sasl_bearer import bearer_login, dummy_answer

# RFC 5530 §3: what says that the folder, or our right to it, is wrong for good.
_PERMANENT_CODES = {"NONEXISTENT", "NOPERM", "CANNOT", "AUTHORIZATIONFAILED", "TRYCREATE"}
# Exchange Online takes a token for any mailbox, and says only here that it opens none.
_NOT_CONNECTED = "authenticated but not connected"
_TRANSIENT_CODES = {"UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT", "OVERQUOTA", "CORRUPTION"}


class _Client(IMAPClient):
    """An IMAPClient on a connection that stands already."""

    def __init__(self, wire: Wire, timeout: float):
        self._given = wire
        # The host is not told: IMAPClient would log it.
        super().__init__("", 143, ssl=False, timeout=timeout)
        # imaplib would format every literal for a log line that nobody reads: minutes for a large message.
        wire.debug = 0

    def _create_IMAP4(self):
        return self._given


class ImapSession(MailboxSession):
    """Selects `folder` when it is opened, None for no folder; `after` says with which rights."""

    def __init__(
        self,
        connection: Connection,
        credential: Credential,
        *,
        folder: str | None = "INBOX",
        after: After | None = None,
        dial: Dial = dial,
        context: ssl.SSLContext | None = None,
    ):
        super().__init__(connection, credential, dial=dial, context=context)
        self.folder = "INBOX" if folder == "" else folder
        self.after = after or After()
        self._client: _Client | None = None
        self._uid_validity = ""
        self._uid_next = 0
        self._exists = 0
        self._asked = False

    # The stages of open()

    def _greet(self, context: ssl.SSLContext | None) -> None:
        with self._speaking("greeting"):
            wire = Wire(self._socket)
        self._broken = False
        if wire.state != "NONAUTH":
            # RFC 3501 §11.1, RFC 9051 §7.1.4: after PREAUTH there is no STARTTLS any more, which is how a man in
            # the middle gets rid of it. Without STARTTLS it is somebody else's session: no better.
            self._broken = True
            raise GatewayError(
                "The server claims that we are logged in before we said who we are. The connection was given up.",
                permanent=True,
                phase="greeting",
                code="PREAUTH",
                field="security",
            )
        if context:
            self._start_tls(wire, context)
        with self._speaking("greeting"):
            self._client = _Client(wire, self.connection.read_timeout)

    def _start_tls(self, wire: Wire, context: ssl.SSLContext) -> None:
        if "STARTTLS" not in wire.capabilities:
            raise GatewayError(
                "The server does not offer STARTTLS on this port. Nothing was sent in the clear. "
                "Choose TLS and its port (993).",
                permanent=True,
                phase="tls",
                code="STARTTLS",
                field="security",
            )
        self._patience()
        with self._speaking("tls"):
            self._socket = wire.start_tls(lambda sock: self._encrypt(sock, context))

    def login(self) -> None:
        credential, client = self.credential, self._client
        require_printable(credential)
        self._patience()
        capabilities = client._imap.capabilities
        if not isinstance(credential, Password):
            self._login_bearer(client, [word[5:] for word in capabilities if word.upper().startswith("AUTH=")])
            return
        with self._logging_in():
            if "AUTH=PLAIN" in capabilities:
                # RFC 4616: UTF-8, which LOGIN leaves undefined
                client.sasl_login("PLAIN", _once(f"\0{credential.user}\0{credential.secret}"))
            elif "LOGINDISABLED" in capabilities:
                # RFC 3501 §6.2.3: MUST NOT be tried
                raise GatewayError(
                    "The server takes no password on an unencrypted connection. Choose STARTTLS or TLS.",
                    permanent=True,
                    phase="login",
                    code="LOGINDISABLED",
                    field="security",
                )
            else:
                client._imap.login_literally(credential.user, credential.secret)

    def _login_bearer(self, client: _Client, offered: list[str]) -> None:
        connection = self.connection
        mechanism, response = bearer_login(
            self.credential,
            offered,
            host=connection.host,
            port=connection.port,
            is_encrypted=connection.security is not Security.NONE,
        )
        challenges: list[bytes] = []

        def respond(challenge: bytes):
            challenges.append(challenge)
            if len(challenges) == 1:
                return response
            # The refusal comes as a JSON challenge, and its NO only after an answer without content. None aborts.
            return dummy_answer(mechanism) if len(challenges) == 2 else None

        with self._logging_in(challenges):
            client.sasl_login(mechanism, respond)

    def _logged_in(self) -> None:
        if self.folder is not None:
            self.select()

    def select(self) -> None:
        if any(ord(char) < 32 for char in self.folder):
            raise ConfigurationError("The name of the folder contains control characters.", field="folder")
        self._patience()
        with self._speaking("folder", "folder"):
            # What is left untouched may lie in a folder that we may only read.
            readonly = self.after.kind is AfterKind.LEAVE and not self.after.failed
            selected = self._client.select_folder(self.folder, readonly=readonly)
            self._uid_next = int(selected.get(b"UIDNEXT") or 0)
            flags = selected.get(b"PERMANENTFLAGS") or ()
            self._exists = int(selected.get(b"EXISTS") or 0)
            self._uid_validity = str(selected.get(b"UIDVALIDITY") or "")
        if not self._uid_validity:
            # RFC 3501 §6.3.1: then UIDs mean nothing, and nothing could be recognised again.
            raise GatewayError(
                "The server gives messages no lasting numbers (no UIDVALIDITY); use POP for this mailbox.",
                permanent=True,
                phase="folder",
                field="folder",
            )
        if self.after.kind is AfterKind.KEYWORD:
            self._require_keyword(flags)

    def _require_keyword(self, flags) -> None:
        kept = {flag.lower() for flag in flags if isinstance(flag, bytes)}
        # RFC 3501 §7.1: without PERMANENTFLAGS all flags are kept.
        if kept and not kept & {self.after.name.lower().encode(), rb"\*"}:
            # It would be gone with the session, and every message taken for a new one.
            raise GatewayError(
                "The server keeps no keywords of ours in this folder. Choose another way to mark what was taken.",
                permanent=True,
                phase="folder",
                code="PERMANENTFLAGS",
                field="after",
            )

    def close(self) -> None:
        client = self._client
        if client is not None and not self._broken:
            self._socket.allow(min(self.connection.read_timeout, 5.0))  # nothing depends on the farewell
            try:
                with self._speaking("close"):
                    client.logout()  # not CLOSE: that would expunge what others marked deleted
            except GatewayError:
                self._broken = True
        self._abandon()

    # The connection

    def _abandon(self) -> None:
        self._broken = True
        if self._client is not None:
            self._client._imap.drop()
        if self._socket is not None:
            self._socket.close()

    @contextmanager
    def _logging_in(self, challenges: list[bytes] | None = None):
        try:
            with self._speaking("login"):
                yield
        except GatewayError as error:
            if not isinstance(error.__cause__, Refused):
                raise
            raise login_refusal(
                error.code, error.detail, self.credential, (challenges or [])[1:], self.connection.host
            ) from error

    @contextmanager
    def _speaking(self, phase: str, field: str = ""):
        """Whatever a server can cause while it is spoken to, as a GatewayError; `_broken` says if talk can go on."""
        broken, self._broken = self._broken, True
        try:
            yield
        except Refused as error:
            self._broken = broken
            if phase == "folder" and _NOT_CONNECTED in error.text and not isinstance(self.credential, Password):
                raise bearer_refusal(error.status, error.text) from error
            raise _refusal(error, phase, field) from error
        except (GatewayError, ConfigurationError):
            raise
        except IMAPClient.ReadOnlyError as error:
            raise GatewayError(
                "The account may only read this folder. It needs the right to mark messages as seen.",
                permanent=True,
                phase="folder",
                code="READ-ONLY",
                field="folder",
            ) from error
        except OSError as error:
            raise network_error(error, phase) from error
        except MemoryError:
            raise
        except Exception as error:
            # imaplib and IMAPClient raise a dozen types over malformed answers, among them AttributeError.
            raise GatewayError(*_broken_off(error), phase=phase, detail=_words(error)) from error
        else:
            self._broken = broken


def _once(response: str):
    """A SASL answer for mechanisms with one step; a server that asks again gets the abort of RFC 3501 §6.2.2."""
    answers = [None, response]
    return lambda _challenge: answers.pop() if answers else None


def _refusal(error: Refused, phase: str, field: str) -> GatewayError:
    match = re.match(r"\[([A-Za-z-]+)[^\]]*\]", error.text)
    code = match[1].upper() if match else error.status
    permanent = code in _PERMANENT_CODES or (phase == "folder" and code not in _TRANSIENT_CODES)
    text = {
        "folder": "The folder cannot be opened.",
        "fetch": "The server did not hand out a message.",
        "acknowledge": "The server did not mark or move the messages that were taken.",
        "tls": "The server refused to start encryption.",
    }.get(phase, "The server refused.")
    return GatewayError(text, permanent=permanent, phase=phase, code=code, detail=error.text, field=field)


def _broken_off(error: Exception) -> tuple[str]:
    if isinstance(error, IMAPClient.AbortError):
        return ("The server ended the connection or broke the protocol.",)
    return ("The server's answer is not IMAP.",)


def _words(error: Exception) -> str:
    """imaplib puts bytes, lists of bytes and sentences into its exceptions alike."""
    return " ".join(arg.decode("utf-8", "replace") if isinstance(arg, bytes) else str(arg) for arg in error.args)[:500]
