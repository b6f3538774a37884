# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One small document over HTTPS, from addresses that a settings search may speak to."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

from . import forbidden_address
from .connection import FORBIDDEN, Connection, connect
from .errors import GatewayError
from .name_lookup import LOOKUP

MOST_BYTES = 256 * 1024
MOST_REDIRECTS = 3
TIMEOUT = 5.0
_REDIRECTS = (301, 302, 303, 307, 308)

Forbidden = Callable[[str], bool]


def is_forbidden(address: str) -> bool:
    """Return whether a document may not be asked for at an IP address: beside what is forbidden to all, this machine.

    Nobody typed the addresses that a domain's settings lead to.
    """
    return (
        forbidden_address.is_forbidden(address)
        or forbidden_address.is_local(address)
        or any(found.is_reserved for found in forbidden_address.meanings(address))
    )


def fetch_https(
    url: str,
    *,
    timeout: float = TIMEOUT,
    most_bytes: int = MOST_BYTES,
    forbidden: Forbidden = is_forbidden,
    getaddrinfo: Callable | None = None,
    context: ssl.SSLContext | None = None,
) -> bytes | None:
    """Return the body behind a URL, None when the server has no such document.

    Args:
        timeout: seconds for all of it, redirects included.
        forbidden: says of an IP address that it must not be asked. It is asked about the address that is then
            connected to, so that a name cannot lead elsewhere a moment later.
        context: how certificates are verified; default the system's authorities.

    Raises:
        GatewayError: it could not be had: name, network, certificate, size, redirects, or a forbidden address.
    """
    end = time.monotonic() + timeout
    context = context or ssl.create_default_context()
    for _redirect in range(MOST_REDIRECTS + 1):
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.password:
            raise GatewayError("It leads to an address that is not https.", permanent=True, phase="fetch")
        status, location, body = _ask(parts, end, most_bytes, forbidden, getaddrinfo, context)
        if status in _REDIRECTS and location:
            url = urljoin(url, location)
            continue
        return body if status == 200 else None
    raise GatewayError("It leads from one address to the next without end.", permanent=True, phase="fetch")


def _ask(parts, end, most_bytes, forbidden, getaddrinfo, context):
    try:
        port = parts.port or 443
        sock = _connect(parts.hostname, port, end, forbidden, getaddrinfo)
    except (OSError, UnicodeError, ValueError) as error:
        raise GatewayError("No web server answers there.", phase="connect", detail=str(error)) from error
    connection = http.client.HTTPSConnection(parts.hostname, port)
    try:
        sock.settimeout(_left(end))
        sock = context.wrap_socket(sock, server_hostname=parts.hostname)
        connection.sock = sock
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"Accept": "application/xml, text/xml", "User-Agent": "mail-setup"})
        response = connection.getresponse()
        body = b""
        while len(body) <= most_bytes:
            # One byte at a time before each timeout would otherwise hold the reader for ever.
            sock.settimeout(_left(end))
            piece = response.read1(16 * 1024)
            if not piece:
                break
            body += piece
        if len(body) > most_bytes:
            raise GatewayError("The document is too large.", permanent=True, phase="fetch")
        return response.status, response.getheader("Location"), body
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise GatewayError("The web server's answer cannot be read.", phase="fetch", detail=str(error)) from error
    finally:
        connection.close()
        sock.close()


def _connect(host, port, end, forbidden, getaddrinfo):
    if getaddrinfo is None:
        addresses = LOOKUP.addresses(host, port, timeout=_left(end))
    else:
        addresses = getaddrinfo(host, port, type=socket.SOCK_STREAM)
    left = _left(end)
    try:
        return connect(Connection(host, port, connect_timeout=left, read_timeout=left), addresses, forbidden)
    except GatewayError as error:
        if error.code != FORBIDDEN:
            raise
        raise GatewayError("It leads to an address that must not be asked.", permanent=True, phase="connect") from error


def _left(end):
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time is over")
    return left
