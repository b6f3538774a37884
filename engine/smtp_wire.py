# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How an SMTP session reads and writes: every answer of bounded length, in bounded time."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from .connection import Connection

if TYPE_CHECKING:
    from .transcript import Conversation

LONGEST_LINE = 8192
MOST_LINES = 200
# A kept session is given up without waiting long for the server's farewell.
FAREWELL_TIMEOUT = 2.0


class WireSession:
    """A part of smtplib sessions: sends and reads within the limits of a Connection.

    Attributes:
        witness: the Conversation of a session whose socket is not ours; our sockets have their own.
        on_wait: called with the seconds that each answer was waited for.
    """

    witness: Conversation | None = None
    on_wait: Callable[[float], None] | None = None

    # None for sessions that Odoo's own code opened: those have the one timeout that it gave them.
    _connection: Connection | None = None

    @property
    def is_open(self) -> bool:
        return self.sock is not None

    def send(self, s):
        """Send like smtplib; each call has the read timeout for itself."""
        if self.sock is not None and self._connection is not None:
            # Reading leaves what was left of its own limits behind.
            self.sock.settimeout(self._connection.read_timeout)
        if self.witness is not None:
            self.witness.sent(s.encode(self.command_encoding) if isinstance(s, str) else s)
        super().send(s)

    def set_debuglevel(self, debuglevel):
        """Do nothing: smtplib would write passwords and mail into Odoo's log. Transcripts take the place of it."""

    def close(self):
        super().close()
        if self.witness is not None:
            self.witness.close()

    def getreply(self):
        """Read one reply like smtplib, of bounded length and in bounded time.

        Raises:
            smtplib.SMTPServerDisconnected, SMTPResponseException: the connection is closed then.
        """
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("There is no connection.")
        if self.file is None:
            self.file = self.sock.makefile("rb")
        if self._connection is not None:
            self.sock.allow(self._connection.answer_timeout)
        lines = []
        while True:
            began = time.monotonic()
            try:
                line = self.file.readline(LONGEST_LINE + 1)
            except OSError as error:
                self.close()
                text = "The server stopped answering." if isinstance(error, TimeoutError) else "The connection broke."
                raise smtplib.SMTPServerDisconnected(text) from error
            if self.on_wait is not None:
                self.on_wait(time.monotonic() - began)
            if not line:
                self.close()
                raise smtplib.SMTPServerDisconnected("The server ended the connection.")
            if self.witness is not None:
                self.witness.received(line)
            if len(line) > LONGEST_LINE or len(lines) >= MOST_LINES:
                self.close()
                raise smtplib.SMTPResponseException(500, "The server's answer has no end.")
            lines.append(line[4:].strip(b" \t\r\n"))
            try:
                code = int(line[:3])
            except ValueError:
                code = -1
                break
            if line[3:4] != b"-":
                break
        return code, b"\n".join(lines)

    def limit_opening(self) -> None:
        """Bound greeting, encryption and login together, until the next unlimit() or limit()."""
        self._pace(end=time.monotonic() + 2 * self._connection.read_timeout)

    def limit(self, seconds: float) -> None:
        """Bound all answers to the commands of one transaction, by so much more than one answer may take."""
        self._pace(end=time.monotonic() + self._connection.answer_timeout + seconds if self._connection else None)

    def unlimit(self) -> None:
        """Each answer has its own limits again."""
        self._pace()

    def await_verdict(self) -> None:
        """Be patient with the answer to the whole message: giving up leaves its fate unknown (RFC 5321 §4.5.3.2.6)."""
        self._pace(idle=self._connection.answer_timeout if self._connection else None)

    def _pace(self, idle: float | None = None, end: float | None = None) -> None:
        if self._connection is not None and self.sock is not None:
            self.sock.idle, self.sock.end = idle or self._connection.read_timeout, end

    def say_goodbye(self) -> None:
        """QUIT and close, whatever the server makes of it."""
        with suppress(OSError, smtplib.SMTPException):
            if self.sock is not None:
                if self._connection is not None:
                    self._connection = None
                    self.sock.idle = None
                self.sock.settimeout(FAREWELL_TIMEOUT)
                self.docmd("QUIT")
        self.close()
