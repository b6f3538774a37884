# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reading a mailbox by IMAP4rev1 (RFC 3501)."""

from __future__ import annotations

import re
import ssl
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from imapclient import IMAPClient

from .connection import Connection, Credential, Dial, Security, XOAuth2, dial, network_error
from .errors import ConfigurationError, GatewayError
from .imap_wire import Refused, Wire
from .login_refusal import login_refusal, require_printable
from .mailbox import Entry, Fetched, MailboxReader, MailboxStatus, Selection
from .tls import encrypt, tls_context

# One FETCH holds so many messages and bytes: enough that round trips do not count, little enough for memory.
BATCH_COUNT = 25
BATCH_BYTES = 8 * 1024 * 1024
SIZES_COUNT = 500
STORE_COUNT = 100  # keeps a command below the 1000 octets of RFC 2683 §3.2.1.5 even with ten-digit UIDs, nearly
# After so many single refusals in a row the last message is tried: if it is refused too, it is the server that is ill,
# not the messages.
REFUSALS_IN_A_ROW = 3
RECONNECTIONS = 3
SLOWEST_BYTES_PER_SECOND = 16 * 1024

# RFC 5530 §3: what says that the folder, or our right to it, is wrong for good.
_PERMANENT_CODES = {"NONEXISTENT", "NOPERM", "CANNOT", "AUTHORIZATIONFAILED", "TRYCREATE"}
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


