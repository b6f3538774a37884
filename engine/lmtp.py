# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""An LMTP server (RFC 2033): one answer for each recipient, given when that one's copy is safe.

What is done with a message is a Desk's business; the desk is called in threads, since it waits for a database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import syntax

from .envelope_address import MOST_RECIPIENTS
from .storable import storable

# Mail programs write longer lines than RFC 5321 §4.5.3.1.6 allows; a message is not refused for that.
_LONGEST_LINE = 1_048_576
TRY_LATER = "451 4.3.0 Try again later"
_MALFORMED = "553 5.1.3 Malformed address"
_TOO_MANY = "452 4.5.3 Too many recipients"


class Desk(Protocol):
    """Decides about and keeps what comes. Its methods are called in threads, several at once."""

    def size(self) -> int | None:
        """Return how many octets a message may have now, None to leave that as it was."""

    def judge(self, recipient: str) -> str:
        """Return "" to take mail for an address, or the answer that refuses it."""

    def keep(self, content: bytes, sender: str, recipients: list[str]) -> list[str]:
        """Store a message for each recipient and return one answer for each, in their order."""


@dataclass(frozen=True)
class Limits:
    """What the server begins with.

    Attributes: size: octets of a message, until the desk says otherwise; connections: at once; seconds: for a command,
        or for a whole message.
    """

    size: int
    connections: int = 20
    seconds: float = 300


class LmtpServer:
    """Serves one listening place.

    Args:
        report: called with the name of an error's class when a desk failed; nothing of the message is told.
    """

    def __init__(self, desk: Desk, limits: Limits, hostname: str, report: Callable[[str], None]):
        self.desk = desk
        self.limits = limits
        self.hostname = hostname
        self.report = report
        # Each uses a database connection of its own.
        self.threads = ThreadPoolExecutor(min(4, limits.connections), thread_name_prefix="lmtp")
        self.sessions: set[_Session] = set()
        self._listener: asyncio.base_events.Server | None = None

    async def listen(self, *, path: str = "", host: str = "", port: int = 0) -> None:
        """Begin to accept connections, on a unix socket when ``path`` is given.

        Raises:
            OSError: the place is taken or not allowed.
        """
        loop = asyncio.get_running_loop()
        if path:
            self._listener = await loop.create_unix_server(self._session, path)
        else:
            self._listener = await loop.create_server(self._session, host, port)

    def _session(self):
        return _Session(self) if len(self.sessions) < self.limits.connections else _Full()

    async def close(self, seconds: float = 30) -> None:
        """Accept nothing new, let messages in work be answered for at most ``seconds``, then cut what is left."""
        self._listener.close()
        limit = asyncio.get_running_loop().time() + seconds
        while any(session.is_busy for session in self.sessions) and asyncio.get_running_loop().time() < limit:
            await asyncio.sleep(0.02)
        for session in list(self.sessions):
            session.cut()
        self.threads.shutdown(wait=False, cancel_futures=True)

    async def ask(self, question: Callable, *arguments):
        return await asyncio.get_running_loop().run_in_executor(self.threads, question, *arguments)

    # What aiosmtpd calls

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        # RFC 2033 §5 requires both.
        return [responses[0], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", *responses[1:]]

    async def handle_RCPT(self, server, session, envelope, address, options):
        # RFC 5321 §4.5.3.1.10: the client sends the rest with another message.
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return _TOO_MANY
        # aiosmtpd gives octets that are no UTF-8 as lone surrogates, which no database keeps.
        if storable(address) != address:
            return _MALFORMED
        refusal = await self.ask(self.desk.judge, address)
        if refusal:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        # A strange return path is no reason to refuse: it is shown, and nobody is answered there.
        sender = "" if envelope.mail_from in (None, "<>") else storable(envelope.mail_from)
        answers = await self.ask(self.desk.keep, envelope.original_content, sender, list(envelope.rcpt_tos))
        return "\r\n".join(answers)

    async def handle_exception(self, error):
        # Whatever went wrong here is no fault of the message.
        self.report(type(error).__name__)
        return TRY_LATER


class _Full(asyncio.Protocol):
    """Answers a connection over the limit."""

    def connection_made(self, transport):
        transport.write(b"421 4.3.2 Too many connections\r\n")
        transport.close()


class _Session(LMTP):
    """One connection. aiosmtpd answers DATA once; here every recipient gets an answer (RFC 2033 §4.2)."""

    line_length_limit = _LONGEST_LINE

    def __init__(self, owner: LmtpServer):
        super().__init__(
            owner,
            data_size_limit=owner.limits.size,
            enable_SMTPUTF8=True,
            hostname=owner.hostname,
            ident="OpenSPP Email Gateway LMTP",
            timeout=owner.limits.seconds,
        )
        self._owner = owner
        # Recipients that wait for an answer to the data; 0 outside of it.
        self._waiting = 0
        self.is_busy = False

    def connection_made(self, transport):
        self._owner.sessions.add(self)
        super().connection_made(transport)

    def connection_lost(self, error):
        self._owner.sessions.discard(self)
        self.is_busy = False
        super().connection_lost(error)

    def cut(self):
        if self.transport is not None:
            self.transport.abort()

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, arg):
        # An MTA greets on each connection, so that a limit that people change needs no new start of this server.
        try:
            self.data_size_limit = await self._owner.ask(self._owner.desk.size) or self.data_size_limit
        except Exception as error:  # noqa: BLE001 - the limit that was known last holds
            self._owner.report(type(error).__name__)
        await super().smtp_LHLO(arg)

    @syntax("DATA")
    async def smtp_DATA(self, arg):
        self.is_busy = True
        try:
            await super().smtp_DATA(arg)
        except Exception as error:  # noqa: BLE001 - each recipient must hear that it may be tried again
            if not self._waiting:
                raise
            await self.push(await self._owner.handle_exception(error))
            self._set_post_data_state()
        finally:
            self._waiting = 0
            self.is_busy = False

    async def push(self, status):
        if self.is_busy and isinstance(status, str):
            if status.startswith("354"):
                self._waiting = len(self.envelope.rcpt_tos)
            elif self._waiting:
                # A desk gave one answer for each; aiosmtpd's own, such as "too much data", hold for all.
                answers = status.split("\r\n")
                if len(answers) != self._waiting:
                    answers = answers[:1] * self._waiting
                status = "\r\n".join(answers)
        await super().push(status)
