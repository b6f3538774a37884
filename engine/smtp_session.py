# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The SMTP session that the gateway hands to Odoo: opened with a verified connection, last to touch the message."""

from __future__ import annotations

import smtplib
import socket
import ssl
from email.message import EmailMessage

from . import own_mark
from .connection import Connection, Security
from .errors import GatewayError
from .tls import explain_tls_error, tls_context

# A notice must leave with the null return path, so that its failure is not answered in turn (RFC 3834 §3.3,
# RFC 5321 §4.5.5). Odoo insists on an envelope sender, hence this field; it is taken off before the session.
NOTICE_HEADER = "X-SPP-Email-Gateway-Notice"


class _LastStep:
    """What both session classes do to a message when nobody else can change it any more."""

    own_mark = ""

    def send_message(self, message: EmailMessage, from_addr=None, to_addrs=None, mail_options=(), rcpt_options=()):
        """Send like smtplib, with this database's mark. Returns the refused recipients."""
        if self.own_mark:
            del message[own_mark.HEADER]
            message[own_mark.HEADER] = self.own_mark
        return super().send_message(message, from_addr, to_addrs, mail_options, rcpt_options)


class SmtpSession(_LastStep, smtplib.SMTP):
    """Clear text, or STARTTLS once open_session() asked for it."""


class SmtpTlsSession(_LastStep, smtplib.SMTP_SSL):
    """TLS from the first octet."""


def open_session(connection: Connection, context: ssl.SSLContext | None = None) -> SmtpSession | SmtpTlsSession:
    """Return a connected session, encrypted as the connection says, not logged in.

    Args:
        connection: where and how to connect; its read timeout holds for every answer.
        context: replaces the context made from the connection, for a client certificate.

    Raises:
        GatewayError: in words, with the setting at fault in ``field``.
        ConfigurationError: the private CA is unreadable.
    """
    if context is None and connection.security is not Security.NONE:
        context = tls_context(connection)
    try:
        if connection.security is Security.TLS:
            session = SmtpTlsSession(
                connection.host, connection.port, timeout=connection.connect_timeout, context=context
            )
        else:
            session = SmtpSession(connection.host, connection.port, timeout=connection.connect_timeout)
    except ssl.SSLError as error:
        raise explain_tls_error(error, connection.host) from error
    except socket.gaierror as error:
        raise GatewayError(
            "The name of the SMTP server cannot be resolved. Check the server's name.",
            phase="resolve",
            detail=str(error),
            field="host",
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        raise GatewayError(
            f"No SMTP server answered on this name and port ({error}). Check name, port and encryption.",
            phase="connect",
            detail=str(error),
            field="port",
        ) from error
    # What is never read: the answer of a server that hangs must not hold a worker longer than this.
    session.sock.settimeout(connection.read_timeout)
    session.timeout = connection.read_timeout
    if connection.security is Security.STARTTLS:
        _start_tls(session, connection, context)
    return session


def _start_tls(session: SmtpSession, connection: Connection, context: ssl.SSLContext) -> None:
    try:
        session.starttls(context=context)
    except ssl.SSLError as error:
        session.close()
        raise explain_tls_error(error, connection.host) from error
    except smtplib.SMTPNotSupportedError as error:
        session.close()
        # Going on in clear text would give the password to whoever stripped STARTTLS (RFC 3207 §6).
        raise GatewayError(
            "The server does not offer STARTTLS on this port, so nothing was sent. "
            "Check the port, or whether something between you and the server strips encryption.",
            phase="tls",
            detail=str(error),
            field="security",
        ) from error
    except (OSError, smtplib.SMTPException) as error:
        session.close()
        raise GatewayError(
            f"STARTTLS failed: {error}", phase="tls", detail=str(error), field="security"
        ) from error
