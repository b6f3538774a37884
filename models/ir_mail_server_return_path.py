# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The return path of what a server sends, as its form says it."""

from odoo import fields, models
from odoo.exceptions import UserError

from .engine_text import EngineText


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    gateway_return_path_ids = fields.One2many("spp.email.return.path", "server_id", string="Signed Return Paths")
    gateway_return_path_text = EngineText("Bounces", compute="_compute_gateway_return_path_text")

    def _gateway_bounce_addresses(self):
        """Return ([bounce addresses that this server may send as], [those that its FROM filter forbids])."""
        self.ensure_one()
        # sudo: alias domains are the system's. A database has a handful.
        domains = self.env["mail.alias.domain"].sudo().search([], limit=100)  # nosemgrep
        if self.company_id:
            domains = domains.filtered(lambda one: not one.company_ids or self.company_id in one.company_ids)
        addresses = [address for address in domains.mapped("bounce_email") if address]
        allowed = [address for address in addresses if self._match_from_filter(address, self.from_filter)]
        return allowed, [address for address in addresses if address not in allowed]

    def _compute_gateway_return_path_text(self):
        for server in self:
            allowed, forbidden = server._gateway_bounce_addresses()
            lines = []
            for address in allowed:
                proof = server.gateway_return_path_ids.filtered(lambda one, address=address: one.address == address)
                if proof.state == "proven":
                    words = self.env._("%s, with a signed detail for each message. A mailbox must read it.", address)
                elif proof.state == "refused":
                    words = self.env._("%s, plain: the server takes no signed one. A mailbox must read it.", address)
                else:
                    words = self.env._("%s, plain: no signed one has come back yet. A mailbox must read it.", address)
                lines.append(words)
            for address in forbidden:
                lines.append(
                    self.env._(
                        "Not %s: the FROM filter of this server does not name it. Reports come to the sender, where "
                        "nobody takes them in; add the domain to the filter if the server may send as it.",
                        address,
                    )
                )
            if not lines:
                lines = [self.env._("There is no alias domain, so reports come to the sender's address.")]
            server.gateway_return_path_text = "\n".join(lines)

    def action_prove_return_path(self):
        """Send a mail to each signed bounce address; a mailbox of ours has to take it in.

        Raises:
            UserError: the server may not send as any bounce address.
        """
        self.ensure_one()
        self.check_access("write")
        allowed, _forbidden = self._gateway_bounce_addresses()
        if not allowed:
            raise UserError(
                self.env._(
                    "This server may not send as any bounce address. Make an alias domain, or add its domain to the "
                    "FROM filter."
                )
            )
        # sudo: the right to write on the server was checked.
        proofs = self.env["spp.email.return.path"].sudo()  # nosemgrep
        # In transactions of their own: the proof's mail may be back before this request ends.
        with proofs._gateway_cursor() as env:
            mine = proofs.with_env(env)
            made = [
                (mine._of(self.id, address) or mine.create({"server_id": self.id, "address": address})).id
                for address in allowed
            ]
        with proofs._gateway_cursor() as env:
            for proof in proofs.with_env(env).browse(made):
                proof._prove()
        self.invalidate_recordset()
        return {"type": "ir.actions.client", "tag": "soft_reload"}
