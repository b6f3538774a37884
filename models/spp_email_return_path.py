# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether mail to a signed bounce address comes back, for each server and bounce address: proved, not believed."""

import secrets

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.outcome import OutboundState
from ..engine.return_path import PROOF_HEADER, find_return_path_proof, proof_token, sign_return_path
from ..engine.trial_letter import describe_result
from .transaction_answers import asked_once


class SppEmailReturnPath(models.Model):
    _name = "spp.email.return.path"
    _inherit = ["spp.email.transaction"]
    _description = "Signed Return Path"
    _order = "server_id, address"
    _rec_name = "address"

    server_id = fields.Many2one(
        "ir.mail_server", string="Sent Through", required=True, readonly=True, ondelete="cascade"
    )
    address = fields.Char("Bounce Address", required=True, readonly=True)
    state = fields.Selection(
        [
            ("waiting", "On the Way"),
            ("proven", "Signed: It Came Back"),
            ("refused", "Plain: The Server Refuses It"),
        ],
        required=True,
        readonly=True,
        default="waiting",
    )
    sent_date = fields.Datetime("Tried", readonly=True)
    proven_date = fields.Datetime("Came Back", readonly=True)
    result = fields.Text("What the Server Said", readonly=True)

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
        # Before it leaves: it may be back before this transaction ends.
        self._write_apart({"state": "waiting", "sent_date": now, "proven_date": False, "result": False})
        try:
            results = self.server_id.with_context(gateway_return_path=signed)._gateway_send_now(
                signed,
                self.env._("Does the bounce address take mail with a signed detail?"),
                self.env._("A test of the return path. It makes no record."),
                # RFC 3834 §5: no absence notice is to answer it.
                headers={PROOF_HEADER: proof_token(ring, self.id, now), "Auto-Submitted": "auto-generated"},
            )
        except UserError as error:
            self._write_apart({"state": "refused", "result": str(error)})
            return
        sent = any(result.state in (OutboundState.SENT, OutboundState.UNKNOWN) for result in results.values())
        words = "\n".join(describe_result(self.address, result) for result in results.values())
        self._write_apart({"result": words} if sent else {"state": "refused", "result": words})

    def _write_apart(self, values):
        """Write in a transaction of its own, committed when this returns."""
        self.env.flush_all()
        with self._gateway_cursor(read_committed=True) as env:
            # sudo: the right to write on the server was needed to come here.
            self.with_env(env).sudo().write(values)  # nosemgrep
        self.invalidate_recordset()

    def _note_arrival(self, proof_id):
        """Note that a proof's mail is in the journal, in the transaction that says so there."""
        proof = self.browse(proof_id).exists()
        if proof and proof.state != "proven":
            proof.write({"state": "proven", "proven_date": fields.Datetime.now()})

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
        if attempt.facts.get("return_path_proof"):
            # sudo: the processing runs for the system; what is noted is no content.
            self.env["spp.email.return.path"].sudo()._note_arrival(attempt.facts["return_path_proof"])  # nosemgrep
        return super()._finish(claim, attempt, state, reason, **values)
