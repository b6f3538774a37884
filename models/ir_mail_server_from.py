# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""With which From a mail leaves: the parameters, the alias domain and the server's own policy."""

from dataclasses import replace
from typing import Any, NamedTuple

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import email_normalize

from ..engine.from_policy import (
    FROM_POLICY_WORDS,
    FromPolicy,
    FromSettings,
    SendingServer,
    general_from,
    is_address,
    is_placeholder,
    server_from,
    with_address,
)
from ..engine.outcome import selection
from ..engine.trace import TraceStep
from .transaction_answers import asked_once


class Way(NamedTuple):
    """One way that a mail may take: an ir.mail_server record (empty for the configuration file's), and why."""

    server: Any
    email_from: str | bool
    steps: tuple[TraceStep, ...]
    is_fallback: bool


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_from_policy = fields.Selection(
        selection(FROM_POLICY_WORDS),
        string="Sender's Address",
        # Not required in the database: Odoo neutralizes a copy by an INSERT that knows Odoo's own columns only.
        default=FromPolicy.REWRITE.value,
        help="Replace addresses that are not ours: the From stays when the FROM filter names it or its domain is one "
        "of our alias domains; every other leaves with the sender's name and the Default From, and answers still "
        "reach the sender.\n"
        "Replace every address: for servers that send as one address only.\n"
        "Keep the sender's address: for servers that may send as anybody.\n"
        "As Odoo does: the Default From where no FROM filter matches.",
    )
    gateway_from_address = fields.Char(
        "Address Instead",
        help="Put in the place of the sender's address. Blank: the Default From of the alias domain; without one, the "
        "server's user name where that is an address.",
    )

    def _init_column(self, column_name):
        if column_name == "gateway_from_policy":
            # Servers that were there before the column send as they did, until somebody chooses otherwise.
            self.env.cr.execute("UPDATE ir_mail_server SET gateway_from_policy = 'odoo'")
            return
        super()._init_column(column_name)

    @api.constrains("gateway_from_address")
    def _check_gateway_from_address(self):
        for server in self:
            if server.gateway_from_address:
                self._gateway_check_address(self.env._("Address Instead"), server.gateway_from_address)

    @api.model
    def _gateway_check_address(self, what, value):
        """Refuse what is not one bare email address that can be answered.

        Raises:
            ValidationError: names the setting and the value.
        """
        if not is_address(value.strip()):
            raise ValidationError(
                self.env._(
                    "“%(value)s” is not an email address. %(what)s takes one address without a name, such as "
                    "outgoing@your-domain.org.",
                    value=value,
                    what=what,
                )
            )
        if is_placeholder(value.strip()):
            raise ValidationError(
                self.env._(
                    "%(what)s cannot be “%(value)s”: nobody can answer mail from that domain. Take an address of "
                    "your own domain.",
                    value=value,
                    what=what,
                )
            )

    # ------------------------------------------------------------------
    # The decision
    # ------------------------------------------------------------------

    @api.model
    def _gateway_ways(self, email_from, mail_servers=None, company=None):
        """Return the Ways of a mail, best first; arguments as `_gateway_candidates` has them."""
        company = company or self._gateway_company()
        settings = self._gateway_from_settings(company)
        sender = email_normalize(email_from or "", strict=False) or ""
        general = general_from(sender, settings)
        wanted = general.address if general.address not in ("", sender) else email_from
        choice = self._gateway_choice(wanted, mail_servers, company)
        # sudo: as in `_gateway_choice`.
        servers = self.env["ir.mail_server"].sudo()  # nosemgrep
        ways = []
        for number, one in enumerate((choice, *choice.alternatives)):
            server = servers.browse(one.server_id or ())
            steps = (*general.steps, *choice.steps) if not number else ()
            if general.address:
                way_from = wanted
            else:
                decision = server_from(sender, server._gateway_sending_server(), settings)
                steps = (*steps, *decision.steps)
                kept = email_from if decision.address == sender else decision.address
                way_from = kept if decision.address else one.email_from or email_from
            ways.append(Way(server, way_from, steps, choice.is_fallback and not number))
        return ways

    @api.model
    def _gateway_way_of(self, server, email_from, company=None):
        """Return the Way of a mail that names its server; ``server`` is an ir.mail_server record."""
        settings = self._gateway_from_settings(company or self._gateway_company())
        sender = email_normalize(email_from or "", strict=False) or ""
        steps = (TraceStep("server", "the mail names it", f"server {server.id} used"),)
        sending = server._gateway_sending_server()
        decision = server_from(sender, sending, settings)
        if not sending.personal:
            general = general_from(sender, settings)
            steps += general.steps
            decision = general if general.address else decision
        kept = not decision.address or decision.address == sender
        steps += decision.steps if decision.steps != steps[1:] else ()
        return Way(server, email_from if kept else decision.address, steps, False)

    @api.model
    def _gateway_envelope_sender(self, server, email_from):
        """Return the return path of a mail: the bounce address where the server may use it, else the From itself.

        Args:
            server: an ir.mail_server record; empty for the configuration file's.
            email_from: the From as it leaves.
        """
        bounce = self.env.context.get("domain_bounce_address") or self._get_default_bounce_address()
        from_filter = server.from_filter if server else self._get_default_from_filter()
        if bounce and self._match_from_filter(bounce, from_filter):
            return bounce
        return email_normalize(email_from, strict=False) or ""

    @api.model
    def _gateway_from_settings(self, company):
        """Return the engine's FromSettings of a company, and of the alias domain that the context names."""
        key = (company.id, self.env.context.get("domain_notifications_email"))
        return asked_once(self.env, "from settings", key, lambda: self._gateway_read_from_settings(company))

    def _gateway_read_from_settings(self, company):
        default_from = email_normalize(self._gateway_notification_address(company)) or ""
        # sudo: alias domains and parameters are the system's; whoever sends is bound by them.
        domains = self.env["mail.alias.domain"].sudo().search([])  # nosemgrep # pylint: disable=no-search-all
        own = domains.filtered(lambda domain: not domain.company_ids or company in domain.company_ids)
        named = domains.filtered(lambda domain: email_normalize(domain.default_from_email) == default_from)
        alias_domain = (named & company.sudo().alias_domain_id or named)[:1]  # nosemgrep: as above
        parameter = self.env["ir.config_parameter"].sudo().get_param  # nosemgrep: as above
        return FromSettings(
            force=email_normalize(parameter("mail.force.smtp.from")) or "",
            default_from=default_from,
            overwrites_all=alias_domain._gateway_overwrites_all(),
            dynamic=email_normalize(parameter("mail.dynamic.smtp.from")) or "",
            domains=frozenset(domain.name.lower() for domain in own | alias_domain),
        )

    def _gateway_sending_server(self):
        """Return the engine's SendingServer; for an empty record that of the configuration file."""
        if not self:
            return SendingServer()
        # Domains that OCA's mail_outbound_static lets leave as they are, where it is installed.
        whitelist = self.domain_whitelist if "domain_whitelist" in self._fields else ""
        return SendingServer(
            FromPolicy(self.gateway_from_policy or FromPolicy.ODOO),
            (*self._gateway_filter(self.from_filter), *self._gateway_filter(whitelist)),
            email_normalize(self.gateway_from_address) or "",
            email_normalize(self.sudo().smtp_user) or "",  # nosemgrep: the login of the server that sends
            personal=not self._filter_mail_servers_fallback(self),
        )

    def _gateway_only_from(self):
        """Return the one address that everything leaves as through this server; "" when that depends on the mail."""
        server = self._gateway_sending_server()
        if server.personal:
            return ""
        settings = replace(self._gateway_from_settings(self.company_id or self._gateway_company()), dynamic="")
        forced = general_from("", settings).address
        return forced or (server.policy is FromPolicy.FORCE and server_from("", server, settings).address) or ""

    # ------------------------------------------------------------------
    # What leaves
    # ------------------------------------------------------------------

    def _connect__(self, *args, smtp_from=None, mail_server_id=None, **kwargs):
        """Also note on the session which server it is, so that its policy is met by whoever sends on it."""
        host = args[0] if args else kwargs.get("host")
        if not mail_server_id and not host and not self._disable_send():
            found, smtp_from = self.sudo()._find_mail_server(smtp_from)  # nosemgrep: sending uses any server
            mail_server_id = found.id if found else None
        session = super()._connect__(*args, smtp_from=smtp_from, mail_server_id=mail_server_id, **kwargs)
        if session is not None:
            session.gateway_server_id = mail_server_id or None
        return session

    def _prepare_email_message__(self, message, smtp_session):
        address = self._gateway_header_from(message["From"], smtp_session)
        if not address:
            return super()._prepare_email_message__(message, smtp_session)
        old_from = message["From"]
        if old_from is None:
            message["From"] = address
        elif email_normalize(old_from, strict=False) != address:
            message.replace_header("From", with_address(str(old_from), address))
            if "Reply-To" not in message:
                # RFC 5322 §3.6.2: without it an answer would go to an address that may belong to nobody.
                message["Reply-To"] = str(old_from)
        # The session keeps the From of whoever opened it, and Odoo would put that in the place of this one.
        kept = getattr(smtp_session, "smtp_from", None)
        if smtp_session is not None:
            smtp_session.smtp_from = str(message["From"])
        try:
            return super()._prepare_email_message__(message, smtp_session)
        finally:
            if smtp_session is not None:
                smtp_session.smtp_from = kept

    def _gateway_header_from(self, email_from, smtp_session):
        """Return the bare address to put into the From field; "" leaves it to Odoo."""
        server_id = getattr(smtp_session, "gateway_server_id", None)
        company, notification = self._gateway_company(), self.env.context.get("domain_notifications_email")
        key = (str(email_from or ""), server_id, company.id, notification)
        return asked_once(self.env, "header from", key, lambda: self._gateway_find_header_from(*key[:2], company))

    def _gateway_find_header_from(self, email_from, server_id, company):
        settings = self._gateway_from_settings(company)
        sender = email_normalize(email_from, strict=False) or ""
        general = general_from(sender, settings)
        # sudo: as in Odoo, sending uses any server.
        server = self.sudo().browse(server_id).exists()  # nosemgrep
        if server and not self._filter_mail_servers_fallback(server):
            return ""
        return general.address or server_from(sender, server._gateway_sending_server(), settings).address
