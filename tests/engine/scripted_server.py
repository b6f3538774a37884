# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A server on the loopback that plays a dialogue: it can misbehave in every way that real servers do."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True)
class Send:
    data: bytes


@dataclass(frozen=True)
class Drip:
    """The same few bytes, again and again, so that no read timeout is ever reached."""

    data: bytes
    pause: float = 0.02


@dataclass(frozen=True)
class Expect:
    """One line from the client, and the answer.

    In it <tag> is the first word of that line, <previous> the first word of the last line that began with a tag.
    """

    pattern: str
    answer: bytes = b""


@dataclass(frozen=True)
class Hang:
    pass


@dataclass(frozen=True)
class Close:
    pass


@dataclass(frozen=True)
class Encrypt:
    context: ssl.SSLContext


class ScriptedServer:
    """Plays one of `scripts` per connection, in order, the last one again for all further connections.

    Attributes:
        port: where it listens on 127.0.0.1.
        lines: what clients sent, without line ends.
        surprises: lines that were not as expected; the connection is closed then.
    """

    def __init__(self, *scripts: list):
        self.scripts = list(scripts)
        self.lines: list[bytes] = []
        self.surprises: list[bytes] = []
        self._stopped = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *exception):
        self._stopped.set()
        # Closing alone would not wake the thread that waits in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._sockets):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in list(self._threads):
            thread.join(5)

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        number = 0
        while not self._stopped.is_set():
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            sock.settimeout(5)
            self._sockets.append(sock)
            self._start(self._serve, sock, self.scripts[min(number, len(self.scripts) - 1)])
            number += 1

    def _serve(self, sock, script):
        try:
            for action in script:
                sock = self._play(sock, action)
                if sock is None:
                    return
        except (OSError, ValueError):
            return  # the client has left
        finally:
            if sock is not None:
                sock.close()

    def _play(self, sock, action):
        if isinstance(action, Send):
            sock.sendall(action.data)
        elif isinstance(action, Expect):
            line = _read_line(sock)
            self.lines.append(line)
            if not re.search(action.pattern, line.decode("utf-8", "replace")):
                self.surprises.append(line)
                raise ConnectionAbortedError
            tag = line.split(b" ")[0]
            previous = next((old.split(b" ")[0] for old in reversed(self.lines) if b" " in old), b"")
            sock.sendall(action.answer.replace(b"<tag>", tag).replace(b"<previous>", previous))
        elif isinstance(action, Drip):
            while not self._stopped.wait(action.pause):
                sock.sendall(action.data)
        elif isinstance(action, Hang):
            self._stopped.wait(10)
        elif isinstance(action, Encrypt):
            sock = action.context.wrap_socket(sock, server_side=True)
            self._sockets.append(sock)
        elif isinstance(action, Close):
            sock.shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        return sock


def _read_line(sock) -> bytes:
    """Byte by byte, so that nothing is buffered when the next action is Encrypt."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = sock.recv(1)
        if not byte:
            raise ConnectionAbortedError
        line += byte
    return bytes(line).rstrip(b"\r\n")


def unused_port() -> int:
    """A port of the loopback where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


class Stopwatch:
    def __enter__(self):
        self._start = time.monotonic()
        return self

    def __exit__(self, *exception):
        self.seconds = time.monotonic() - self._start
