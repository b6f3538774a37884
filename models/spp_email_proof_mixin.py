# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is proved by a mail that comes back: it is sent, and either refused or in the journal some time later."""

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.outcome import OutboundState
from ..engine.trial_letter import describe_result


class SppEmailProofMixin(models.AbstractModel):
    """Each model names its own states "waiting", "proven" and "refused" for the screen, and has ``address``."""

    _name = "spp.email.proof.mixin"
    _inherit = ["spp.email.transaction"]
    _description = "Proof by a Mail That Comes Back"
    _rec_name = "address"

    address = fields.Char(required=True, readonly=True)
    state = fields.Selection(
        [("waiting", "On the Way"), ("proven", "It Came Back"), ("refused", "The Server Refuses It")],
        required=True,
        readonly=True,
        default="waiting",
    )
    sent_date = fields.Datetime("Tried", readonly=True)
    proven_date = fields.Datetime("Came Back", readonly=True)
    result = fields.Text("What the Server Said", readonly=True)

    def _prove_by(self, server, recipient, subject, body, now, headers=None):
        """Send the mail whose coming back is the proof, and note what the server said of it.

        Args:
            server: ir.mail_server that it leaves by.
            now: UTC.
            headers: further ones.
        """
        # Before it leaves: it may be back before this transaction ends.
        self._write_apart({"state": "waiting", "sent_date": now, "proven_date": False, "result": False})
        try:
            results = server._gateway_send_now(
                recipient,
                subject,
                body,
                # RFC 3834 §5: no absence notice is to answer it.
                headers={**(headers or {}), "Auto-Submitted": "auto-generated"},
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
            # sudo: the right to write on the server or alias domain was needed to come here.
            self.with_env(env).sudo().write(values)  # nosemgrep
        self.invalidate_recordset()

    def _note_arrival(self, proof_id):
        """Note that a proof's mail is in the journal, in the transaction that says so there.

        Returns:
            the proof; empty where it was noted before, or is deleted.
        """
        proof = self.browse(proof_id).exists().filtered(lambda one: one.state != "proven")
        proof.write({"state": "proven", "proven_date": fields.Datetime.now()})
        return proof


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _note_proof(self, attempt, fact, model):
        """Note the arrival of a proof's mail whose row a step put into ``facts[fact]``."""
        if attempt.facts.get(fact):
            # sudo: the processing runs for the system; what is noted is no content.
            self.env[model].sudo()._note_arrival(attempt.facts[fact])  # nosemgrep
