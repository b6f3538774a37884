# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A server that was found, and how its settings come into a form."""

from odoo import api, fields, models

from ..engine.connection import Security
from ..engine.discovery import ORIGIN_WORDS
from ..models.ir_mail_server import ENCRYPTIONS


class SppEmailDiscoveryLine(models.TransientModel):
    _name = "spp.email.discovery.line"
    _description = "Server That Was Found"

    discovery_id = fields.Many2one("spp.email.discovery", required=True, readonly=True, ondelete="cascade")
    protocol = fields.Selection([("smtp", "SMTP"), ("imap", "IMAP"), ("pop", "POP")], required=True, readonly=True)
    host = fields.Char("Server", required=True, readonly=True)
    port = fields.Integer(required=True, readonly=True)
    security = fields.Selection(
        [("starttls", "TLS (STARTTLS)"), ("tls", "SSL/TLS")], string="Encryption", required=True, readonly=True
    )
    user = fields.Char("Username", readonly=True)
    origin = fields.Selection(list(ORIGIN_WORDS.items()), required=True, readonly=True)
    provider = fields.Char(readonly=True)
    is_elsewhere = fields.Boolean("Of Another Domain", readonly=True)

    @api.depends("host", "port", "security", "protocol")
    def _compute_display_name(self):
        words = dict(self._fields["security"].selection)
        for line in self:
            line.display_name = f"{line.protocol.upper()} {line.host}:{line.port}, {words[line.security]}"

    def action_use(self):
        """Put these settings into the server's form; into a new one where the search began without a server."""
        self.ensure_one()
        discovery = self.discovery_id
        record = discovery.server_id if discovery.kind == "outgoing" else discovery.mailbox_id
        values = self._outgoing_values() if discovery.kind == "outgoing" else self._incoming_values()
        if record:
            host, password = ("smtp_host", "smtp_pass") if discovery.kind == "outgoing" else ("server", "password")
            if record[host] != values[host]:
                # A stored password is for the server that it was entered for.
                values[password] = False
            record.write(values)
            return {"type": "ir.actions.act_window_close"}
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("New Server"),
            "res_model": discovery._model()._name,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "current",
            "context": {
                f"default_{name}": value for name, value in {"name": discovery.address, **values}.items()
            },
        }

    def _outgoing_values(self):
        encryption = next(
            name for name, value in ENCRYPTIONS.items() if value == (Security(self.security), True)
        )
        return {
            "smtp_host": self.host,
            "smtp_port": self.port,
            "smtp_encryption": encryption,
            "smtp_user": self.user,
            "gateway_provider": self.provider or False,
        }

    def _incoming_values(self):
        return {
            "server_type": self.protocol,
            "server": self.host,
            "port": self.port,
            "is_ssl": self.security == Security.TLS.value,
            "gateway_use_starttls": True,
            "user": self.user,
            "gateway_provider": self.provider or False,
            "state": "draft",
        }
