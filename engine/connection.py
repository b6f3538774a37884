# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Where a mail server is, how it is spoken to and who we are there; and the socket that leads to it."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from .errors import ConfigurationError, GatewayError
from .forbidden_address import is_forbidden
from .name_lookup import LOOKUP, LOOKUP_SECONDS

if TYPE_CHECKING:
    from .transcript import Conversation, Recorder

# RFC 8314 §7.3 (imaps, pop3s, submissions), RFC 3501 §2.1, RFC 1939 §3, RFC 6409 §3.1, RFC 5321 §4.5.4.2.
# Unencrypted SMTP means a relay inside the house, and that listens on 25.
DEFAULT_PORTS = {
    ("imap", "tls"): 993,
    ("imap", "starttls"): 143,
    ("imap", "none"): 143,
    ("pop", "tls"): 995,
    ("pop", "starttls"): 110,
    ("pop", "none"): 110,
    ("smtp", "tls"): 465,
    ("smtp", "starttls"): 587,
    ("smtp", "none"): 25,
}


# Some servers make strangers wait half a minute for the greeting. Odoo ends a request after two minutes.
TEST_CONNECT_SECONDS, TEST_READ_SECONDS, TEST_SECONDS = 10.0, 35.0, 60.0

SESSION_OVER = "the session took too long"
# Code of the error when a name leads to forbidden addresses only.
FORBIDDEN = "FORBIDDEN"


class Security(str, Enum):
    """How the connection is encrypted."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


def default_port(protocol: str, security: Security | str) -> int:
    """The port that `protocol` (imap, pop, smtp) has by custom when it is secured this way."""
    return DEFAULT_PORTS[protocol, Security(security).value]


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything that is needed to reach a server, and nothing about who logs in there.

    `ca_certificate` is PEM text of certificates that are trusted besides the system's. `connect_timeout` bounds the
    way to the server over all of its addresses, `read_timeout` one silence of the server; a whole answer may take
    `answer_timeout`. `session_timeout` bounds all of a mailbox session, with reconnections; 0 leaves it unbounded.
    `recorder` makes transcripts of what is said.
    """

    host: str
    port: int
    security: Security = Security.TLS
    verify: bool = True
    ca_certificate: str = ""
    connect_timeout: float = 20.0
    read_timeout: float = 60.0
    session_timeout: float = 0.0
    recorder: Recorder | None = field(default=None, repr=False, compare=False)

    @property
    def answer_timeout(self) -> float:
        """A server that sends one byte before each read timeout would otherwise hold a reader for ever."""
        return 4 * self.read_timeout


@dataclass(frozen=True, slots=True)
class Password:
    user: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class XOAuth2:
    """`initial_response` is the SASL text `user=…^Aauth=Bearer …^A^A` in the clear, not yet in base64."""

    user: str
    initial_response: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BearerToken:
    """An OAuth 2 access token for the mailbox `user`.

    `mechanism` is what is used where the server offers it, "XOAUTH2" or "OAUTHBEARER"; with "" the server's offer
    decides. See engine/sasl_bearer.py.
    """

    user: str
    token: str = field(repr=False)
    mechanism: str = ""


Credential = Password | XOAuth2 | BearerToken


