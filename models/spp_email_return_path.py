# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether mail to a signed bounce address comes back, for each server and bounce address: proved, not believed."""

import secrets

from odoo import api, fields, models

from ..engine.return_path import PROOF_HEADER, find_return_path_proof, proof_token, sign_return_path
from .transaction_answers import asked_once


class SppEmailReturnPath(models.Model):
    _name = "spp.email.return.path"
    _inherit = ["spp.email.proof.mixin"]
    _description = "Signed Return Path"
    _order = "server_id, address"

    server_id = fields.Many2one(
        "ir.mail_server", string="Sent Through", required=True, readonly=True, ondelete="cascade"
    )
    address = fields.Char("Bounce Address")
    state = fields.Selection(
        [("waiting", "On the Way"), ("proven", "Signed: It Came Back"), ("refused", "Plain: The Server Refuses It")]
    )

    _server_address_unique = models.UniqueIndex("(server_id, lower(address))")

    # ------------------------------------------------------------------
    # Proof
    # ------------------------------------------------------------------

    def _prove(self):
        """Send a mail to the signed address, with itself as return path."""
        self.ensure_one()
        now = fields.Datetime.now()
        ring = self.env["spp.email.token.key"]._ring()
        signed = sign_return_path(ring, self.address, self.id, now)
        self._prove_by(
            self.server_id.with_context(gateway_return_path=signed),
            signed,
            self.env._("Does the bounce address take mail with a signed detail?"),
            self.env._("A test of the return path. It makes no record."),
            now,
            headers={PROOF_HEADER: proof_token(ring, self.id, now)},
        )

    def _refuse(self, server_id, address, text):
        """A server refused a signed sender that it took before: it gets plain ones from now on."""
        self._of(server_id, address)._write_apart({"state": "refused", "result": text})

    # ------------------------------------------------------------------
    # Use
    # ------------------------------------------------------------------

    def _of(self, server_id, address):
        # sudo: whoever writes a mail has it sent, without a right to see how servers are set up.
        return self.sudo().search(  # nosemgrep
            [("server_id", "=", server_id), ("address", "=ilike", address)], limit=1
        )

    @api.model
    def _signed(self, server_id, address):
        """Return the return path that a message gets: signed where that is proved, else ``address``."""
        if not address or not server_id:
            return address
        is_proven = asked_once(
            self.env,
            "return paths",
            (server_id, address.lower()),
            lambda: self._of(server_id, address).state == "proven",
        )
        if not is_proven:
            return address
        ring = self.env["spp.email.token.key"]._ring()
        return sign_return_path(ring, address, secrets.randbits(63), fields.Datetime.now())


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _steps(self, inbound, content):
        ring = self.env["spp.email.token.key"]._ring()
        return [find_return_path_proof(ring, fields.Datetime.now()), *super()._steps(inbound, content)]

    def _finish(self, claim, attempt, state, reason, **values):
        self._note_proof(attempt, "return_path_proof", "spp.email.return.path")
        return super()._finish(claim, attempt, state, reason, **values)
