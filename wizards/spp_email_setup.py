# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The guided set-up: from an address to mail that goes out and comes in, a step a page.

Until the person presses Set Up nothing is kept but what was typed here.
"""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.connection import Security, default_port
from ..engine.errors import ConfigurationError
from ..engine.from_policy import is_address
from ..engine.provider import PROVIDERS, describe_provider, is_public_domain, provider_of_domain, provider_of_host
from ..models.engine_text import EngineText, said
from ..models.sealed_char import SealedChar
from ..models.spp_email_oauth_client import SHARED_CLIENTS

STEPS = [
    ("address", "Address"),
    ("login", "Login"),
    ("check", "Check"),
    ("incoming", "Incoming Mail"),
    ("domain", "Domain"),
    ("test", "Test"),
    ("done", "Done"),
]
SECURITIES = [("tls", "SSL/TLS"), ("starttls", "TLS (STARTTLS)"), ("none", "None")]
# Which OAuth provider logs in at the servers of which mail provider.
OAUTH_OF = {"gmail": "google", "microsoft": "microsoft"}
# A server that was found becomes the one that is used, as these fields.
OUTGOING = ("outgoing_host", "outgoing_port", "outgoing_security")
INCOMING = ("incoming_host", "incoming_port", "incoming_security")


class SppEmailSetup(models.TransientModel):
    _name = "spp.email.setup"
    _inherit = ["spp.email.sealed.mixin"]
    _description = "Set Up Email"
    _rec_name = "address"

    step = fields.Selection(STEPS, required=True, readonly=True, default="address")
    scope = fields.Selection(
        [("both", "Receive and send"), ("incoming", "Only receive"), ("outgoing", "Only send")],
        string="This Mailbox Is To",
        required=True,
        default="both",
    )
    address = fields.Char("Email Address", help="Of a shared mailbox, such as office@your-domain.org.")
    address_domain = fields.Char(compute="_compute_address_domain")
    personal_warning = fields.Char(compute="_compute_address_domain")

    # What was found, and what is used.
    provider = fields.Selection([(one.code, one.name) for one in PROVIDERS.values()])
    provider_text = EngineText(compute="_compute_provider_text")
    search_id = fields.Many2one("spp.email.discovery", readonly=True, ondelete="set null")
    found_note = EngineText(readonly=True)
    is_manual = fields.Boolean("Enter the Servers Myself")
    outgoing_line_id = fields.Many2one(
        "spp.email.discovery.line",
        string="Sends Through",
        domain="[('discovery_id', '=', search_id), ('protocol', '=', 'smtp')]",
        ondelete="set null",
    )
    outgoing_origin = fields.Selection(related="outgoing_line_id.origin", string="Why This Server")
    outgoing_host = fields.Char("SMTP Server")
    outgoing_port = fields.Integer("SMTP Port", default=587)
    outgoing_security = fields.Selection(SECURITIES, string="Connection Encryption", default="starttls")
    incoming_line_id = fields.Many2one(
        "spp.email.discovery.line",
        string="Receives From",
        domain="[('discovery_id', '=', search_id), ('protocol', '!=', 'smtp')]",
        ondelete="set null",
    )
    incoming_origin = fields.Selection(related="incoming_line_id.origin", string="Why This One")
    incoming_protocol = fields.Selection([("imap", "IMAP Server"), ("pop", "POP Server")], default="imap")
    incoming_host = fields.Char("Server Name")
    incoming_port = fields.Integer("Port", default=993)
    incoming_security = fields.Selection(SECURITIES, string="Encryption", default="tls")
    is_elsewhere = fields.Boolean(compute="_compute_is_elsewhere")
    ca_certificate = fields.Text(
        "Private CA", help="Only for a server of your own organization's authority: its PEM certificates."
    )

    # How it logs in.
    user = fields.Char("Username")
    login_kind = fields.Selection(
        [("password", "Password"), ("oauth", "OAuth: log in at the provider"), ("none", "No login")],
        string="Log In With",
        required=True,
        default="password",
    )
    password = SealedChar("Password")
    oauth_id = fields.Many2one(
        "spp.email.oauth", string="OAuth Credential", domain="[('provider', '=', oauth_provider)]", ondelete="set null"
    )
    oauth_provider = fields.Char(compute="_compute_provider_text")
    oauth_badge = fields.Char(related="oauth_id.badge")
    oauth_state = fields.Selection(related="oauth_id.state")
    oauth_connected = fields.Boolean(related="oauth_id.is_connected")
    oauth_text = fields.Text(related="oauth_id.status_text")

    @api.depends("step")
    def _compute_display_name(self):
        for setup in self:
            setup.display_name = self.env._("Set Up Email")

    # ------------------------------------------------------------------
    # Computed fields
    # ------------------------------------------------------------------

    @api.depends("address", "scope")
    def _compute_address_domain(self):
        for setup in self:
            setup.address_domain = (setup.address or "").strip().rpartition("@")[2].lower() or False
            box = self.env["fetchmail.server"].new({"user": (setup.address or "").strip()})
            setup.personal_warning = setup.scope != "outgoing" and box.gateway_personal_warning

    @api.depends("provider")
    def _compute_provider_text(self):
        for setup in self:
            provider = PROVIDERS.get(setup.provider)
            setup.provider_text = provider and describe_provider(provider)
            setup.oauth_provider = OAUTH_OF.get(setup.provider, "other")

    @api.depends("outgoing_line_id", "incoming_line_id", "outgoing_host", "incoming_host", "scope")
    def _compute_is_elsewhere(self):
        for setup in self:
            lines = (setup.outgoing_line_id, setup.outgoing_host, setup._sends()), (
                setup.incoming_line_id,
                setup.incoming_host,
                setup._receives(),
            )
            setup.is_elsewhere = any(line.is_elsewhere and line.host == host and used for line, host, used in lines)

    @api.onchange("provider")
    def _onchange_provider(self):
        if self.provider and self.is_manual:
            self.update(self._provider_values(self.provider))
            self.login_kind = self._login_values(self.provider)["login_kind"]

    @api.onchange("outgoing_line_id")
    def _onchange_outgoing_line_id(self):
        self.update(self._values_of(self.outgoing_line_id, OUTGOING))

    @api.onchange("incoming_line_id")
    def _onchange_incoming_line_id(self):
        self.update(self._values_of(self.incoming_line_id, INCOMING))

    @api.onchange("outgoing_security")
    def _onchange_outgoing_security(self):
        if self.outgoing_port in self._usual_ports("smtp"):
            self.outgoing_port = default_port("smtp", self.outgoing_security or "none")

    @api.onchange("incoming_security", "incoming_protocol")
    def _onchange_incoming_security(self):
        if self.incoming_port in self._usual_ports("imap") | self._usual_ports("pop"):
            self.incoming_port = default_port(self.incoming_protocol or "imap", self.incoming_security or "none")

    def _usual_ports(self, protocol):
        return {default_port(protocol, security) for security in Security} | {0}

    def _values_of(self, line, names):
        if not line:
            return {}
        values = dict(zip(names, (line.host, line.port, line.security), strict=True))
        return values if names is OUTGOING else {**values, "incoming_protocol": line.protocol}

    def _sends(self):
        return self.scope != "incoming"

    def _receives(self):
        return self.scope != "outgoing"

    # ------------------------------------------------------------------
    # Steps
    # ------------------------------------------------------------------

    def _go(self, step):
        self.step = step
        return True

    def action_back(self):
        """Show the step before."""
        names = [name for name, _words in STEPS if self._has_step(name)]
        return self._go(names[max(0, names.index(self.step) - 1)])

    def _has_step(self, step):
        return step != "incoming" or self._receives()

    # ------------------------------------------------------------------
    # Address: who the provider is
    # ------------------------------------------------------------------

    def action_find(self):
        """Recognise the provider by the address, or ask the address's domain where its servers are.

        Raises:
            UserError: it is no address, or this database may not speak to the outside.
        """
        self.ensure_one()
        # Looking makes this system speak to servers that somebody names: for those who may set up servers.
        self.env["fetchmail.server"].check_access("create")
        self.env["spp.email.binding"]._require_original()
        self.address = (self.address or "").strip()
        provider = provider_of_domain(self.address.rpartition("@")[2])
        try:
            # The address is looked at in any case.
            found = None if provider and is_address(self.address) else self._look()
        except ConfigurationError as error:
            words = (self.env._("Check the field “%s”.", self.env._("Email Address")), said(self.env, str(error)))
            raise UserError("\n".join(words)) from error
        self._take(found, provider)
        return self._go("login")

    def _look(self):
        searches = self.env["spp.email.discovery"]
        wanted = [name for name, used in (("smtp", self._sends()), ("imap", self._receives())) if used]
        found = searches._look_for(self.address, wanted)
        if self._receives() and not any(one.protocol == "imap" for one in found.candidates):
            found.candidates += searches._look_for(self.address, ("pop",)).candidates
        return found

    def _take(self, found, provider):
        """Fill in what is known of the provider, or the best of what was found."""
        candidates = found.candidates if found else []
        if not provider:
            provider = next((one.provider for one in candidates if one.provider), "")
            provider = provider or provider_of_host(*(one.host for one in candidates)) or "generic"
        search = self.env["spp.email.discovery"]._of(self.address, candidates)
        smtp = search.line_ids.filtered(lambda line: line.protocol == "smtp")[:1]
        box = search.line_ids.filtered(lambda line: line.protocol != "smtp")[:1]
        values = {
            "provider": provider,
            "search_id": search.id,
            "found_note": "\n".join(found.notes) if found else False,
            "outgoing_line_id": smtp.id,
            "incoming_line_id": box.id,
            "user": (smtp or box).user or self.address,
            "company_email": self.company_email or self.address,
            **self._provider_values(provider),
            **self._values_of(smtp, OUTGOING),
            **self._values_of(box, INCOMING),
        }
        values.update(self._login_values(provider))
        self.write(values)
        self._propose_known()
        self.is_manual = (self._sends() and not self.outgoing_host) or (self._receives() and not self.incoming_host)

    def _provider_values(self, provider):
        known = PROVIDERS[provider]
        values = dict.fromkeys(("outgoing_host", "incoming_host"), False)
        for names, host in ((OUTGOING, known.outgoing), (INCOMING, known.incoming)):
            if host:
                values.update(zip(names, (host.host, host.port, host.security.value), strict=True))
        return values

    def _login_values(self, provider):
        """Choose OAuth where the provider wants nothing else, or where it is set up here already."""
        kind = OAUTH_OF.get(provider)
        credentials = self.env["spp.email.oauth"].search([("provider", "=", kind)], limit=2) if kind else ()
        # sudo: only whether an application is registered in General Settings.
        parameters = self.env["ir.config_parameter"].sudo()  # nosemgrep
        is_registered = kind and bool(parameters.get_param(SHARED_CLIENTS[kind][0]))
        is_oauth = provider == "microsoft" or bool(credentials) or is_registered
        return {
            "login_kind": "oauth" if is_oauth else "password" if PROVIDERS[provider].has_login else "none",
            "oauth_id": credentials.id if credentials and len(credentials) == 1 else self.oauth_id.id,
        }

    def _is_own_domain(self):
        """Return whether the address is at a domain that can be this organization's own."""
        return bool(self.address_domain) and not is_public_domain(self.address_domain)

    # ------------------------------------------------------------------
    # Login: OAuth
    # ------------------------------------------------------------------

    def action_connect(self):
        """Go to the provider's login page and come back here; make the credential where there is none."""
        self.ensure_one()
        if not self.oauth_id:
            # Client ID and secret are those of General Settings.
            self.oauth_id = self.env["spp.email.oauth"].create(
                {"name": self.address, "provider": self.oauth_provider, "login": self.address}
            )
        return self.oauth_id._connect_for(self)

    def _gateway_oauth_mailbox(self):
        return self.user or self.address or ""

    def _gateway_prove_oauth(self):
        """Nothing: the check of the next step logs in."""