class _Paced:
    """Bounds each read by the silence allowed, all reads of an answer by a point in time, and the session by `end`.

    What is said is told to `conversation`, if there is one.
    """

    idle: float | None = None
    until: float | None = None
    end: float | None = None
    on_data: Callable[[], None] | None = None
    conversation: Conversation | None = None

    def allow(self, seconds: float) -> None:
        """From now on the server has this long, whatever it sends."""
        self.until = time.monotonic() + seconds

    def _arm(self) -> None:
        if self.idle is None or self.until is None:
            return
        now = time.monotonic()
        if self.end is not None and self.end <= now:
            raise TimeoutError(SESSION_OVER)
        left = min(self.until, self.end or self.until) - now
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self.settimeout(min(self.idle, left))

    def recv(self, *args, **kwargs):
        data = self._within(super().recv, *args, **kwargs)
        if self.conversation is not None:
            self.conversation.received(data)
        return data

    def recv_into(self, buffer, *args, **kwargs):
        size = self._within(super().recv_into, buffer, *args, **kwargs)
        if self.conversation is not None:
            self.conversation.received(bytes(memoryview(buffer)[:size]))
        return size

    def sendall(self, data, *args):
        if self.conversation is not None:
            self.conversation.sent(data)
        return super().sendall(data, *args)

    def close(self):
        super().close()
        if self.conversation is not None:
            self.conversation.close()

    def _within(self, read, *args, **kwargs):
        self._arm()
        try:
            data = read(*args, **kwargs)
            if self.on_data is not None:
                self.on_data()
            return data
        except TimeoutError as error:
            if self.conversation is not None:
                self.conversation.note("The server did not answer in time.")
            if self.end is not None and self.end <= time.monotonic():
                raise TimeoutError(SESSION_OVER) from error
            raise


class PlainSocket(_Paced, socket.socket):
    pass


class EncryptedSocket(_Paced, ssl.SSLSocket):
    pass


Dial = Callable[[Connection], PlainSocket]


