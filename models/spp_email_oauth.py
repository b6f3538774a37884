# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""OAuth credentials: an application that was registered at a provider, and the tokens that it was given."""

from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..engine.oauth_provider import OAUTH_PROVIDERS
from ..engine.seal import MASK
from .engine_text import EngineChar
from .sealed_char import SealedChar

STATES = [("new", "Not Used Yet"), ("valid", "Valid"), ("failing", "Failing"), ("dead", "Ended")]
# Servers of the providers that may be given a token. Odoo's addons use the last ones.
MAIL_HOSTS = {
    "google": "imap.gmail.com, pop.gmail.com, smtp.gmail.com",
    "microsoft": "outlook.office365.com, smtp.office365.com, imap.outlook.com, smtp.outlook.com, "
    "imap-mail.outlook.com, smtp-mail.outlook.com, pop-mail.outlook.com",
}
# With these the tokens belong to something else.
_BELONGS_TO = ("provider", "grant", "tenant", "client_id", "token_url", "revoke_url", "mail_hosts", "ca_certificate")
# With these the secret, or a token for all mailboxes, would go somewhere else than it was entered for.
_LEADS_TO = ("token_url", "revoke_url", "ca_certificate")
_TOKENS = ("access_token", "refresh_token")
# What is known of tokens, when there are none.
NO_TOKENS = {
    "access_token": False,
    "refresh_token": False,
    "access_until": False,
    "refresh_date": False,
    "obtained_date": False,
    "used_date": False,
    "granted_scopes": False,
    "state": "new",
    "failing_date": False,
    "failure_text": False,
    "failure_cure": False,
    "failures": 0,
    "next_renewal_date": False,
}


