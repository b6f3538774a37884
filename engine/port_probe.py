# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a port speaks, found out without settings and without logging in."""

from __future__ import annotations

import re
import select
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from .connection import Connection, Security, dial, protocol_of
from .errors import ConfigurationError, GatewayError

# A server that greets does so within this; one that waits for TLS never does.
PATIENCE = 2.0
AT_ONCE = 4

# How each protocol is asked what it can, and how its answer ends: RFC 5321 §4.1.1.1, RFC 3501 §6.1.1, RFC 2449 §5.
_QUESTIONS = {
    "smtp": (b"EHLO localhost\r\n", re.compile(rb"^\d{3} ", re.MULTILINE)),
    "imap": (b"a CAPABILITY\r\n", re.compile(rb"^a ", re.MULTILINE)),
    "pop": (b"CAPA\r\n", re.compile(rb"^(\.\r|-ERR)", re.MULTILINE)),
}
_FAREWELLS = {"smtp": b"QUIT\r\n", "imap": b"b LOGOUT\r\n", "pop": b"QUIT\r\n"}
_STARTTLS = re.compile(rb"\b(STARTTLS|STLS)\b")
_LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class PortAnswer:
    """`protocol` is '' where something listens that is not known; `security` None where it could not be told."""

    port: int
    protocol: str
    security: Security | None


def silent(sock: socket.socket, patience: float) -> bool:
    """Whether the server has said nothing after `patience` seconds. Nothing is read."""
    return not select.select([sock], [], [], patience)[0]


def probe_port(
    connection: Connection, patience: float = PATIENCE, dial: Callable = dial, *, known_silent: bool = False
) -> PortAnswer | None:
    """What the port of `connection` speaks, whatever its other settings are; None when nothing listens.

    `known_silent`: that the server says nothing by itself is known, and need not be waited for again.
    """
    seconds = min(connection.connect_timeout, patience)
    # Nothing of it is for a transcript: nobody logs in, and it is no session of this server's settings.
    quick = replace(connection, connect_timeout=seconds, read_timeout=patience, recorder=None)
    try:
        sock = dial(quick)
    except (GatewayError, ConfigurationError):
        return None
    try:
        sock.settimeout(patience)
        if not silent(sock, patience / 20 if known_silent else patience):
            return _answer(sock, connection.port, encrypted=False)
        # Certificates do not matter here: nothing is sent that needs protection.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        sock = context.wrap_socket(sock, server_hostname=connection.host.strip())
        return _answer(sock, connection.port, encrypted=True)
    except (OSError, ValueError):
        return PortAnswer(connection.port, "", None)
    finally:
        sock.close()


def probe_ports(
    connection: Connection, ports: Sequence[int], patience: float = PATIENCE, dial: Callable = dial
) -> list[PortAnswer]:
    """Those of `ports` on the same host where something answers, in the order given; all are tried at once."""
    if not ports:
        return []
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        asked = [pool.submit(probe_port, replace(connection, port=port), patience, dial) for port in ports]
        return [answer for answer in (future.result() for future in asked) if answer]


def _answer(sock: socket.socket, port: int, encrypted: bool) -> PortAnswer:
    greeting = _read(sock, re.compile(rb"\n"))
    protocol = protocol_of(greeting)
    if encrypted:
        security = Security.TLS
    elif protocol in _QUESTIONS:
        question, end = _QUESTIONS[protocol]
        sock.sendall(question)
        security = Security.STARTTLS if _STARTTLS.search(_read(sock, end).upper()) else Security.NONE
    else:
        security = None
    if protocol in _FAREWELLS:
        sock.sendall(_FAREWELLS[protocol])
    return PortAnswer(port, protocol, security)


def _read(sock: socket.socket, end: re.Pattern) -> bytes:
    answer = b""
    while not end.search(answer) and len(answer) < _LONGEST_ANSWER:
        piece = sock.recv(4096)
        if not piece:
            break
        answer += piece
    return answer
