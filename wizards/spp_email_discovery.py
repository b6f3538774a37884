# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Find Settings: asks an address's domain where its servers are, and nobody before the button is pressed."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.discovery import discover, resolver_of
from ..engine.errors import ConfigurationError
from ..models.engine_text import EngineText, said


class SppEmailDiscovery(models.TransientModel):
    _name = "spp.email.discovery"
    _description = "Search for Mail Settings"
    _rec_name = "address"

    kind = fields.Selection([("outgoing", "Outgoing"), ("incoming", "Incoming")], required=True, readonly=True)
    server_id = fields.Many2one("ir.mail_server", readonly=True, ondelete="cascade")
    mailbox_id = fields.Many2one("fetchmail.server", readonly=True, ondelete="cascade")
    address = fields.Char(required=True, default=lambda self: self._default_address())
    is_done = fields.Boolean(readonly=True)
    line_ids = fields.One2many("spp.email.discovery.line", "discovery_id", readonly=True)
    note = EngineText(readonly=True)

    @api.model
    def _default_address(self):
        server = self.env["ir.mail_server"].browse(self.env.context.get("default_server_id"))
        mailbox = self.env["fetchmail.server"].browse(self.env.context.get("default_mailbox_id"))
        user = (server and server.smtp_user) or (mailbox and mailbox.user) or ""
        return user if "@" in user else self.env.company.email

    def action_find(self):
        """Ask the domain, and show what was found."""
        self.ensure_one()
        # Looking makes this system speak to servers that somebody names: for those who may set up servers.
        self._model().check_access("create")
        self.env["spp.email.binding"]._require_original()
        try:
            found = self._discover()
        except ConfigurationError as error:
            raise UserError(said(self.env, str(error))) from error
        self.line_ids.unlink()
        self.write(
            {"is_done": True, "note": "\n".join(found.notes), "line_ids": self._lines(found.candidates)}
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Find Settings"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    @api.model
    def _of(self, address, candidates):
        """Return a search that has found these engine.discovery Candidates."""
        return self.create(
            {"kind": "incoming", "address": address, "is_done": True, "line_ids": self._lines(candidates)}
        )

    def _lines(self, candidates):
        return [
            fields.Command.create(
                {
                    "protocol": candidate.protocol,
                    "host": candidate.host,
                    "port": candidate.port,
                    "security": candidate.security.value,
                    "user": candidate.user,
                    "origin": candidate.origin,
                    "provider": candidate.provider,
                    "is_elsewhere": candidate.is_elsewhere,
                }
            )
            for candidate in candidates
        ]

    def _discover(self):
        return self._look_for(self.address, ("smtp",) if self.kind == "outgoing" else ("imap", "pop"))

    @api.model
    def _look_for(self, address, protocols):
        """Return the engine's Discovery of an address; the DNS servers are those that the gateway is told to ask.

        Raises:
            ConfigurationError: it is no email address, or the setting names no DNS servers.
        """
        servers = self.env["spp.email.sender.resolver"]._resolver_servers()
        return discover(address, protocols, resolver=resolver_of(servers))

    def _model(self):
        return self.env["ir.mail_server" if self.kind == "outgoing" else "fetchmail.server"]