class SppEmailOauth(models.Model):
    _name = "spp.email.oauth"
    _inherit = ["spp.email.sealed.mixin", "spp.email.transaction"]
    _description = "OAuth Credential"
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", help="Company whose servers may use it. Blank: those of all.")
    provider = fields.Selection(
        [(one.code, one.name) for one in OAUTH_PROVIDERS.values()], required=True, default="microsoft"
    )
    grant = fields.Selection(
        [("code", "A person logs in"), ("client", "The application alone (client credentials)")],
        string="Login",
        required=True,
        default="code",
        help="A person logs in once, and the gateway acts for that account. With client credentials the application "
        "acts for itself, for every mailbox that an administrator gave it.",
    )
    tenant = fields.Char(help="Directory (tenant) ID or domain of the organization. Blank: accounts of any.")
    client_id = fields.Char(
        "Client ID", help="Application ID as registered at the provider. Blank: the one of General Settings."
    )
    client_secret = SealedChar("Client Secret", help="The secret's value. Blank: the one of General Settings.")
    secret_until = fields.Date(
        "Secret Valid Until", help="When the client secret expires, as the provider says. A warning comes before."
    )
    login = fields.Char("Account", help="Address that is proposed when a person logs in at the provider.")
    scopes = fields.Char(
        compute="_compute_scopes", store=True, readonly=False, precompute=True, help="Permissions that are asked for."
    )
    authorize_url = fields.Char("Login Page", compute="_compute_preset", store=True, readonly=False, precompute=True)
    token_url = fields.Char(
        "Address for Tokens", compute="_compute_preset", store=True, readonly=False, precompute=True
    )
    revoke_url = fields.Char(
        "Address to Revoke Tokens", compute="_compute_preset", store=True, readonly=False, precompute=True
    )
    mail_hosts = fields.Char(
        "Mail Servers",
        compute="_compute_preset",
        store=True,
        readonly=False,
        precompute=True,
        help="Names of the servers that may be given a token, separated by commas. No other server gets one.",
    )
    client_authentication = fields.Selection(
        [("post", "In the form"), ("basic", "In a header (HTTP Basic)")],
        string="Secret Is Sent",
        required=True,
        default="post",
        help="Google and Microsoft take it in the form. The provider's documentation speaks of client_secret_post and "
        "client_secret_basic.",
    )
    ca_certificate = fields.Text(
        "Private CA", help="PEM certificates of a private authority that signed the provider's certificate."
    )
    refresh_days = fields.Integer(
        "Refresh Token Lives (Days)",
        compute="_compute_preset",
        store=True,
        readonly=False,
        precompute=True,
        help="How long a refresh token lasts that is not replaced. 0: for ever, or nobody knows.",
    )

    # Written by the gateway only; tokens are nobody's to read.
    access_token = SealedChar(readonly=True, groups=fields.NO_ACCESS)
    refresh_token = SealedChar(readonly=True, groups=fields.NO_ACCESS)
    access_until = fields.Datetime("Access Token Until", readonly=True, copy=False)
    refresh_date = fields.Datetime("Refresh Token Got", readonly=True, copy=False)
    obtained_date = fields.Datetime("Last Token Got", readonly=True, copy=False)
    used_date = fields.Datetime("Last Login with It", readonly=True, copy=False)
    granted_scopes = fields.Char(readonly=True, copy=False)
    state = fields.Selection(STATES, required=True, readonly=True, copy=False, default="new")
    failing_date = fields.Datetime("Failing Since", readonly=True, copy=False)
    failure_text = EngineChar("Last Failure", readonly=True, copy=False)
    failure_cure = EngineChar("What To Do", readonly=True, copy=False)
    failures = fields.Integer("Failures in a Row", readonly=True, copy=False)
    next_renewal_date = fields.Datetime("Not Asked Before", readonly=True, copy=False)
    revision = fields.Integer(readonly=True, copy=False, help="Counts how often the tokens were replaced.")

    incoming_server_ids = fields.One2many("fetchmail.server", "gateway_oauth_id", readonly=True)
    outgoing_server_ids = fields.One2many("ir.mail_server", "gateway_oauth_id", readonly=True)
    incoming_count = fields.Integer("Incoming", compute="_compute_counts")
    outgoing_count = fields.Integer("Outgoing", compute="_compute_counts")

    # ------------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------------

    @api.depends("provider", "grant")
    def _compute_scopes(self):
        for credential in self:
            preset = OAUTH_PROVIDERS[credential.provider or "other"]
            scopes = preset.client_scopes if credential.grant == "client" else preset.scopes
            typed = credential.scopes not in _preset_values("scopes", "client_scopes") and credential.scopes
            credential.scopes = scopes or typed

    @api.depends("provider")
    def _compute_preset(self):
        """Fill in what the provider's preset says. What a person typed for another provider stays."""
        for credential in self:
            preset = OAUTH_PROVIDERS[credential.provider or "other"]
            if preset.code == "other":
                for name in ("authorize_url", "token_url", "revoke_url"):
                    credential[name] = credential[name] not in _preset_values(name) and credential[name]
                credential.mail_hosts = credential.mail_hosts not in MAIL_HOSTS.values() and credential.mail_hosts
                credential.refresh_days = credential._origin.refresh_days
                continue
            credential.authorize_url = preset.authorize_url
            credential.token_url = preset.token_url
            credential.revoke_url = preset.revoke_url
            credential.mail_hosts = MAIL_HOSTS[preset.code]
            credential.refresh_days = preset.idle_days

    @api.depends("incoming_server_ids", "outgoing_server_ids")
    def _compute_counts(self):
        for credential in self:
            credential.incoming_count = len(credential.incoming_server_ids)
            credential.outgoing_count = len(credential.outgoing_server_ids)

    @api.constrains("provider", "grant", "scopes", "token_url", "authorize_url", "mail_hosts")
    def _check_settings(self):
        for credential in self:
            if credential.grant not in OAUTH_PROVIDERS[credential.provider].grants:
                raise ValidationError(
                    self.env._("Google's mail servers know no client credentials: a person has to log in.")
                )
            for url in filter(None, (credential.authorize_url, credential.token_url, credential.revoke_url)):
                if not _is_https(url.replace("{tenant}", "tenant")):
                    raise ValidationError(
                        self.env._("“%s” is no address that begins with https://; secrets travel there.", url)
                    )

    @api.constrains("company_id")
    def _check_company(self):
        # sudo: servers of companies that the user does not see count too.
        for credential in self.sudo().filtered("company_id"):  # nosemgrep: odoo-sudo-without-context
            for server in (*credential.incoming_server_ids, *credential.outgoing_server_ids):
                server._check_gateway_oauth()

    # ------------------------------------------------------------------
    # CRUD
    # ------------------------------------------------------------------

    def write(self, vals):
        before = {credential.id: credential._places() for credential in self}
        result = super().write(vals)
        for credential in self:
            credential._follow_places(vals, *before[credential.id])
        return result

    def _places(self):
        """Return (what the tokens belong to, where the secret goes)."""
        leads_to = [self[name] or "" for name in _LEADS_TO]
        if self.grant == "client":
            leads_to.append(self.mail_hosts or "")
        return [self[name] or "" for name in _BELONGS_TO], leads_to

    def _follow_places(self, vals, belonged_to, led_to):
        """Drop tokens that belong to something else now, and give no secret to a place it was not entered for.

        Raises:
            UserError: the secret would go to another place than before, and did not come with the values.
        """
        belongs_to, leads_to = self._places()
        is_given = vals.get("client_secret") not in (None, MASK)
        # The system itself may: it changes nothing of this on anybody's behalf.
        if leads_to != led_to and self.client_secret and not is_given and not self.env.su:
            raise UserError(
                self.env._(
                    "Enter the client secret again: it was stored for the addresses as they were, and is not given to "
                    "other ones."
                )
            )
        if belongs_to != belonged_to and not set(vals) & set(_TOKENS):
            # sudo: tokens are nobody's to write, and must not be used for what they were not given for.
            self.sudo()._drop_tokens()  # nosemgrep: odoo-sudo-without-context
        elif (is_given or "secret_until" in vals) and self.state == "dead":
            # A new secret may be all that was missing.
            self.sudo().write({"state": "failing", "next_renewal_date": False, "failures": 0})  # nosemgrep: as above

    def _drop_tokens(self):
        """Forget all tokens; a renewal that is under way finds that it comes too late."""
        for credential in self:
            credential.write({**NO_TOKENS, "revision": credential.revision + 1})

    def action_open_incoming(self):
        """Open the mailboxes that use it."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_fetchmail_server_gateway")
        return {**action, "domain": [("gateway_oauth_id", "=", self.id)]}

    def action_open_outgoing(self):
        """Open the outgoing servers that use it."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_ir_mail_server_gateway")
        return {**action, "domain": [("gateway_oauth_id", "=", self.id)]}


def _preset_values(*names):
    """Return what the presets have in these attributes."""
    return {getattr(one, name) for one in OAUTH_PROVIDERS.values() for name in names}


def _is_https(url):
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)
