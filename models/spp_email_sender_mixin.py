# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whom a way in trusts about senders: what mailboxes and intakes share."""

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from ..engine.authentication_results import NAMELESS, server_names, suggested_server, trusted_field
from ..engine.outcome import selection
from ..engine.sender_address import ascii_domain
from ..engine.sender_check import SenderTrust
from ..engine.sender_policy import SENDER_POLICY_WORDS
from ..engine.summary import summarize

# Messages that are looked at for a suggestion, and what is read of each: a header is never longer than 100 kB.
SAMPLE = 20
LARGEST_SAMPLE = 128 * 1024


class SppEmailSenderMixin(models.AbstractModel):
    _name = "spp.email.sender.mixin"
    _description = "Trust in Senders"

    gateway_sender_policy = fields.Selection(
        selection(SENDER_POLICY_WORDS),
        string="Unproved Senders",
        help="Blank: as the alias domain says that a message was sent to.",
    )
    gateway_trusted_servers = fields.Char(
        "Trusted Servers",
        help="Names of your own or your provider's mail servers whose Authentication-Results header is believed, such "
        "as mx.example.org. Only the topmost such header counts, so a server must put one on every message from "
        f"outside. Write “{NAMELESS}” for Microsoft 365, which puts in no name. Blank: signatures (DKIM) are checked "
        "here.",
    )
    gateway_trusted_sealers = fields.Char(
        "Trusted Forwarders (ARC)",
        help="Domains of mailing lists and forwarders that note who sent a message before they change it, and seal "
        "that (ARC), such as lists.example.org.",
    )
    gateway_authenticates_users = fields.Boolean(
        "Its Server Authenticates Our Users",
        help="The server lets nobody but our own logged in users send as our addresses, as in an intranet. Their "
        "mail is then accepted without a proof. Never set it where mail comes straight from the internet.",
    )
    gateway_trust_hint = fields.Text(compute="_compute_gateway_trust")
    gateway_suggested_server = fields.Char(compute="_compute_gateway_trust")

    @api.constrains("gateway_trusted_servers", "gateway_trusted_sealers")
    def _check_gateway_trust(self):
        for record in self:
            wrong = [
                name
                for text in (record.gateway_trusted_servers, record.gateway_trusted_sealers)
                for name in server_names(text or "")
                if not ascii_domain(name)
            ]
            if wrong:
                raise ValidationError(
                    self.env._("“%s” is no name of a server. Write names such as mx.example.org.", wrong[0])
                )

    @api.depends("gateway_trusted_servers")
    def _compute_gateway_trust(self):
        for record in self:
            record.gateway_trust_hint = record.gateway_suggested_server = False
            headers = record._gateway_sample() if isinstance(record.id, int) else []
            if not headers:
                continue
            trusted = server_names(record.gateway_trusted_servers or "")
            suggested = suggested_server(headers)
            if trusted:
                if not any(trusted_field(one, trusted) for one in headers):
                    record.gateway_trust_hint = self.env._(
                        "None of the last %s messages has a note of such a server. Is the name right?", len(headers)
                    )
                continue
            record.gateway_suggested_server = suggested
            if suggested:
                name = "Microsoft 365" if suggested == NAMELESS else suggested
                record.gateway_trust_hint = self.env._(
                    "On the last messages %s noted who sent them. If that is the server of your mailbox, trust it: "
                    "it saw what cannot be seen here.",
                    name,
                )

    def _gateway_sample(self):
        """Return the headers of the last messages that came this way."""
        self.ensure_one()
        column = "intake_id" if self._name == "spp.email.intake" else "server_id"
        # sudo: who may set up a mailbox may see which servers noted something on its mail, and no more is shown.
        rows = self.sudo().env.execute_query(  # nosemgrep
            SQL(
                "SELECT id FROM spp_email_inbound WHERE %s = %s AND size <= %s ORDER BY id DESC LIMIT %s",
                SQL.identifier(column),
                self.id,
                LARGEST_SAMPLE,
                SAMPLE,
            )
        )
        # sudo: as above; the names of servers are all that leaves here.
        contents = rows and self.env["spp.email.content"].sudo()._load_each([row_id for (row_id,) in rows])  # nosemgrep
        return [summarize(content).headers for content in contents.values()] if contents else []

    def action_gateway_trust_suggested(self):
        """Trust the server that noted something on the last messages."""
        self.ensure_one().check_access("write")
        if not self.gateway_suggested_server:
            raise UserError(self.env._("There is no server to suggest any more. Reload the page."))
        self.gateway_trusted_servers = self.gateway_suggested_server
        return True

    def _gateway_sender_trust(self):
        """Return the engine.sender_check.SenderTrust of this way in; of an empty one: nobody is trusted."""
        if not self:
            return SenderTrust()
        return SenderTrust(
            server_names(self.gateway_trusted_servers or ""), server_names(self.gateway_trusted_sealers or "")
        )
