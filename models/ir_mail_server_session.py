# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The session with an outgoing server: connected, encrypted and logged in as the record says."""

import smtplib
from dataclasses import replace

import idna

from odoo import fields, models

from ..engine.connection import Connection, Password, refuse_forbidden
from ..engine.errors import ConfigurationError
from ..engine.own_mark import own_mark
from ..engine.smtp_login import smtp_login_refusal
from ..engine.smtp_sending import SendingSession
from ..engine.smtp_session import NOTICE_HEADER, adopt_session, open_session
from .ir_mail_server import ENCRYPTIONS, smtplib_is_replaced
from .mail_mail import IN_A_HURRY
from .sealed_field import refuse_evaluated, revealing

# Seconds while a person waits for the answer; the queue goes on with what takes longer.
HURRY = {"connect_timeout": 5.0, "read_timeout": 10.0}


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def _connect__(
        self,
        host=None,
        port=None,
        user=None,
        password=None,
        encryption=None,
        smtp_from=None,
        ssl_certificate=None,
        ssl_private_key=None,
        smtp_debug=False,
        mail_server_id=None,
        allow_archived=False,
    ):
        """Return an open session, verified and logged in.

        Odoo's method makes context, timeout and class in its body, so super() cannot be extended: a server record
        with a password or OAuth is connected here. super() keeps explicit parameters, the configuration file's
        server, client certificates, and everything while smtplib itself is replaced.

        Raises:
            GatewayError, ConfigurationError, smtplib.SMTPException: no session could be had.
        """
        if self._disable_send():
            return None
        server = self.env["ir.mail_server"]
        found_from = smtp_from
        if not smtplib_is_replaced():
            if mail_server_id:
                server = self.sudo().browse(mail_server_id)  # nosemgrep: as in Odoo, sending uses any server
            elif not host:
                found, found_from = self.sudo()._find_mail_server(smtp_from)  # nosemgrep: as above
                server = found or server
        if not server or server.smtp_authentication in ("cli", "certificate"):
            if server.smtp_authentication == "certificate":
                refuse_forbidden(server._gateway_connection())
            # Odoo's method reads the password from the record itself.
            session = super(IrMailServer, revealing(self))._connect__(
                host,
                port,
                user,
                password,
                encryption,
                smtp_from=smtp_from,
                ssl_certificate=ssl_certificate,
                ssl_private_key=ssl_private_key,
                # smtplib's own output shows passwords and mail, and Odoo writes it into the log.
                smtp_debug=False,
                mail_server_id=mail_server_id,
                allow_archived=allow_archived,
            )
            recorder = server._gateway_recorder() if server else None
            if smtplib_is_replaced() or not isinstance(adopt_session(session, recorder), SendingSession):
                return session
            return self._gateway_mark(session)
        if mail_server_id:
            self._check_forced_mail_server(server, allow_archived, smtp_from)
        session = server._gateway_logged_in()
        session.from_filter = server.from_filter
        session.smtp_from = found_from
        return self._gateway_mark(session)

    def _gateway_logged_in(self):
        """Return a session that is connected and logged in; raises as `_connect__`."""
        session = open_session(self._gateway_connection())
        try:
            self._gateway_login(session)
            # Some methods of smtplib need a greeting that nobody sent yet.
            session.ehlo_or_helo_if_needed()
            session.unlimit()
        except smtplib.SMTPAuthenticationError as error:
            session.close()
            raise smtp_login_refusal(error.smtp_code, error.smtp_error, host=self.smtp_host or "") from error
        except BaseException:
            session.close()
            raise
        return session

    def _gateway_mark(self, session):
        """Let a session put this database's mark on what it sends; return the session."""
        session.own_mark = own_mark(self.env["spp.email.token.key"]._ring(), fields.Datetime.now())
        return session

    def _prepare_email_message__(self, message, smtp_session):
        smtp_from, smtp_to_list, message = super()._prepare_email_message__(message, smtp_session)
        if NOTICE_HEADER in message:
            del message[NOTICE_HEADER]
            smtp_from = ""
        return smtp_from, smtp_to_list, message

    def _gateway_connection(self):
        """Return the engine's Connection, from the values in force now (mail_environment computes some)."""
        self.ensure_one()
        security, verified = ENCRYPTIONS[self.smtp_encryption or "none"]
        if not self.smtp_host:
            raise ConfigurationError(self.env._("The outgoing server has no name."), field="host")
        return Connection(
            self.smtp_host,
            self.smtp_port,
            security,
            verify=verified or self._gateway_is_always_verified(),
            ca_certificate=self.gateway_ca_certificate or "",
            **(HURRY if self.env.context.get(IN_A_HURRY) else {}),
        )

    def _credential(self):
        """Return the engine's credential; its user is "" where no login is wanted. The only reader of the password."""
        self.ensure_one()
        refuse_evaluated(self.env)
        return Password(self.smtp_user or "", self._fields["smtp_pass"].reveal(self) or "")

    def _gateway_login(self, session):
        """Log in through the registry, so that OAuth addons do it their way."""
        credential = self._credential()
        if not credential.user:
            return
        local, at, domain = credential.user.rpartition("@")
        user = credential.user
        if at and not domain.isascii():
            user = local + at + idna.encode(domain).decode("ascii")
        if not isinstance(credential, Password):
            session.login_token(replace(credential, user=user))
            return
        self._smtp_login__(session, user, credential.secret)
        # Odoo's addons for OAuth do not look at the answer.
        session.confirm_login()
