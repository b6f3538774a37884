# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Encryption: the context a connection asks for, the handshake, and its failures in plain words."""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Sequence

from .connection import Connection, EncryptedSocket
from .errors import ConfigurationError, GatewayError

# X509_V_ERR_* of openssl/x509_vfy.h; Python has no names for them.
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_ISSUER = {2, 18, 19, 20, 21, 27}  # 18: self-signed; 19: self-signed in the chain; 20, 21: issuer not found
_WRONG_HOST = {62, 64}  # host name, IP address

# What OpenSSL 1.1 to 3.5 call an answer that is not TLS at all.
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "UNKNOWN_PROTOCOL",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
)
_OLD_TLS = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW")
_WEAK = ("KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "HANDSHAKE_FAILURE", "NO_CIPHER")


def tls_context(connection: Connection) -> ssl.SSLContext:
    """The context for this connection: certificates verified, unless the connection says not to."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: older ones MUST NOT be used
    if connection.ca_certificate.strip():
        try:
            context.load_verify_locations(cadata=connection.ca_certificate)
        except (ssl.SSLError, ValueError, TypeError) as error:  # TypeError: text beyond ASCII
            raise ConfigurationError(
                "The CA certificate cannot be read; it must be PEM text, from '-----BEGIN CERTIFICATE-----' on.",
                field="certificate",
            ) from error
        # The server's own certificate may be given in place of its CA.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        # Python 3.13 made RFC 5280 pedantry the default, and private CAs of older tools do not pass it.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not connection.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def encrypt(sock: socket.socket, context: ssl.SSLContext, host: str) -> EncryptedSocket:
    """The same connection with TLS on it; on failure a GatewayError, and the connection is closed."""
    context.sslsocket_class = EncryptedSocket
    pace = [(name, getattr(sock, name, None)) for name in ("idle", "until", "end", "on_data", "conversation")]
    conversation = getattr(sock, "conversation", None)
    try:
        encrypted = context.wrap_socket(sock, server_hostname=host.strip())
    except (OSError, ValueError) as error:
        explained = explain_tls_error(error, host)
        if conversation is not None:
            conversation.note(f"No encryption: {explained} ({error})")
        sock.close()
        raise explained from error
    for name, value in pace:
        setattr(encrypted, name, value)
    if conversation is not None:
        # The connection ends with the new socket, not when somebody closes what is left of the old one.
        sock.conversation = None
        conversation.encrypted(encrypted, is_verified=context.verify_mode is not ssl.CERT_NONE)
    return encrypted


def is_slipped_in(sock: socket.socket, stream: io.BufferedReader | None) -> bool:
    """Return whether the server sent more than was asked for, in the clear, before encryption begins.

    It would be read as if it had come encrypted (CVE-2011-0411 and its kin). `stream` is what reads from `sock`.
    """
    if stream is None:
        return False
    timeout, idle = sock.gettimeout(), getattr(sock, "idle", None)
    # Only what is there is looked at; without the pacing that would wait for more.
    sock.idle = None
    sock.settimeout(0)
    try:
        return bool(stream.peek(1))
    finally:
        sock.idle = idle
        sock.settimeout(timeout)


def slipped_in_error() -> GatewayError:
    return GatewayError(
        "The server sent more than its answer to STARTTLS, before encryption began. Somebody on the way may be putting "
        "words into its mouth, so nothing was sent.",
        permanent=True,
        phase="tls",
        code="INJECTED",
        field="security",
    )


def certificate_names(certificate: dict) -> list[str]:
    """The host names and addresses in what `getpeercert()` returned, the common name only where there are none."""
    names = [value for _kind, value in certificate.get("subjectAltName", ())]
    if not names:
        names = [value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"]
    return names


def explain_tls_error(error: Exception, host: str, names: Sequence[str] = ()) -> GatewayError:
    """What a failed handshake with `host` means and what helps; `names` are those of its certificate, if known."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, host, names)
    reason = (getattr(error, "reason", None) or "").upper()
    facts = {"phase": "tls", "code": reason, "detail": str(error)}
    if any(word in reason for word in _NOT_TLS):
        return GatewayError(
            "The server does not speak TLS from the start on this port. Choose STARTTLS, or the port that is meant "
            "for TLS (IMAP 993, POP 995, SMTP 465).",
            permanent=True,
            field="security",
            **facts,
        )
    if any(word in reason for word in _OLD_TLS):
        return GatewayError(
            "The server only offers TLS older than 1.2, which is no longer safe. The server must be updated.",
            permanent=True,
            field="security",
            **facts,
        )
    if any(word in reason for word in _WEAK):
        return GatewayError(
            "Server and client found no encryption that both accept; the server's keys or ciphers are too weak.",
            permanent=True,
            field="security",
            **facts,
        )
    if isinstance(error, TimeoutError):
        return GatewayError(
            "The server did not answer the start of TLS. It may expect STARTTLS on this port.",
            field="security",
            **facts,
        )
    if isinstance(error, ValueError):
        return GatewayError("TLS needs a proper host name.", permanent=True, field="host", **facts)
    return GatewayError("The server broke off while encryption was being agreed.", field="security", **facts)


def _explain_certificate(error: ssl.SSLCertVerificationError, host: str, names: Sequence[str]) -> GatewayError:
    code = error.verify_code
    facts = {"permanent": True, "phase": "tls", "code": str(code), "detail": error.verify_message}
    if code in _WRONG_HOST:
        valid = f" It is valid for: {', '.join(names)}." if names else ""
        cure = "Enter the server under a name that its certificate has, or have the certificate renewed with this name."
        return GatewayError(f"The certificate belongs to another host.{valid} {cure}", field="host", **facts)
    if code == _EXPIRED:
        return GatewayError(
            "The certificate has expired. Whoever runs the server must renew it.", field="certificate", **facts
        )
    if code == _NOT_YET_VALID:
        return GatewayError(
            "The certificate is not valid yet. Check the clock of this machine.", field="certificate", **facts
        )
    if code in _UNKNOWN_ISSUER:
        kind = "is self-signed" if code == 18 else "was issued by an authority that is not trusted here"
        return GatewayError(
            f"The certificate {kind}. If this is your own server, add its CA certificate to the settings.",
            field="certificate",
            **facts,
        )
    return GatewayError(f"The certificate was not accepted: {error.verify_message}.", field="certificate", **facts)
