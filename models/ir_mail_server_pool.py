# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Sessions with outgoing servers that are kept open between messages and batches, a pool for each process."""

import hashlib
import logging
import os
import smtplib
import threading
from contextlib import contextmanager, suppress

import psycopg2

from odoo import fields, models, modules
from odoo.tools import config

from ..engine.session_pool import LIMIT, MESSAGES, PATIENCE, SessionPool
from ..engine.smtp_sending import SendingSession
from .ir_mail_server import OAUTH, smtplib_is_replaced

_logger = logging.getLogger(__name__)

POOL = SessionPool(timer=threading.Timer)
# A session of the parent process must not be used, nor closed with a word, by a child.
os.register_at_fork(after_in_child=POOL.forget)

# Modules whose _connect__ is known to give a session that may be kept.
KNOWN_CONNECTIONS = ("base", "mail", "spp_email_gateway")
# What decides about where a session leads and who is logged in there, besides the credential.
SETTINGS = (
    "smtp_host",
    "smtp_port",
    "smtp_encryption",
    "smtp_authentication",
    "gateway_ca_certificate",
    "google_gmail_refresh_token",
    "microsoft_outlook_refresh_token",
    # A kept session is not recorded in the middle.
    "gateway_transcript_until",
)
CONFIGURATION = (
    "smtp_server",
    "smtp_port",
    "smtp_user",
    "smtp_password",
    "smtp_ssl",
    "smtp_ssl_certificate_filename",
    "smtp_ssl_private_key_filename",
)


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_session_limit = fields.Integer(
        "Sessions at Once",
        default=LIMIT,
        help="How many sessions one server process of Odoo may have open with this server. Providers limit this: "
        "Microsoft 365 to 3, small hosters often to 1 or 2.",
    )
    gateway_session_messages = fields.Integer(
        "Messages a Session",
        default=MESSAGES,
        help="After so many messages a session is closed and another one opened. Some servers close it themselves "
        "after a number of messages, Postfix after 100 by default. 0 for no limit.",
    )

    @contextmanager
    def _gateway_session(self, mail_server, smtp_from, patience=PATIENCE, on_open=None):
        """Context: a session, connected and logged in, for one message after the other.

        Kept ones are used where that is safe; in tests, while smtplib is replaced and where another addon connects, it
        is what ``_connect__`` gives, for this once: in tests that is None.

        Args:
            mail_server: the outgoing server; empty to choose one by ``smtp_from``.
            patience: seconds to wait while all sessions that the server may have are busy.
            on_open: called before a session is opened, which may take long; not where a kept one is used.

        Raises:
            GatewayError, ConfigurationError, UserError, smtplib.SMTPException: as ``_connect__``; GatewayError with
                phase "pool" while all sessions that the server may have are busy.
        """
        # sudo: as in Odoo, whoever writes a mail sends it through the system's servers.
        servers = self.sudo()  # nosemgrep: odoo-sudo-without-context
        on_open = on_open or (lambda: None)
        if not self._gateway_may_keep_sessions():
            on_open()
            session = servers._connect__(mail_server_id=mail_server.id or None, smtp_from=smtp_from)
            try:
                yield session
            finally:
                _leave(session)
            return
        # sudo: as above.
        server, found_from = mail_server.sudo(), smtp_from  # nosemgrep: odoo-sudo-without-context
        if server:
            servers._check_forced_mail_server(server, False, smtp_from)
        else:
            found, found_from = servers._find_mail_server(smtp_from)
            server = found or server

        def connect():
            return servers._connect__(mail_server_id=server.id or None, smtp_from=smtp_from)

        def open_session():
            on_open()
            return connect()

        key = server._gateway_session_key()
        session = POOL.acquire(
            key,
            open_session,
            limit=server.gateway_session_limit if server else LIMIT,
            messages=server.gateway_session_messages if server else MESSAGES,
            patience=patience,
        )
        is_ours = isinstance(session, SendingSession)
        if is_ours:
            session.reopen = connect
            # Of this message, not of the one that opened the session.
            session.smtp_from = found_from
            session.from_filter = server.from_filter if server else servers._get_default_from_filter()
            servers._gateway_mark(session)
        try:
            yield session
        finally:
            if is_ours:
                # All of them hold on to a cursor that ends with its thread.
                signer, session.signer = session.signer, None
                session.on_begin = session.reopen = session.on_wait = None
                session.content = b""
                POOL.release(key, session)
                try:
                    self.env["spp.email.dkim.key"]._note_unsigned(signer.problems)
                except psycopg2.Error as error:
                    # Not swallowed: its cursor is its own, and ended with it. What the caller's transaction has of
                    # mail that was sent must not be undone for a hint that Health would show.
                    name = type(error).__name__
                    _logger.warning("Outgoing server %s: what left unsigned was not noted: %s.", server.id or "", name)
            else:
                _leave(session)
                POOL.discard(key, session)

    def _gateway_may_keep_sessions(self):
        """Return whether sessions may outlive a message: not where somebody else makes or watches the connections."""
        if modules.module.current_test or smtplib_is_replaced() or self._disable_send():
            return False
        known = tuple(f"odoo.addons.{name}." for name in KNOWN_CONNECTIONS)
        return all(cls.__module__.startswith(known) for cls in type(self).__mro__ if "_connect__" in vars(cls))

    def _gateway_session_key(self):
        """Return what sessions have in common that may stand for each other: database, server, settings and login."""
        values = [self[name] for name in SETTINGS if name in self._fields] if self else []
        if self and self._gateway_uses_oauth():
            # Not the token: a session outlives the one that it was opened with.
            values += [self.smtp_user, self.gateway_oauth_id.id, self.gateway_oauth_id.refresh_date]
        elif self and self.smtp_authentication in OAUTH:
            values += [self.smtp_user]
        elif self and self.smtp_authentication not in ("cli", "certificate"):
            credential = self._credential()
            values += [credential.user, credential.secret]
        else:
            values += [config.get(name) for name in CONFIGURATION]
            values += [self[name] for name in ("smtp_ssl_certificate", "smtp_ssl_private_key") if self]
        # A digest: the login must not lie about in memory for as long as the process lives.
        digest = hashlib.sha256(repr(values).encode()).hexdigest()
        return self.env.cr.dbname, self.id, digest


def _leave(session):
    if session is not None:
        with suppress(smtplib.SMTPException, OSError):
            session.quit()