class ImapReader(MailboxReader):
    """`dial` opens the socket, `context` replaces the TLS context that `connection` asks for."""

    def __init__(
        self,
        connection: Connection,
        credential: Credential,
        *,
        folder: str = "INBOX",
        dial: Dial = dial,
        context: ssl.SSLContext | None = None,
    ):
        self.connection = connection
        self.credential = credential
        self.folder = folder or "INBOX"
        self._dial = dial
        self._context = context
        self._socket = None
        self._client: _Client | None = None
        self._broken = True
        self._uid_validity = ""
        self._exists = 0
        self._asked = False

    # The stages of open(), one by one, for the diagnosis

    def open(self) -> None:
        if not self._broken:
            return
        try:
            self.connect()
            self.secure()
            self.login()
            self.select()
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
        if security is Security.STARTTLS:
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
            self._socket = wire.start_tls(lambda sock: encrypt(sock, context, self.connection.host))

    def login(self) -> None:
        credential, client = self.credential, self._client
        require_printable(credential)
        self._patience()
        if isinstance(credential, XOAuth2):
            self._login_xoauth2(client)
            return
        capabilities = client._imap.capabilities
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

    def _login_xoauth2(self, client: _Client) -> None:
        challenges: list[bytes] = []

        def respond(challenge: bytes):
            challenges.append(challenge)
            if len(challenges) == 1:
                return self.credential.initial_response
            # The refusal comes as a JSON challenge, and its NO only after an empty answer to it. None aborts.
            return "" if len(challenges) == 2 else None

        with self._logging_in(challenges):
            client.sasl_login("XOAUTH2", respond)

    def select(self) -> None:
        if any(ord(char) < 32 for char in self.folder):
            raise ConfigurationError("The name of the folder contains control characters.", field="folder")
        self._patience()
        with self._speaking("folder", "folder"):
            selected = self._client.select_folder(self.folder)
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

    # Reading

    def enter(self, selection: Selection) -> None:
        if self._broken:
            # The folder before this one ended the session; it does not stop the others.
            self.folder = selection.folder
            self._abandon()
            self.open()
        elif selection.folder != self.folder:
            self.folder = selection.folder
            self._asked = False
            self.select()

    def status(self) -> MailboxStatus:
        return MailboxStatus(self.folder, self._exists, len(self._search()))

    def waiting(self, limit: int | None = None) -> list[Entry]:
        uids = sorted(self._search())[:limit]
        entries = []
        for start in range(0, len(uids), SIZES_COUNT):
            chunk = uids[start : start + SIZES_COUNT]
            self._patience()
            with self._speaking("list"):
                answer = self._client.fetch(chunk, ["RFC822.SIZE"])
                entries += [
                    Entry(self.folder, self._uid_validity, str(uid), int(answer[uid][b"RFC822.SIZE"]))
                    for uid in chunk
                    if b"RFC822.SIZE" in answer.get(uid, ())
                ]
        return entries

    def _search(self) -> list[int]:
        if self._asked:
            # What arrived since the last question is only announced when the server gets a chance to.
            self._patience()
            with self._speaking("list"):
                self._client.noop()
        self._asked = True
        self._patience()
        with self._speaking("list"):
            # No CHARSET: Exchange answers BADCHARSET to it. DELETED: waiting to be expunged by somebody else.
            # Not IMAPClient's search(), which asks for CAPABILITY first: a round trip for each mailbox polled.
            _status, lines = self._client._imap.uid("SEARCH", "UNSEEN", "UNDELETED")
            return [int(uid) for line in lines if line for uid in line.split()]

    def fetch(self, entries: Iterable[Entry]) -> Iterator[Fetched]:
        entries = list(entries)
        self._require_same_generation(entries, "fetch")
        work = deque(_batches(entries))
        refusal, in_a_row, reconnections = None, 0, 0
        while work and in_a_row <= REFUSALS_IN_A_ROW:
            batch = work.popleft()
            try:
                contents = self._bodies(batch)
            except GatewayError as error:
                # A server that has fallen silent would only make us wait as long again.
                if self._broken and (isinstance(error.__cause__, TimeoutError) or reconnections == RECONNECTIONS):
                    raise
                if len(batch) > 1:
                    # One message that the server cannot read must not hold up its neighbours.
                    work.extendleft([entry] for entry in reversed(batch))
                else:
                    refusal, in_a_row = refusal or error, in_a_row + 1
                    if in_a_row == REFUSALS_IN_A_ROW and work:
                        *others, last = work.pop()
                        work.extend([others] if others else [])
                        work.appendleft([last])
                if self._broken and work:
                    # Dovecot ends the session over a file that it cannot read.
                    reconnections += 1
                    self._abandon()
                    self.open()
                    self._require_same_generation(entries, "fetch")
                continue
            in_a_row = 0
            for entry in batch:
                content = contents.pop(int(entry.uid), None)
                if content is not None:
                    yield Fetched(entry, content)
        if refusal:
            raise refusal

    def _bodies(self, batch: list[Entry]) -> dict[int, bytes]:
        self._patience(sum(entry.size for entry in batch))
        with self._speaking("fetch"):
            # BODY.PEEK[]: RFC822 and BODY[] would set \Seen (RFC 3501 §6.4.5).
            answer = self._client.fetch([int(entry.uid) for entry in batch], ["BODY.PEEK[]"])
            contents = {}
            for uid, items in answer.items():
                # No item: the message vanished, or only its flags were reported. NIL: RFC 2180 §4.1.3, expunged.
                content = items.get(b"BODY[]")
                if content is None:
                    continue
                if not isinstance(content, bytes):
                    raise ValueError("the message is no string")
                contents[uid] = content
            return contents

    def received_at(self, entry: Entry) -> datetime | None:
        """When the message came into the mailbox."""
        self._require_same_generation([entry], "list")
        self._patience()
        with self._speaking("list"):
            self._client.normalise_times = False
            return self._client.fetch([int(entry.uid)], ["INTERNALDATE"]).get(int(entry.uid), {}).get(b"INTERNALDATE")

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        entries = list(entries)
        self._require_same_generation(entries, "acknowledge")
        uids = [int(entry.uid) for entry in entries]
        for start in range(0, len(uids), STORE_COUNT):
            self._patience()
            with self._speaking("acknowledge"):
                self._client.add_flags(uids[start : start + STORE_COUNT], [rb"\Seen"], silent=True)

    def _require_same_generation(self, entries: list[Entry], phase: str) -> None:
        # RFC 3501 §2.3.1.1: with another UIDVALIDITY the same UID is another message.
        announced = self._client._imap.untagged_responses.get("UIDVALIDITY") if self._client else None
        current = announced[-1].decode("ascii", "replace") if announced else self._uid_validity
        if any(entry.folder != self.folder or entry.uid_validity != current for entry in entries):
            raise GatewayError(
                "The mailbox was renumbered since these messages were listed; they have to be listed again.",
                phase=phase,
                code="UIDVALIDITY",
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

    def _patience(self, size: int = 0) -> None:
        """Start the time that the next answer, with `size` bytes of messages in it, may take."""
        if self._broken or self._socket is None:
            raise GatewayError("The connection to the mailbox is closed.", phase="connect")
        self._socket.allow(self.connection.answer_timeout + size / SLOWEST_BYTES_PER_SECOND)

    @contextmanager
    def _logging_in(self, challenges: list[bytes] | None = None):
        try:
            with self._speaking("login"):
                yield
        except GatewayError as error:
            if not isinstance(error.__cause__, Refused):
                raise
            raise login_refusal(error.code, error.detail, challenges[1:] if challenges else ()) from error

    @contextmanager
    def _speaking(self, phase: str, field: str = ""):
        """Whatever a server can cause while it is spoken to, as a GatewayError; `_broken` says if talk can go on."""
        broken, self._broken = self._broken, True
        try:
            yield
        except Refused as error:
            self._broken = broken
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


def _batches(entries: list[Entry]) -> Iterator[list[Entry]]:
    """The entries in order, cut so that no batch is over either bound; a larger message goes alone."""
    batch, size = [], 0
    for entry in entries:
        if batch and (len(batch) == BATCH_COUNT or size + entry.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch


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
        "acknowledge": "The server did not mark the messages as seen.",
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
