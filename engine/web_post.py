# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A form posted over HTTPS, and the bounded answer; for the token endpoints of OAuth providers."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from .connection import FORBIDDEN, Connection, connect, network_error, resolve
from .errors import ConfigurationError, GatewayError
from .forbidden_address import is_forbidden
from .tls import encrypt, tls_context

# The largest token answers, with an ID token and many scopes in them, have some 10 KiB.
MOST_BYTES = 256 * 1024
TIMEOUT = 20.0
_PIECE = 16 * 1024

Forbidden = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    port: int
    target: str = field(repr=False)


def post(
    url: str,
    form: Mapping[str, str],
    *,
    timeout: float = TIMEOUT,
    authorization: str = "",
    ca_certificate: str = "",
    most_bytes: int = MOST_BYTES,
    forbidden: Forbidden = is_forbidden,
    getaddrinfo: Callable | None = None,
) -> tuple[int, bytes]:
    """Post a form and return the status and the body of the answer. No redirect is followed: it would carry secrets.

    Args:
        timeout: seconds for all of it.
        authorization: the value of the Authorization header; "" sends none.
        ca_certificate: PEM text of certificates that are trusted besides the system's.
        most_bytes: how large the body may be.
        forbidden: says of an IP address that it must not be asked. It is asked about the address that is then
            connected to, so that a name cannot lead elsewhere a moment later.

    Raises:
        ConfigurationError: the URL is none to post to, or the private CA is unreadable.
        GatewayError: no answer could be had: name, network, certificate, size, time, or a forbidden address.
    """
    place = _place(url)
    end = time.monotonic() + timeout
    connection = Connection(
        place.host, place.port, ca_certificate=ca_certificate, connect_timeout=timeout, read_timeout=timeout
    )
    context = tls_context(connection)
    found = resolve(connection, getaddrinfo) if getaddrinfo else resolve(connection)
    try:
        sock = connect(connection, found, forbidden)
    except GatewayError as error:
        if error.code != FORBIDDEN:
            raise
        raise GatewayError(
            "The name leads to an address that must not be asked.", permanent=True, phase="connect", field="host"
        ) from error
    sock.end = end
    sock = encrypt(sock, context, place.host)
    web = http.client.HTTPSConnection(place.host, place.port, timeout=timeout)
    web.sock = sock
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "spp-email-gateway",
    }
    if authorization:
        headers["Authorization"] = authorization
    try:
        web.request("POST", place.target, urlencode(form).encode(), headers)
        response = web.getresponse()
        return response.status, _read(response, most_bytes)
    except GatewayError:
        raise
    except TimeoutError as error:
        raise GatewayError("The web server did not answer in time.", phase="fetch") from error
    except OSError as error:
        raise network_error(error, "fetch") from error
    except (http.client.HTTPException, ValueError) as error:
        # Without its text: it may hold what the server sent back of the form.
        raise GatewayError("The web server's answer is not HTTP.", phase="fetch", code=type(error).__name__) from None
    finally:
        web.close()
        sock.close()


def _place(url: str) -> _Place:
    try:
        parts = urlsplit(url.strip())
        port = parts.port or 443
    except ValueError as error:
        raise ConfigurationError("This is not a web address.", field="url") from error
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or parts.password is not None:
        raise ConfigurationError("The address must begin with https:// and hold no user name.", field="url")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii() or any(ord(char) < 33 for char in target):
        raise ConfigurationError("This is not a web address.", field="url")
    return _Place(parts.hostname, port, target)


def _read(response, most_bytes: int) -> bytes:
    body = b""
    while len(body) <= most_bytes:
        piece = response.read1(_PIECE)
        if not piece:
            return body
        body += piece
    raise GatewayError("The web server's answer is too large.", permanent=True, phase="fetch", code="size")
