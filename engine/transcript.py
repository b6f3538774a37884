# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What was said between us and a mail server, for people: without secrets, without the content of messages, bounded.

A Recorder is part of a Connection; every socket that is opened for it begins a Conversation, which sees the bytes where
they go through the socket, so that no way of logging in goes past it. What is shown is what is known to be harmless
(engine/transcript_smtp.py and its neighbours); everything else is a number of bytes.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass

from .transcript_imap import ImapMask
from .transcript_pop import PopMask
from .transcript_secret import as_text
from .transcript_smtp import SmtpMask
from .transcript_stream import Stream

MOST_BYTES = 256 * 1024
MOST_LINES = 2000
LONGEST_SHOWN = 500
SENT, RECEIVED, NOTE = ">", "<", "*"

_MASKS = {"smtp": SmtpMask, "imap": ImapMask, "pop": PopMask}


@dataclass(frozen=True, slots=True)
class Transcript:
    """`text` has a line for each line of the protocol: seconds since the connection began, direction, what was said.

    `seconds` is how long the conversation was recorded; `is_cut` that more was said than was kept.
    """

    protocol: str
    text: str
    seconds: float
    is_cut: bool


class Recorder:
    """Makes transcripts of all connections that are opened for a server, until a point in time.

    Args:
        protocol: smtp, imap or pop.
        keep: called with the Transcript of each conversation when it is over. It must not raise.
        seconds: that are recorded from now on.
        keep_addresses: show addresses as they are; else what is before the @ is masked.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        protocol: str,
        keep: Callable[[Transcript], None],
        seconds: float,
        *,
        keep_addresses: bool = False,
        most_bytes: int = MOST_BYTES,
        most_lines: int = MOST_LINES,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.protocol = protocol
        self.keep = keep
        self.clock = clock
        self.until = clock() + seconds
        self.keep_addresses = keep_addresses
        self.most_bytes, self.most_lines = most_bytes, most_lines

    def begin(self) -> Conversation | None:
        """Return the recording of a new connection; None once the time is over."""
        return Conversation(self) if self.clock() < self.until else None


class Conversation:
    """The recording of one connection. Every method may be called at any time, and none raises."""

    def __init__(self, recorder: Recorder):
        self._recorder = recorder
        self._begun = recorder.clock()
        self._lines: list[str] = []
        self._size = 0
        self._is_cut = self._is_over = False
        self._mask = _MASKS[recorder.protocol](recorder.keep_addresses)
        self._sent = Stream(self._mask.sent, self._mask.sent_content)
        self._received = Stream(self._mask.received, self._mask.received_content)
        self._mask.attach(self._sent, self._received)

    def sent(self, data: bytes) -> None:
        """Bytes that went to the server."""
        self._feed(SENT, self._sent, data)

    def received(self, data: bytes) -> None:
        """Bytes that came from the server; none: it ended the connection."""
        if data:
            self._feed(RECEIVED, self._received, data)
        else:
            self.note("The server ended the connection.")

    def note(self, text: str) -> None:
        """Add a remark of ours."""
        if self._goes_on():
            self._add(NOTE, self._mask.plain(text))

    def encrypted(self, sock: ssl.SSLSocket, *, is_verified: bool) -> None:
        """From here on the connection is encrypted: what was half said before belongs to nobody (RFC 3207 §4.2)."""
        for stream in (self._sent, self._received):
            stream.drop()
        self._mask.restart()
        self.note(describe_tls(sock, is_verified=is_verified))

    def close(self) -> None:
        """The connection is over; the transcript is kept."""
        if not self._is_over:
            if self._goes_on():
                for direction, stream in ((SENT, self._sent), (RECEIVED, self._received)):
                    if stream.unfinished:
                        self._add(direction, f"[{stream.unfinished} bytes, unfinished]")
                self._add(NOTE, "The connection is closed.")
            self._finish()

    def _feed(self, direction: str, stream: Stream, data: bytes) -> None:
        if not self._goes_on():
            return
        try:
            for text in stream.feed(bytes(data)):
                self._add(direction, text)
        except Exception as error:  # noqa: BLE001 - the mail goes on, whatever is wrong with its transcript
            self._add(NOTE, f"The transcript ends here ({type(error).__name__}).")
            self._is_cut = True

    def _goes_on(self) -> bool:
        if self._is_over or self._is_cut:
            return False
        if self._recorder.clock() < self._recorder.until:
            return True
        self._add(NOTE, "The time for recording is over.")
        self._finish()
        return False

    def _add(self, direction: str, text: str) -> None:
        if self._is_cut:
            return
        if len(text) > LONGEST_SHOWN:
            text = f"{text[:LONGEST_SHOWN]}… [{len(text)} characters]"
        line = f"{self._recorder.clock() - self._begun:9.3f} {direction} {text}"
        self._size += len(line.encode()) + 1
        if self._size > self._recorder.most_bytes or len(self._lines) >= self._recorder.most_lines:
            self._is_cut = True
            line = f"{self._recorder.clock() - self._begun:9.3f} {NOTE} More was said, and is not kept."
        self._lines.append(line)

    def _finish(self) -> None:
        self._is_over = True
        seconds = self._recorder.clock() - self._begun
        self._recorder.keep(Transcript(self._recorder.protocol, "\n".join(self._lines), seconds, self._is_cut))
        self._lines = []


def describe_tls(sock: ssl.SSLSocket, *, is_verified: bool) -> str:
    """Return version, cipher and certificate of an encrypted connection, in words."""
    cipher = sock.cipher()
    words = [f"Encrypted: {sock.version()}, {cipher[0] if cipher else 'no cipher'}."]
    certificate = sock.getpeercert() if is_verified else None
    if not certificate:
        return f"{words[0]} The certificate was not checked, as chosen."
    names = ", ".join(value for _kind, value in certificate.get("subjectAltName", ())[:5])
    issuer = ", ".join(value for part in certificate.get("issuer", ()) for _key, value in part)
    words.append(f"The certificate is valid, for {names}, issued by {issuer}, until {certificate.get('notAfter')}.")
    return as_text(" ".join(words).encode())
