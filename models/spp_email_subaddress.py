# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether mail to "catchall+detail@" comes back to a mailbox of ours: proved by one that does, not believed."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.health import HealthFinding, HealthState
from ..engine.subaddress import find_subaddress_proof, proof_address
from ..engine.summary import addresses
from .transaction_answers import asked_once, forget

QUESTION = "subaddresses"


class SppEmailSubaddress(models.Model):
    _name = "spp.email.subaddress"
    _inherit = ["spp.email.proof.mixin"]
    _description = "Address With a Detail"
    _order = "alias_domain_id, id desc"

    alias_domain_id = fields.Many2one("mail.alias.domain", required=True, readonly=True, ondelete="cascade")
    address = fields.Char("Catchall Address")

    _address_unique = models.UniqueIndex("(alias_domain_id, lower(address))")

    # ------------------------------------------------------------------
    # Proof
    # ------------------------------------------------------------------

    def _prove(self):
        """Send a mail to the address with a detail that only this database can make.

        Raises:
            UserError: the name is too long for a detail, or there is no server to send with.
        """
        self.ensure_one()
        now = fields.Datetime.now()
        ring = self.env["spp.email.token.key"]._ring()
        address = proof_address(ring, self.address, self.id, now)
        if not address:
            raise UserError(
                self.env._(
                    "The catchall's name is too long: with a signed detail it would have more than the 64 characters "
                    "that mail servers take. Give it one of up to 23 characters."
                )
            )
        # sudo: the right to write on the alias domain was needed to come here.
        servers = self.env["ir.mail_server"].sudo()  # nosemgrep
        server = servers._find_mail_server(self.env.user.email_formatted or self.address)[0]
        if not server:
            raise UserError(self.env._("There is no outgoing email server to send the test with."))
        self._prove_by(
            server,
            address,
            self.env._("Does the catchall take mail with a signed detail?"),
            self.env._("A test of reply addresses. It makes no record."),
            now,
        )

    def _note_arrival(self, proof_id):
        proof = super()._note_arrival(proof_id)
        for one in proof:
            one.alias_domain_id._gateway_signs_again(one.address)
        return proof

    # ------------------------------------------------------------------
    # Use
    # ------------------------------------------------------------------

    @api.model
    def _of(self, domain):
        """Return the proof of the catchall that an alias domain has now; empty when it was never tried."""
        # sudo: whoever writes a mail has it sent, without a right to see how domains are set up.
        return self.sudo().search(  # nosemgrep
            [("alias_domain_id", "=", domain.id), ("address", "=ilike", domain.catchall_email or "")], limit=1
        )

    @api.model
    def _is_proven(self, domain):
        """Return whether the catchall of a domain, as it is now called, takes details."""
        return asked_once(
            self.env, QUESTION, (domain.id, domain.catchall_email), lambda: self._of(domain).state == "proven"
        )

    def write(self, vals):
        forget(self.env, QUESTION)
        return super().write(vals)

    @api.model
    def _gateway_health(self):
        """Return a finding for each alias domain whose reply addresses are plain although they are to be signed."""
        return [
            HealthFinding(
                f"reply_addresses_{domain.id}",
                HealthState.WARNING,
                self.env._("Reply addresses of “%s” are not signed", domain.name),
                self.env._("No test of the catchall as it is called now has come back."),
                self.env._("Open the alias domain, and press “Try Signed Reply Addresses”."),
                domain._name,
                (domain.id,),
            )
            for domain in self.env["mail.alias.domain"].search([("gateway_reply_signing", "!=", "plain")])
            if not self._is_proven(domain)
        ]


class SppEmailHealth(models.Model):
    _inherit = "spp.email.health"

    def _health_models(self):
        return [*super()._health_models(), "spp.email.subaddress"]


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _steps(self, inbound, content):
        ring = self.env["spp.email.token.key"]._ring()
        envelope = addresses(inbound.envelope_recipient or "")
        # Before all others: rules are for the mail of people.
        return [find_subaddress_proof(ring, fields.Datetime.now(), envelope), *super()._steps(inbound, content)]

    def _finish(self, claim, attempt, state, reason, **values):
        self._note_proof(attempt, "subaddress_proof", "spp.email.subaddress")
        return super()._finish(claim, attempt, state, reason, **values)
