# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reading a mailbox by POP3 (RFC 1939)."""

from __future__ import annotations

import hashlib
import poplib
import re
import ssl
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .connection import Connection, Credential, Dial, Security, XOAuth2, dial, network_error
from .errors import GatewayError
from .login_refusal import login_refusal, require_printable
from .mailbox import Entry, Fetched, MailboxReader, MailboxStatus, Selection
from .pop_wire import Wire
from .tls import encrypt, tls_context

SLOWEST_BYTES_PER_SECOND = 16 * 1024
# After so many refusals in a row the last message is tried: if it is refused too, it is the server that is ill.
REFUSALS_IN_A_ROW = 3
DIGEST = "sha256:"


class PopReader(MailboxReader):
    """`dial` opens the socket, `context` replaces the TLS context that `connection` asks for.

    Messages are known by their UIDL. Where the server has none, or gives two messages the same one, the SHA-256 of the
    content takes its place: `waiting` then reads those messages once just to name them.

    `deletions_confirmed` is None until something was acknowledged, False while the server has not confirmed it, and
    True after QUIT succeeded: only then are messages deleted (RFC 1939 §6).
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
        self.deletions_confirmed: bool | None = None
        self._dial = dial
        self._context = context
        self._socket = None
        self._wire: Wire | None = None
        self._broken = True
        self._capabilities: dict = {}
        self._sizes: dict[int, int] | None = None
        self._uidls: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._deleted: set[int] = set()

    # The stages of open(), one by one, for the diagnosis

    def open(self) -> None:
        if not self._broken:
            return
        try:
            self.connect()
            self.secure()
            self.login()
        except BaseException:
            self._abandon()
            raise

    def connect(self) -> None:
        self._socket = self._dial(self.connection)

    def secure(self) -> None:
        """Read the greeting and encrypt, in the order that the connection asks for."""
        security = self.connection.security
        context = None if security is Security.NONE else self._context or tls_context(self.connection)
        if security is Security.TLS:
            self._socket = encrypt(self._socket, context, self.connection.host)
        with self._speaking("greeting"):
            self._wire = Wire(self._socket)
        self._broken = False
        if security is Security.STARTTLS:
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
            self._socket = self._wire.start_tls(lambda sock: encrypt(sock, context, self.connection.host))

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
            if isinstance(credential, XOAuth2):
                wire.authenticate("XOAUTH2", credential.initial_response, challenges)
            elif "PLAIN" in self._capabilities.get("SASL", ()) and not credential.secret.isascii():
                # RFC 4616 says UTF-8; USER and PASS say nothing about it.
                wire.authenticate("PLAIN", f"\0{credential.user}\0{credential.secret}", challenges)
            else:
                wire.user(credential.user)
                wire.pass_(credential.secret)

    # Reading

    def status(self) -> MailboxStatus:
        self._patience()
        with self._speaking("folder"):
            count, _size = self._wire.stat()
        return MailboxStatus("", count, count)

    def enter(self, selection: Selection) -> None:
        """A maildrop has no folders."""

    def waiting(self, limit: int | None = None) -> list[Entry]:
        self._list()
        entries = []
        for number, size in sorted(self._sizes.items()):
            if limit is not None and len(entries) >= limit:
                break
            if number in self._deleted:
                continue
            uid = self._uidls.get(number) or self._digest(number, size)
            if uid is None:
                continue
            self._numbers.setdefault(uid, number)
            if self._numbers[uid] == number:
                entries.append(Entry("", "", uid, size))
        return entries

    def _list(self) -> None:
        """Sizes and UIDLs once a session: RFC 1939 §4, the maildrop is locked and cannot change."""
        if self._sizes is not None:
            return
        self._patience()
        with self._speaking("list"):
            sizes = dict(_pair(line, int) for line in self._wire.list()[1])
        self._patience()
        uidls: dict[int, str] = {}
        try:
            with self._speaking("list"):
                uidls = dict(_pair(line, str) for line in self._wire.uidl()[1])
        except GatewayError:
            # RFC 1939 §7: UIDL is optional.
            if self._broken:
                raise
        # RFC 1939 §7 lets identical messages have the same UIDL; whether they are identical is not for us to trust.
        often = Counter(uidls.values())
        self._uidls = {number: uid for number, uid in uidls.items() if often[uid] == 1}
        self._numbers = {uid: number for number, uid in self._uidls.items()}
        self._sizes = sizes

    def _digest(self, number: int, size: int) -> str | None:
        content = self._retrieve(number, size, "list")
        return None if content is None else DIGEST + hashlib.sha256(content).hexdigest()

    def fetch(self, entries: Iterable[Entry]) -> Iterator[Fetched]:
        self._list()
        refusal, in_a_row = None, 0
        work = deque(entries)
        while work and in_a_row <= REFUSALS_IN_A_ROW:
            entry = work.popleft()
            number = self._number(entry)
            if number is None or number in self._deleted:
                continue
            try:
                content = self._retrieve(number, entry.size, "fetch")
            except GatewayError as error:
                if self._broken:
                    raise
                refusal, in_a_row = refusal or error, in_a_row + 1
                if in_a_row == REFUSALS_IN_A_ROW:
                    work.rotate(1)
                continue
            in_a_row = 0
            yield Fetched(entry, content)
        if refusal:
            raise refusal

    def _number(self, entry: Entry) -> int | None:
        if entry.uid not in self._numbers and entry.uid.startswith(DIGEST):
            # Named in an earlier session: the names have to be made again.
            self.waiting()
        return self._numbers.get(entry.uid)

    def _retrieve(self, number: int, size: int, phase: str) -> bytes:
        self._patience(size)
        with self._speaking(phase):
            return self._wire.retrieve(number)

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        self._list()
        failure = None
        for entry in entries:
            number = self._number(entry)
            if number is None or number in self._deleted:
                continue
            self._patience()
            try:
                with self._speaking("acknowledge"):
                    self._wire.dele(number)
            except GatewayError as error:
                if self._broken:
                    raise
                failure = failure or error
                continue
            self._deleted.add(number)
            self.deletions_confirmed = False
        if failure:
            raise failure

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

    def _patience(self, size: int = 0) -> None:
        """Start the time that the next answer, with `size` bytes of messages in it, may take."""
        if self._broken or self._socket is None:
            raise GatewayError("The connection to the mailbox is closed.", phase="connect")
        self._socket.allow(self.connection.answer_timeout + size / SLOWEST_BYTES_PER_SECOND)

    @contextmanager
    def _logging_in(self, challenges: list[bytes]):
        try:
            with self._speaking("login"):
                yield
        except GatewayError as error:
            if self._broken:
                raise
            raise login_refusal(error.code, error.detail, challenges) from error

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


def _pair(line: bytes, kind: type):
    number, value = line.split(None, 2)[:2]
    return int(number), kind(value.decode("utf-8", "surrogateescape") if kind is str else value)


def _words(error: Exception) -> str:
    return " ".join(arg.decode("utf-8", "replace") if isinstance(arg, bytes) else str(arg) for arg in error.args)[:500]
