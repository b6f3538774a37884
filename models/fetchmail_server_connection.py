# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""How a mailbox is connected: encryption, credential, and whose code does it."""

import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import email_normalize

from ..engine.connection import Connection, Password, Security, XOAuth2, default_port
from ..engine.mailbox import open_mailbox
from .sealed_char import SealedChar
from .sealed_field import refuse_evaluated, revealing

# Modules whose _connect__ and _imap_login__ the gateway knows how to replace. A mailbox whose connection another
# addon (or a test) makes is read by Odoo's own code.
KNOWN_CONNECTIONS = ("mail", "google_gmail", "microsoft_outlook", "spp_email_gateway")


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    password = SealedChar()
    is_ssl = fields.Boolean(default=True)
    gateway_use_starttls = fields.Boolean(
        "STARTTLS", default=True, help="Encrypt the connection with STARTTLS on the usual port (IMAP 143, POP 110)."
    )
    gateway_skip_verification = fields.Boolean(
        "Do Not Verify the Certificate",
        help="Anybody between this system and the server can then read the password and all mail.",
    )
    gateway_security_warning = fields.Char(compute="_compute_gateway_security_warning")
    gateway_personal_warning = fields.Char(compute="_compute_gateway_personal_warning")

    @api.depends("is_ssl", "gateway_use_starttls", "gateway_skip_verification", "server_type")
    def _compute_gateway_security_warning(self):
        for server in self:
            if server.server_type == "local":
                server.gateway_security_warning = False
            else:
                server.gateway_security_warning = server._gateway_warning(
                    is_encrypted=server.is_ssl or server.gateway_use_starttls,
                    is_verified=not server.gateway_skip_verification,
                )

    @api.depends("user")
    def _compute_gateway_personal_warning(self):
        for server in self:
            server.gateway_personal_warning = False
            address = email_normalize(server.user) if server.user else False
            if not address:
                continue
            # sudo: only whether the address is a person's is told.
            person = (
                self.env["res.users"].sudo().search_count([("login", "=ilike", address)], limit=1)  # nosemgrep
                or self.env["res.partner"]
                .sudo()  # nosemgrep: as above
                .search_count([("email_normalized", "=", address), ("is_company", "=", False)], limit=1)
            )
            if person:
                server.gateway_personal_warning = self.env._(
                    "This is the address of a person. Connect shared mailboxes only: every mail in it becomes a "
                    "record here, private ones too, and its owner will find it read."
                )

    @api.onchange("is_ssl", "gateway_use_starttls")
    def _onchange_gateway_encryption(self):
        """Let the port follow the encryption. Odoo's own method does, until microsoft_outlook narrows its trigger."""
        if self.server_type in ("imap", "pop"):
            usual = {default_port(self.server_type, security) for security in Security} | {0}
            if self.port in usual:
                self.port = default_port(self.server_type, self._gateway_wanted_security())

    def _gateway_proof(self):
        is_verified = not self.gateway_skip_verification and self._gateway_wanted_security() is not Security.NONE
        return self.server or "", self.gateway_ca_certificate or "", is_verified

    def _gateway_is_foreign(self):
        """Return whether another addon makes the connection of this mailbox."""
        return any(
            not self._defining_module(name).startswith(tuple(f"odoo.addons.{known}." for known in KNOWN_CONNECTIONS))
            for name in ("_connect__", "_imap_login__")
        )

    def _defining_module(self, name):
        return next(cls.__module__ for cls in type(self).__mro__ if name in vars(cls))

    def _gateway_server_key(self):
        """Return the digest that names the mailbox in the journal, whichever record leads to it.

        Not the record's id: a record that is pointed at another mailbox must not take its entries for known ones,
        and two records of one mailbox must not make every message twice.
        """
        self.ensure_one()
        # Without the port: it changes with the encryption, and the mailbox stays. Where two ports of one host lead to
        # two mailboxes of one name, size and digest tell their entries apart.
        name = "\0".join((self._get_connection_type(), (self.server or "").lower(), (self.user or "").lower()))
        return hashlib.sha256(name.encode()).hexdigest()[:32]

    def _connect__(self, allow_archived=False):
        # Only connections of other addons still come here, and Odoo's method reads the password from the record.
        return super(FetchmailServer, revealing(self))._connect__(allow_archived=allow_archived)

    def _gateway_wanted_security(self):
        if self.is_ssl:
            return Security.TLS
        return Security.STARTTLS if self.gateway_use_starttls else Security.NONE

    def _gateway_connection(self):
        """Return the engine's Connection, from the values in force now (mail_environment computes some)."""
        self.ensure_one()
        return Connection(
            self.server or "",
            self.port,
            self._gateway_wanted_security(),
            # Google and Microsoft have public certificates: nothing excuses not to check them.
            verify=not self.gateway_skip_verification or self.server_type not in ("imap", "pop"),
            ca_certificate=self.gateway_ca_certificate or "",
        )

    def _credential(self):
        """Return the engine's credential. The only place where the password is read."""
        self.ensure_one()
        refuse_evaluated(self.env)
        if self.server_type == "gmail":
            return XOAuth2(self.user, self._generate_oauth2_string(self.user, self.google_gmail_refresh_token))
        if self.server_type == "outlook":
            return XOAuth2(self.user, self._generate_outlook_oauth2_string(self.user))
        return Password(self.user or "", self._fields["password"].reveal(self) or "")

    def _gateway_open_mailbox(self):
        """Return an open reader of the mailbox, to be used in a ``with`` block.

        Raises:
            UserError: the mailbox is archived.
            GatewayError, ConfigurationError: it could not be opened.
        """
        self.ensure_one()
        if not self.active:
            raise UserError(self.env._("This mailbox is archived."))
        # In a transaction of its own: refreshing an OAuth token writes on this row, and that lock must be gone
        # before the journal and the note about this check need the row.
        with self.env["spp.email.transaction"]._gateway_cursor() as env:
            server = self.with_env(env)
            connection, credential = server._gateway_connection(), server._credential()
        return open_mailbox(self._get_connection_type(), connection, credential)
