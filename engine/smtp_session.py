# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The SMTP session that the gateway hands to Odoo: opened with a verified connection, last to touch the message."""

from __future__ import annotations

import functools
import smtplib
import ssl
from typing import TYPE_CHECKING

from .connection import Connection, Security, connect, resolve
from .errors import GatewayError
from .name_lookup import LOOKUP
from .smtp_answer import as_text
from .smtp_login import LoginSession
from .smtp_sending import SendingSession
from .smtp_wire import WireSession
from .tls import encrypt, is_slipped_in, slipped_in_error, tls_context

if TYPE_CHECKING:
    from .transcript import Recorder

# A notice must leave with the null return path, so that its failure is not answered in turn (RFC 3834 §3.3,
# RFC 5321 §4.5.5). Odoo insists on an envelope sender, hence this field; it is taken off before the session.
NOTICE_HEADER = "X-SPP-Email-Gateway-Notice"


class _Session(SendingSession, WireSession, LoginSession):
    """What both session classes do beyond smtplib."""


class SmtpSession(_Session, smtplib.SMTP):
    """Clear text, or STARTTLS once open_session() asked for it."""


class SmtpTlsSession(_Session, smtplib.SMTP_SSL):
    """TLS from the first octet."""


def open_session(connection: Connection, context: ssl.SSLContext | None = None) -> SmtpSession | SmtpTlsSession:
    """Return a connected session, encrypted as the connection says, not logged in.

    Args:
        connection: where and how to connect; its timeouts hold for every answer. Until unlimit() all answers together
            may take twice the read timeout.
        context: replaces the context made from the connection, for a client certificate.

    Raises:
        GatewayError: in words, with the setting at fault in ``field``.
        ConfigurationError: the private CA is unreadable.
    """
    if context is None and connection.security is not Security.NONE:
        context = tls_context(connection)
    kind = SmtpTlsSession if connection.security is Security.TLS else SmtpSession
    # Without a host nothing is connected yet; with a name for ourselves smtplib asks the DNS nothing.
    session = kind("", local_hostname=_own_name(), timeout=connection.read_timeout)
    session._host, session._connection = connection.host, connection
    session.transfer_timeout = connection.answer_timeout
    session.sock = connect(connection, resolve(connection))
    session.limit_opening()
    try:
        if connection.security is Security.TLS:
            session.sock = encrypt(session.sock, context, connection.host)
        _read_greeting(session)
        if connection.security is Security.STARTTLS:
            _start_tls(session, connection, context)
    except BaseException:
        session.close()
        raise
    return session


def adopt_session(session: smtplib.SMTP, recorder: Recorder | None = None) -> smtplib.SMTP:
    """Return the same connection as a session of ours; what is not plain smtplib is returned as it is.

    Sessions of the configuration file's server and of client certificates are opened by Odoo's own code. A transcript
    of such a session begins here.
    """
    ours = {smtplib.SMTP: SmtpSession, smtplib.SMTP_SSL: SmtpTlsSession}.get(type(session))
    if ours is not None:
        session.__class__ = ours
        session.debuglevel = 0
        session.witness = recorder.begin() if recorder is not None else None
    return session


@functools.cache
def _own_name() -> str:
    """The name for EHLO (RFC 5321 §4.1.1.1); asked for once a process, as the DNS may be slow."""
    name = LOOKUP.own_name()
    return name if "." in name else "[127.0.0.1]"


def _read_greeting(session) -> None:
    try:
        code, reply = session.getreply()
    except smtplib.SMTPException as error:
        raise GatewayError(
            f"No SMTP server answered on this name and port ({error}). Check name, port and encryption.",
            phase="connect",
            detail=str(error),
            field="port",
        ) from error
    if code == 220:
        return
    said = f"{code} {as_text(reply)}".strip()
    if code == -1:
        raise GatewayError(
            "What answers on this port is no SMTP server. Check name, port and encryption.",
            permanent=True,
            phase="greeting",
            field="port",
        )
    # RFC 5321 §3.1: 554 means no service for us here; 421 that there is none at the moment.
    raise GatewayError(
        f"The server does not want to serve this machine ({said}).",
        permanent=code >= 500,
        phase="greeting",
        code=str(code),
        detail=said[:500],
        field="host",
    )


def _start_tls(session, connection: Connection, context: ssl.SSLContext) -> None:
    try:
        session.ehlo_or_helo_if_needed()
        if not session.has_extn("starttls"):
            # Going on in clear text would give the password to whoever stripped STARTTLS (RFC 3207 §6).
            raise GatewayError(
                "The server does not offer STARTTLS on this port, so nothing was sent. "
                "Check the port, or whether something between you and the server strips encryption.",
                phase="tls",
                field="security",
            )
        code, reply = session.docmd("STARTTLS")
    except (OSError, smtplib.SMTPException) as error:
        raise GatewayError(f"STARTTLS failed: {error}", phase="tls", detail=str(error), field="security") from error
    if code != 220:
        text = f"{code} {as_text(reply)}".strip()
        raise GatewayError(f"STARTTLS failed: {text}", phase="tls", code=str(code), detail=text[:500], field="security")
    if is_slipped_in(session.sock, session.file):
        raise slipped_in_error()
    session.sock = encrypt(session.sock, context, connection.host)
    # RFC 3207 §4.2: what was learnt before is forgotten, what is buffered with it.
    session.file = None
    session.helo_resp = session.ehlo_resp = None
    session.esmtp_features = {}
    session.does_esmtp = False
