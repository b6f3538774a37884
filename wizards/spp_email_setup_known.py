# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Servers that were here before the set-up: they are named, and what they have is proposed."""

from odoo import api, fields, models

from ..models.ir_mail_server import ENCRYPTIONS

# What, with the login, says which server it is.
KNOWN_BY = ("outgoing_host", "incoming_host", "incoming_protocol")


class SppEmailSetup(models.TransientModel):
    _inherit = "spp.email.setup"

    known_text = fields.Text("Servers Here Already", compute="_compute_known_text")

    @api.depends("scope", "user", *KNOWN_BY, "outgoing_server_id", "incoming_server_id")
    def _compute_known_text(self):
        for setup in self:
            words = []
            if outgoing := setup._known("outgoing"):
                words.append(
                    self.env._(
                        "The outgoing server “%s” is here already. What you change in this set-up is changed there, "
                        "and nothing else; without a password typed it logs in as before.",
                        outgoing.name,
                    )
                )
            if incoming := setup._known("incoming"):
                words.append(
                    self.env._(
                        "The mailbox “%s” is here already. What you change in this set-up is changed there, and "
                        "nothing else; without a password typed it logs in as before.",
                        incoming.name,
                    )
                )
            setup.known_text = "\n".join(words)

    def _known(self, kind):
        """Return the server that is changed: the one that this set-up made, or that has the same host and login."""
        server = self[f"{kind}_server_id"]
        if server or not self[f"{kind}_host"] or not (self._sends() if kind == "outgoing" else self._receives()):
            return server
        if kind == "outgoing":
            same = [("smtp_host", "=", self.outgoing_host), ("smtp_user", "=", self.user or False)]
        else:
            same = [
                ("server", "=", self.incoming_host),
                ("user", "=", self.user),
                ("server_type", "=", self.incoming_protocol),
            ]
        return server.search(same, limit=1)

    def _known_values(self, kind):
        """Return the port and encryption of a server that is here: they work, what was found is a proposal."""
        server = self._known(kind)
        if not server:
            return {}
        if kind == "outgoing":
            port, security = server.smtp_port, ENCRYPTIONS[server.smtp_encryption or "none"][0]
        else:
            port, security = server.port, server._gateway_wanted_security()
        return {f"{kind}_port": port, f"{kind}_security": security.value}

    def _propose_known(self):
        """Propose what the servers that are here have now."""
        known, values = [], {}
        for kind in ("outgoing", "incoming"):
            if server := self._known(kind):
                known.append(server)
                now, line = self._known_values(kind), self[f"{kind}_line_id"]
                values.update(now)
                if (line.port, line.security) != tuple(now.values()):
                    values[f"{kind}_line_id"] = False
        credentials = {server.gateway_oauth_id.id if server._gateway_uses_oauth() else False for server in known}
        if known and self.login_kind != "none":
            credential = credentials.pop() if len(credentials) == 1 else False
            values.update(login_kind="oauth" if credential else "password", oauth_id=credential)
        self.write(values)

    @api.onchange("user", *KNOWN_BY)
    def _onchange_known(self):
        # What this set-up made is on the screen.
        for kind in ("outgoing", "incoming"):
            if self.is_manual and not self[f"{kind}_server_id"]:
                self.update(self._known_values(kind))
