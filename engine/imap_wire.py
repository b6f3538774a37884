# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""imaplib on a socket that it did not open, with bounds, and deaf to no refusal."""

from __future__ import annotations

import imaplib
import socket
from collections.abc import Callable

from .tls import is_slipped_in, slipped_in_error

# imaplib's limit of 1 MB is reached by a SEARCH over 150,000 messages.
MAX_LINE = 16 * 1024 * 1024
# No mail server hands on more; memory would not hold it either.
MAX_LITERAL = 256 * 1024 * 1024
_PIECE = 1024 * 1024


class Refused(Exception):
    """A tagged NO or BAD. No imaplib.IMAP4.error, which imaplib and IMAPClient would catch and rewrite.

    Attributes:
        status: NO or BAD.
        text: what follows, with the response code in brackets.
    """

    def __init__(self, status: str, text: str):
        super().__init__(status)
        self.status = status
        self.text = text


class Wire(imaplib.IMAP4):
    """Reads the greeting and the capabilities when made. `first_line` is what the server said first."""

    def __init__(self, sock: socket.socket):
        self._given = sock
        self._stream = None
        self.first_line = b""
        super().__init__()

    # open, read, readline, send and shutdown are what imaplib documents as its seam. Python 3.14 buffers by itself
    # behind the same methods, so all of them are replaced together.

    def open(self, host="", port=imaplib.IMAP4_PORT, timeout=None):
        self.host, self.port = host, port
        self.sock = self._given
        self._stream = self.sock.makefile("rb")

    def read(self, size):
        if size > MAX_LITERAL:
            raise self.abort(f"a literal of {size} bytes")
        pieces = []
        while size > 0:
            # In pieces, as the size is the server's word only and memory is reserved at once.
            piece = self._stream.read(min(size, _PIECE))
            if not piece:
                raise self.abort("the connection was closed within a message")
            pieces.append(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readline(self):
        line = self._stream.readline(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise self.abort("the line is too long")
        self.first_line = self.first_line or line
        return line

    def shutdown(self):
        self.drop()

    def drop(self) -> None:
        """Close without a word."""
        if self._stream is not None:
            self._stream.close()
        self.sock.close()

    def _get_tagged_response(self, *args, **kwargs):
        # Callers of imaplib must look at every status, and some of its own do not: here none can be missed.
        status, data = super()._get_tagged_response(*args, **kwargs)
        if status in ("NO", "BAD"):
            text = b" ".join(part for part in data if isinstance(part, bytes))
            raise Refused(status, text.decode("utf-8", "replace"))
        return status, data

    def start_tls(self, encrypt: Callable[[socket.socket], socket.socket]) -> socket.socket:
        """STARTTLS, RFC 3501 §6.2.1: what was said before it is forgotten, what was slipped in after it refused."""
        self._simple_command("STARTTLS")
        if is_slipped_in(self.sock, self._stream):
            raise slipped_in_error()
        self.sock = encrypt(self.sock)
        self._stream = self.sock.makefile("rb")
        self.untagged_responses.clear()
        self._get_capabilities()
        return self.sock

    def login_literally(self, user: str, secret: str) -> None:
        """LOGIN, RFC 3501 §6.2.3; a secret beyond ASCII goes as a literal, as a quoted string may not hold it."""
        command = [_quoted(user)]
        if secret.isascii():
            command.append(_quoted(secret))
        else:
            self.literal = secret.encode()
        self._simple_command("LOGIN", *command)
        self.state = "AUTH"


def _quoted(text: str) -> bytes:
    # As bytes: imaplib encodes strings as ASCII, and would fail on a user name that is not.
    return b'"' + text.encode().replace(b"\\", rb"\\").replace(b'"', rb"\"") + b'"'