def resolve(connection: Connection, getaddrinfo: Callable | None = None) -> list[tuple]:
    """The addresses of the host, as `getaddrinfo` gives them; GatewayError when there are none, or not in time."""
    host = (connection.host or "").strip()
    if not host:
        raise ConfigurationError("The server has no host name.", field="host")
    if not 0 < int(connection.port or 0) < 65536:
        raise ConfigurationError("The port must be a number between 1 and 65535.", field="port")
    try:
        if getaddrinfo is None:
            found = LOOKUP.addresses(host, connection.port, timeout=min(connection.connect_timeout, LOOKUP_SECONDS))
        else:
            found = getaddrinfo(host, connection.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        # EAI_AGAIN is the resolver being unreachable: nothing is known about the name.
        again = error.errno == socket.EAI_AGAIN
        silent = "The DNS did not answer. Check the name servers of this machine."
        text = silent if again else "No server with this name exists."
        raise GatewayError(
            text, permanent=not again, phase="resolve", code=str(error.errno), detail=str(error.strerror), field="host"
        ) from error
    except (UnicodeError, ValueError) as error:
        raise GatewayError("This is not a host name.", permanent=True, phase="resolve", field="host") from error
    except OSError as error:
        raise GatewayError("The DNS did not answer.", phase="resolve", detail=str(error), field="host") from error
    if not found:
        raise GatewayError("No server with this name exists.", permanent=True, phase="resolve", field="host")
    return found


def for_a_test(connection: Connection) -> Connection:
    """The same connection while a person waits for a test of it, who is told after a minute at the latest."""
    return replace(
        connection,
        connect_timeout=min(connection.connect_timeout, TEST_CONNECT_SECONDS),
        read_timeout=min(connection.read_timeout, TEST_READ_SECONDS),
        session_timeout=min(connection.session_timeout or TEST_SECONDS, TEST_SECONDS),
    )


def refuse_forbidden(connection: Connection) -> None:
    """Raise the GatewayError of `connect` if the host leads to a forbidden address; for connections of other code."""
    if any(is_forbidden(entry[4][0]) for entry in resolve(connection)):
        raise _forbidden()


def _forbidden() -> GatewayError:
    return GatewayError(
        "This name leads to an address of a link, of a cloud's metadata service, or of nobody, and no mail server "
        "may be asked there. Enter the name of the mail server itself, or have its DNS entry put right.",
        permanent=True,
        phase="connect",
        code=FORBIDDEN,
        field="host",
    )


def connect(
    connection: Connection, addresses: Sequence[tuple], forbidden: Callable[[str], bool] | None = None
) -> PlainSocket:
    """The first of the addresses that accepts, with the timeouts of `connection` in force.

    Forbidden ones are passed by: they are looked at here, where the socket is opened, so that a name cannot lead
    elsewhere a moment later. Whoever asks other servers than those for mail tells what is forbidden there.
    """
    forbidden = forbidden or is_forbidden
    addresses = [entry for entry in addresses if not forbidden(entry[4][0])]
    if not addresses:
        raise _forbidden()
    conversation = connection.recorder.begin() if connection.recorder is not None else None
    end = time.monotonic() + connection.connect_timeout
    failure: OSError | None = None
    for tried, (family, kind, proto, _name, address) in enumerate(addresses):
        # Every address gets its share, so that a dead IPv6 route leaves time for IPv4.
        share = (end - time.monotonic()) / (len(addresses) - tried)
        if share <= 0:
            break
        sock = None
        try:
            sock = PlainSocket(family, kind, proto)
            sock.settimeout(share)
            sock.connect(address)
            # imaplib sends a SASL answer and its line end apart, and Nagle would hold the second back for 40 ms.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            failure = error
            if conversation is not None:
                conversation.note(f"No connection to {address[0]}, port {address[1]}: {error}.")
            if sock is not None:
                sock.close()
            continue
        if conversation is not None:
            conversation.note(f"Connected to {address[0]}, port {address[1]}.")
            sock.conversation = conversation
        sock.idle = connection.read_timeout
        sock.settimeout(connection.read_timeout)
        sock.allow(connection.answer_timeout)
        return sock
    if conversation is not None:
        conversation.close()
    raise _unreachable(failure or TimeoutError("timed out")) from failure


def dial(connection: Connection) -> PlainSocket:
    return connect(connection, resolve(connection))


def dial_within(dial: Dial, connection: Connection, end: float | None) -> PlainSocket:
    """A socket of `dial` that gives up at `end`, a time of the monotonic clock; GatewayError when that is past."""
    if end is None:
        return dial(connection)
    left = end - time.monotonic()
    if left <= 0:
        raise network_error(TimeoutError(SESSION_OVER), "connect")
    sock = dial(replace(connection, connect_timeout=min(connection.connect_timeout, left)))
    sock.end = end
    return sock


def _unreachable(error: OSError) -> GatewayError:
    if isinstance(error, ConnectionRefusedError):
        text = "The host is there, but nothing listens on this port."
    elif isinstance(error, TimeoutError):
        text = "The host does not answer on this port; a wrong port or a firewall are the usual reasons."
    else:
        text = "The host cannot be reached from here."
    # Refused may be a server restarting: temporary, however it looks.
    return GatewayError(text, phase="connect", code=str(error.errno or ""), detail=str(error), field="port")


def network_error(error: OSError, phase: str) -> GatewayError:
    """A socket that failed after the connection stood, as a GatewayError that is always temporary."""
    if str(error) == SESSION_OVER:
        text = "The time for one session was over before the server had answered. What was read so far is kept."
    elif isinstance(error, TimeoutError):
        text = "The server stopped answering."
    else:
        text = "The connection broke."
    return GatewayError(text, phase=phase, code=str(error.errno or ""), detail=str(error))


def protocol_of(greeting: bytes) -> str:
    """Which protocol a server speaks by its first line: imap, pop, smtp, ssh, http, ftp or ''."""
    line = greeting.lstrip()[:200].upper()
    if line.startswith((b"* OK", b"* PREAUTH", b"* BYE")):
        return "imap"
    if line.startswith((b"+OK", b"-ERR")):
        return "pop"
    if line.startswith(b"SSH-"):
        return "ssh"
    if line.startswith((b"HTTP/", b"<HTML", b"<!DOCTYPE")):
        return "http"
    if line.startswith((b"220", b"421", b"554")):
        return "ftp" if b"FTP" in line and b"SMTP" not in line else "smtp"
    return ""
