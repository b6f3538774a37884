# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One connection that is told of new mail: IMAP IDLE (RFC 2177), or a question each minute where a server has none."""

from __future__ import annotations

import imaplib
import re
import selectors
import ssl
import time

from .errors import GatewayError
from .imap import ImapReader

# Lines of one wait: a server that talks without end must not keep us from renewing.
MOST_LINES = 10_000
_EXISTS = re.compile(rb"\* (\d+) EXISTS\b", re.IGNORECASE)
_EXPUNGE = re.compile(rb"\* \d+ EXPUNGE\b", re.IGNORECASE)
_BYE = re.compile(rb"\* BYE\b", re.IGNORECASE)


class IdleSession(ImapReader):
    """An ImapReader that waits instead of reading. Used by one thread; only `interrupt` is for others.

    Attributes:
        is_pushed: whether the server has IDLE. Without it `wait` asks by NOOP at its end.
    """

    is_pushed = False
    _is_idling = False
    _has_arrived = False
    _tag = b""

    def open(self) -> None:
        """Connect, log in, select, and learn whether there is IDLE."""
        self._is_idling = False
        super().open()
        self._patience()
        with self._speaking("list"):
            # Asked after the login: many servers announce IDLE only then.
            self.is_pushed = b"IDLE" in self._client.capabilities()

    def wait(self, seconds: float) -> bool:
        """Wait until mail arrives or `seconds` are over; return whether some arrived.

        Called again and again: an IDLE lasts from call to call until `renew`.

        Raises:
            GatewayError: the connection is gone or was interrupted.
        """
        if not self.is_pushed:
            self._listen(time.monotonic() + seconds)
            return self._ask()
        if not self._is_idling:
            self._begin()
            if not self.is_pushed:
                return self._ask()
        return self._listen(time.monotonic() + seconds)

    def renew(self) -> bool:
        """End the IDLE, so that the next `wait` begins another; return whether mail arrived meanwhile.

        RFC 2177 §3: a server may log off who idles for 30 minutes, and routers forget a silent connection sooner.
        """
        if not self._is_idling:
            return False
        self._patience()
        with self._speaking("list"):
            self._client._imap.send(b"DONE\r\n")
            self._is_idling = False
            self._read_until_tagged(self._tag)
        return self._news()

    def interrupt(self) -> None:
        """Let a `wait` in another thread end with an error, now."""
        sock = self._socket
        if sock is not None:
            try:
                sock.shutdown(2)  # both ways: the reading side wakes up
            except OSError:
                return  # it is gone already, which is what was wanted

    def _begin(self) -> None:
        wire = self._client._imap
        self._patience()
        with self._speaking("list"):
            self._tag = wire._new_tag()
            wire.send(self._tag + b" IDLE\r\n")
            for _number in range(MOST_LINES):
                line = self._line()
                if line.startswith(b"+"):
                    self._is_idling = True
                    return
                if line.startswith(self._tag + b" "):
                    # It announces IDLE and refuses it: from now on it is asked instead.
                    self.is_pushed = False
                    return
                self._take(line)
            raise ValueError("no end of lines")

    def _ask(self) -> bool:
        wire = self._client._imap
        self._patience()
        with self._speaking("list"):
            tag = wire._new_tag()
            wire.send(tag + b" NOOP\r\n")
            self._read_until_tagged(tag)
        return self._news()

    def _read_until_tagged(self, tag: bytes) -> None:
        for _number in range(MOST_LINES):
            line = self._line()
            if line.startswith(tag + b" "):
                if line.split(None, 2)[1:2] != [b"OK"]:
                    raise GatewayError("The server refused.", phase="list", code="NOOP")
                return
            self._take(line)
        raise ValueError("no end of lines")

    def _listen(self, until: float) -> bool:
        """Read what the server says by itself; True as soon as there is more mail than before."""
        with self._speaking("list"):
            for _number in range(MOST_LINES):
                if self._has_arrived:
                    break
                left = until - time.monotonic()
                if left <= 0 or not self._has_line(left):
                    break
                # The rest of a line that has begun has to follow soon.
                self._socket.allow(self.connection.read_timeout)
                self._take(self._line())
        return self._news()

    def _news(self) -> bool:
        has_arrived, self._has_arrived = self._has_arrived, False
        return has_arrived

    def _line(self) -> bytes:
        line = self._client._imap.readline()
        if not line:
            raise imaplib.IMAP4.abort("the connection was closed")
        return line

    def _take(self, line: bytes) -> None:
        if match := _EXISTS.match(line):
            self._has_arrived |= int(match[1]) > self._exists
            self._exists = int(match[1])
        elif _EXPUNGE.match(line):
            # Otherwise one that is deleted while another arrives would hide it.
            self._exists = max(self._exists - 1, 0)
        elif _BYE.match(line):
            raise imaplib.IMAP4.abort("the server said BYE")

    def _has_line(self, seconds: float) -> bool:
        """Return whether something can be read (the end of the connection counts), waiting for `seconds` at most.

        Not by a read with a timeout: after one a file made from a socket cannot be read any more.
        """
        until = time.monotonic() + seconds
        if self._is_buffered():
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while (left := until - time.monotonic()) > 0:
                if selector.select(left) and self._is_readable():
                    return True
        return False

    def _is_buffered(self) -> bool:
        return self._peek() is True

    def _is_readable(self) -> bool:
        # After the selector said so, "nothing" is the end of the connection, which the next read tells.
        return self._peek() is not None

    def _peek(self) -> bool | None:
        """True: bytes are there. False: none, or the end. None: TLS had something to tell, but no bytes for us."""
        sock, stream = self._socket, self._client._imap._stream
        timeout, idle = sock.gettimeout(), sock.idle
        sock.idle = None
        sock.settimeout(0)
        try:
            return bool(stream.peek(1))
        except ssl.SSLWantReadError:
            return None
        finally:
            sock.idle = idle
            sock.settimeout(timeout)
