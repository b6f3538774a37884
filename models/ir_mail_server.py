# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Outgoing servers: Odoo's model and form with the guides' words."""

import smtplib

from odoo import api, fields, models

from ..engine.connection import Security, default_port
from .sealed_binary import SealedBinary
from .sealed_char import SealedChar

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


def smtplib_is_replaced():
    """Return whether somebody put another class in place of smtplib's own."""
    return smtplib.SMTP is not SMTP or smtplib.SMTP_SSL is not SMTP_SSL


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
    _gateway_discovery = ("outgoing", "server_id")

    # Odoo's groups and the managers, whose part it is to set up servers.
    smtp_user = fields.Char(groups="base.group_system,spp_email_gateway.group_email_gateway_manager")
    smtp_pass = SealedChar(groups="base.group_system,spp_email_gateway.group_email_gateway_manager")
    smtp_ssl_private_key = SealedBinary()
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
        before = self._gateway_proofs()
        result = super().write(vals)
        self._require_password_again(vals, "smtp_pass", before)
        return result

    def _gateway_proof(self):
        security, verified = ENCRYPTIONS[self.smtp_encryption or "none"]
        return self.smtp_host or "", self.gateway_ca_certificate or "", verified and security is not Security.NONE
