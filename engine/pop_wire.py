# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""poplib on a socket that it did not open, with messages byte for byte and bounds of its own."""

from __future__ import annotations

import base64
import binascii
import poplib
import socket
from collections.abc import Callable

# RFC 1939 §3 limits answers to 512 octets, and poplib any line to 2048, but lines of messages know no such limit.
MAX_LINE = 64 * 1024
MAX_MESSAGE = 256 * 1024 * 1024
MAX_LISTING = 64 * 1024 * 1024
MAX_CHALLENGES = 3


class Wire(poplib.POP3):
    """Reads the greeting when made."""

    def __init__(self, sock: socket.socket):
        self._given = sock
        self.first_line = b""
        self._listed = 0
        super().__init__("", 110)

    def _create_socket(self, timeout):
        return self._given

    def _getline(self):
        line = self.file.readline(MAX_LINE + 1)
        self.first_line = self.first_line or line
        if len(line) > MAX_LINE:
            raise poplib.error_proto("the line is too long")
        if not line:
            raise poplib.error_proto("-ERR EOF")
        self._listed += len(line)
        if self._listed > MAX_LISTING:
            raise poplib.error_proto("the answer is too long")
        return line.rstrip(b"\r\n"), len(line)

    def _shortcmd(self, line):
        self._listed = 0
        return super()._shortcmd(line)

    def _longcmd(self, line):
        self._listed = 0
        return super()._longcmd(line)

    def retrieve(self, number: int, command: str = "RETR {}") -> bytes:
        """RETR or TOP with nothing changed but the dots of RFC 1939 §3 taken off; poplib's own forget the line ends."""
        self._shortcmd(command.format(number))
        pieces, size, line_start = [], 0, True
        while True:
            # A line of any length comes in pieces; only the first piece has a dot to look at.
            piece = self.file.readline(MAX_LINE)
            if not piece:
                raise poplib.error_proto("-ERR EOF")
            if line_start and piece[:1] == b".":
                if piece == b".\r\n":
                    return b"".join(pieces)
                piece = piece[1:]
            # Only CRLF ends a line: after a bare LF a dot is content, and no end of a message can be faked with it.
            line_start = piece[-2:] == b"\r\n" or (piece == b"\n" and pieces and pieces[-1][-1:] == b"\r")
            size += len(piece)
            if size > MAX_MESSAGE:
                raise poplib.error_proto("the message is too long")
            pieces.append(piece)

    def authenticate(self, mechanism: str, response: str, challenges: list[bytes], dummy: str = "") -> None:
        """AUTH (RFC 5034 §4); what the server asks after `response` is added to `challenges` and answered by `dummy`.

        Without an initial response on the same line: tokens are longer than the 255 octets allowed there.
        """
        answer = self._shortcmd(f"AUTH {mechanism}")
        encoded = base64.b64encode(response.encode()).decode()
        while not answer.startswith(b"+OK"):
            if len(challenges) > MAX_CHALLENGES:
                raise poplib.error_proto("the server asks without end")
            answer = self._shortcmd(encoded)
            encoded = base64.b64encode(dummy.encode()).decode()
            if not answer.startswith(b"+OK"):
                try:
                    challenges.append(base64.b64decode(answer[1:].strip()))
                except binascii.Error:
                    challenges.append(answer[1:].strip())

    def start_tls(self, encrypt: Callable[[socket.socket], socket.socket]) -> socket.socket:
        """STLS, RFC 2595 §4: what the server slipped in after its answer, in the clear, is refused."""
        self._shortcmd("STLS")
        if self._pending():
            raise poplib.error_proto("the server sent more than its answer to STLS")
        self.file.close()
        self.sock = encrypt(self.sock)
        self.file = self.sock.makefile("rb")
        return self.sock

    def _pending(self) -> bool:
        timeout, idle = self.sock.gettimeout(), getattr(self.sock, "idle", None)
        self.sock.idle = None
        self.sock.settimeout(0)
        try:
            return bool(self.file.peek(1))
        finally:
            self.sock.idle = idle
            self.sock.settimeout(timeout)

    def drop(self) -> None:
        """Close without a word."""
        for end in (self.file, self.sock):
            if end is not None:
                end.close()
        self.file = self.sock = None
