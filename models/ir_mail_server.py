# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Outgoing servers: Odoo's model and form, with the gateway's choice, connection and test under them."""

import smtplib

import idna

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_domain_normalize, email_normalize

from ..engine.connection import Connection, Password, Security, default_port
from ..engine.errors import ConfigurationError
from ..engine.own_mark import own_mark
from ..engine.sender import sender_for_test
from ..engine.server_choice import Server, choose_server
from ..engine.smtp_diagnosis import diagnose_smtp
from ..engine.smtp_session import NOTICE_HEADER, open_session
from .sealed_char import SealedChar, revealing

# smtplib as it was when this module was loaded. Odoo's tests and test addons put their own class in its place, and
# mean to get the calls.
SMTP, SMTP_SSL = smtplib.SMTP, smtplib.SMTP_SSL

# Odoo's choices: (encryption, verified).
ENCRYPTIONS = {
    "none": (Security.NONE, True),
    "starttls_strict": (Security.STARTTLS, True),
    "starttls": (Security.STARTTLS, False),
    "ssl_strict": (Security.TLS, True),
    "ssl": (Security.TLS, False),
}
OAUTH = ("gmail", "outlook")


class IrMailServer(models.Model):
    _name = "ir.mail_server"
    _inherit = ["ir.mail_server", "spp.email.server.mixin"]

    _gateway_settings = {
        "host": "smtp_host",
        "port": "smtp_port",
        "security": "gateway_encryption",
        "certificate": "gateway_ca_certificate",
        "user": "smtp_user",
        "password": "smtp_pass",
        "sender": "from_filter",
    }

    # Odoo's groups and the managers, whose part it is to set up servers.
    smtp_user = fields.Char(groups="base.group_system,spp_email_gateway.group_email_gateway_manager")
    smtp_pass = SealedChar(groups="base.group_system,spp_email_gateway.group_email_gateway_manager")
    company_id = fields.Many2one("res.company", help="Company that this server belongs to.")
    smtp_encryption = fields.Selection(string="Encryption and Verification", default="starttls_strict")
    smtp_port = fields.Integer(default=587)
    gateway_encryption = fields.Selection(
        [("none", "None"), ("starttls", "TLS (STARTTLS)"), ("tls", "SSL/TLS")],
        string="Connection Encryption",
        compute="_compute_gateway_encryption",
        inverse="_inverse_gateway_encryption",
        help="TLS (STARTTLS) begins in clear text and switches to encryption before the login, usually on port 587. "
        "SSL/TLS is encrypted from the start, usually on port 465.",
    )
    gateway_skip_verification = fields.Boolean(
        "Do Not Verify the Certificate",
        compute="_compute_gateway_encryption",
        inverse="_inverse_gateway_encryption",
        help="Anybody between this system and the server can then read the password and all mail.",
    )
    gateway_port = fields.Selection(
        [
            ("587", "587: submission with STARTTLS, the usual choice"),
            ("465", "465: submission with SSL/TLS"),
            ("2525", "2525: where 587 and 465 are blocked"),
            ("25", "25: between servers, often blocked"),
            ("other", "Another port"),
        ],
        string="Port",
        compute="_compute_gateway_port",
        inverse="_inverse_gateway_port",
    )
    gateway_security_warning = fields.Char(compute="_compute_gateway_security_warning")

    # ------------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------------

    @api.depends("smtp_encryption")
    def _compute_gateway_encryption(self):
        for server in self:
            security, verified = ENCRYPTIONS[server.smtp_encryption or "none"]
            server.gateway_encryption = security.value
            server.gateway_skip_verification = not verified

    def _inverse_gateway_encryption(self):
        for server in self:
            server.smtp_encryption = server._encryption_of_form()

    def _encryption_of_form(self):
        wanted = (Security(self.gateway_encryption or "none"), not self.gateway_skip_verification)
        return next((name for name, value in ENCRYPTIONS.items() if value == wanted), "none")

    @api.onchange("gateway_encryption", "gateway_skip_verification")
    def _onchange_gateway_encryption(self):
        if self.smtp_encryption == self._encryption_of_form():
            return
        self.smtp_encryption = self._encryption_of_form()
        self._follow_encryption()

    @api.onchange("smtp_encryption")
    def _onchange_encryption(self):
        # Odoo offers port 25 for everything but unverified SSL.
        if self.smtp_authentication not in OAUTH:
            self._follow_encryption()

    def _follow_encryption(self):
        """Set the usual port of the chosen encryption, unless the port is one that nobody would guess."""
        usual = {default_port("smtp", security) for security in Security} | {0}
        if self.smtp_port in usual:
            self.smtp_port = default_port("smtp", ENCRYPTIONS[self.smtp_encryption or "none"][0])

    @api.depends("smtp_port")
    def _compute_gateway_port(self):
        offered = {value for value, _label in self._fields["gateway_port"].selection}
        for server in self:
            port = str(server.smtp_port or "")
            server.gateway_port = port if port in offered else "other"

    @api.onchange("gateway_port")
    def _inverse_gateway_port(self):
        for server in self:
            if server.gateway_port and server.gateway_port != "other":
                server.smtp_port = int(server.gateway_port)

    @api.depends("smtp_encryption", "smtp_authentication")
    def _compute_gateway_security_warning(self):
        for server in self:
            security, verified = ENCRYPTIONS[server.smtp_encryption or "none"]
            is_public = server.smtp_authentication in ("cli", *OAUTH)
            server.gateway_security_warning = not is_public and server._gateway_warning(
                is_encrypted=security is not Security.NONE, is_verified=verified
            )

    # ------------------------------------------------------------------
    # CRUD
    # ------------------------------------------------------------------

    def write(self, vals):
        before = {server.id: server._gateway_proof() for server in self}
        result = super().write(vals)
        self._require_password_again(vals, "smtp_pass", before)
        return result

    def _gateway_proof(self):
        security, verified = ENCRYPTIONS[self.smtp_encryption or "none"]
        return self.smtp_host or "", self.gateway_ca_certificate or "", verified and security is not Security.NONE

    # ------------------------------------------------------------------
    # Which server
    # ------------------------------------------------------------------

    def _find_mail_server(self, email_from, mail_servers=None):
        choice = self._gateway_choice(email_from, mail_servers)
        server = self.env["ir.mail_server"].sudo().browse(choice.server_id) if choice.server_id else None  # nosemgrep
        return server, choice.email_from or email_from

    def _gateway_choice(self, email_from, mail_servers=None):
        """Return the engine's Choice for a From, with its steps.

        Args:
            mail_servers: the servers to choose from; default all that may be used by anybody.
        """
        if mail_servers is None:
            # sudo: whoever writes a mail sends it through the system's servers without seeing their settings.
            mail_servers = self.sudo().search(self._find_mail_server_allowed_domain())  # nosemgrep
        mail_servers = mail_servers.filtered("active")
        shared = self._filter_mail_servers_fallback(mail_servers)
        default_from = self.env.context.get("domain_notifications_email") or email_normalize(
            self._get_default_from_address()
        )
        return choose_server(
            email_from or "",
            [
                Server(
                    server.id,
                    server.sequence,
                    server.name or "",
                    self._gateway_filter(server.from_filter),
                    personal=server not in shared,
                )
                for server in mail_servers
            ],
            normalize=lambda address: email_normalize(address) or "",
            notification_address=default_from or "",
            configuration_filter=self._gateway_filter(self.env["ir.mail_server"]._get_default_from_filter()),
        )

    @api.model
    def _gateway_filter(self, from_filter):
        """Return a FROM filter as the engine takes it: normalized addresses and domains."""
        # What is no address or domain stays as it is and matches nothing: dropped, it would leave a server without
        # filter, which may send as anybody.
        return tuple(
            (email_normalize(part) if "@" in part else email_domain_normalize(part)) or part.lower()
            for part in self._parse_from_filter(from_filter)
        )

    # ------------------------------------------------------------------
    # Connection
    # ------------------------------------------------------------------

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
        replaced = smtplib.SMTP is not SMTP or smtplib.SMTP_SSL is not SMTP_SSL
        if not replaced:
            if mail_server_id:
                server = self.sudo().browse(mail_server_id)  # nosemgrep: as in Odoo, sending uses any server
            elif not host:
                found, found_from = self.sudo()._find_mail_server(smtp_from)  # nosemgrep: as above
                server = found or server
        if not server or server.smtp_authentication in ("cli", "certificate"):
            # Odoo's method reads the password from the record itself.
            return super(IrMailServer, revealing(self))._connect__(
                host,
                port,
                user,
                password,
                encryption,
                smtp_from=smtp_from,
                ssl_certificate=ssl_certificate,
                ssl_private_key=ssl_private_key,
                smtp_debug=smtp_debug,
                mail_server_id=mail_server_id,
                allow_archived=allow_archived,
            )
        if mail_server_id:
            self._check_forced_mail_server(server, allow_archived, smtp_from)
        session = open_session(server._gateway_connection())
        server._gateway_login(session)
        # After the login: the log is no place for a password.
        session.set_debuglevel(smtp_debug or server.smtp_debug)
        # Some methods of smtplib need a greeting that nobody sent yet.
        session.ehlo_or_helo_if_needed()
        session.from_filter = server.from_filter
        session.smtp_from = found_from
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
            # Odoo insists on "encryption only" for Google and Microsoft, whose certificates are public.
            verify=verified or self.smtp_authentication in OAUTH,
            ca_certificate=self.gateway_ca_certificate or "",
        )

    def _credential(self):
        """Return the engine's credential; its user is "" where no login is wanted. The only reader of the password."""
        self.ensure_one()
        return Password(self.smtp_user or "", self._fields["smtp_pass"].reveal(self) or "")

    def _gateway_login(self, session):
        """Log in through the registry, so that OAuth addons do it their way."""
        credential = self._credential()
        if not credential.user:
            return
        local, at, domain = credential.user.rpartition("@")
        user = local + at + idna.encode(domain).decode("ascii") if at else credential.user
        self._smtp_login__(session, user, credential.secret)

    # ------------------------------------------------------------------
    # Test Connection
    # ------------------------------------------------------------------

    def _get_test_email_from(self):
        self.ensure_one()
        return sender_for_test(
            self._gateway_filter(self.from_filter),
            email_normalize(self._credential().user) or "",
            email_normalize(self._get_default_from_address()) or "",
            self.env.user.email_normalized or "",
        )

    def test_smtp_connection(self, autodetect_max_email_size=False):
        replaced = smtplib.SMTP is not SMTP or smtplib.SMTP_SSL is not SMTP_SSL
        odoo_tests = self.filtered(lambda server: replaced or server.smtp_authentication in ("cli", "certificate"))
        if odoo_tests or autodetect_max_email_size:
            result = super(
                IrMailServer, self if autodetect_max_email_size else odoo_tests
            ).test_smtp_connection(autodetect_max_email_size=autodetect_max_email_size)
            if autodetect_max_email_size or odoo_tests == self:
                return result
        texts = [server._gateway_test() for server in self - odoo_tests]
        is_changed = any(changed for _text, changed in texts)
        return self._gateway_notification(
            "warning" if is_changed else "success",
            "\n".join(text for text, _changed in texts),
            title=self.env._("Connection Test Successful"),
        )

    def _gateway_test(self):
        """Test one server without sending; put a mixed-up encryption right. Return (what was found, whether changed).

        Raises:
            UserError: names the first step that failed, the field at fault and the cure.
        """
        self.ensure_one()
        self.check_access("write")
        diagnosis, change = self._gateway_diagnose(), ""
        if not diagnosis.ok and diagnosis.suggestion and self.smtp_authentication not in OAUTH:
            suggestion = diagnosis.suggestion
            # A savepoint: what does not help is not kept.
            with self.env.cr.savepoint() as savepoint:
                verified = ENCRYPTIONS[self.smtp_encryption][1]
                # sudo: the same server, verified as before; the right to write was needed to come here.
                self.sudo().write(  # nosemgrep
                    {
                        "smtp_port": suggestion.port,
                        "smtp_encryption": next(
                            name
                            for name, value in ENCRYPTIONS.items()
                            if value == (suggestion.security, verified or suggestion.security is Security.NONE)
                        ),
                    }
                )
                second = self._gateway_diagnose()
                if second.ok:
                    diagnosis, change = second, suggestion.text
                else:
                    savepoint.rollback()
                    self.invalidate_recordset()
        if not diagnosis.ok:
            failure = diagnosis.failure
            raise UserError(self._gateway_failure_text(failure.text, failure.cure, failure.field))
        lines = [f"{step.name.capitalize()}: {step.text}" for step in diagnosis.steps]
        if change:
            lines.insert(0, self.env._("The settings were put right: %s", change))
        return "\n".join(lines), bool(change)

    def _gateway_diagnose(self):
        self.ensure_one()
        try:
            login = self._gateway_login if self._credential().user else None
            return diagnose_smtp(self._gateway_connection(), login, self._get_test_email_from())
        except ConfigurationError as error:
            raise UserError(str(error)) from error
