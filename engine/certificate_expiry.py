# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Until when a mail server's certificate is valid, looked at without logging in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from .certificate import read_certificate
from .connection import Connection, Password, Security
from .errors import GatewayError
from .imap import ImapReader
from .pop import PopReader
from .smtp_session import open_session


def valid_until(certificate: bytes) -> datetime:
    """Return until when a certificate (DER) is valid, as naive UTC.

    Raises:
        GatewayError: phase "tls"; it cannot be read.
    """
    found = read_certificate(certificate or b"")
    if found is None:
        raise GatewayError("The server's certificate cannot be read.", phase="tls")
    return found.expires.replace(tzinfo=None)


def look_at_certificate(protocol: str, connection: Connection) -> datetime | None:
    """Connect, encrypt and hang up; return until when the certificate is valid, None where nothing is encrypted.

    Nothing is sent that is secret, so that an expired certificate is looked at as well.

    Args:
        protocol: imap, pop or smtp.

    Raises:
        ConfigurationError, GatewayError: the server was not reached, or does not encrypt.
    """
    if connection.security is Security.NONE:
        return None
    connection = replace(connection, verify=False, ca_certificate="")
    if protocol == "smtp":
        session = open_session(connection)
        try:
            return valid_until(session.sock.getpeercert(binary_form=True))
        finally:
            session.close()
    reader = (ImapReader if protocol == "imap" else PopReader)(connection, Password("", ""))
    try:
        reader.connect()
        reader.secure()
        return valid_until(reader.peer_certificate())
    finally:
        reader.close()
