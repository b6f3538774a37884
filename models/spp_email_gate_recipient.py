# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Recipients that this database may not write to are left out of what leaves."""

from odoo import api, models
from odoo.tools import email_normalize

from ..engine.gate import Refusal
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.trace import TraceStep


class SppEmailGate(models.AbstractModel):
    _inherit = "spp.email.gate"

    def _gates(self):
        return ["_gate_recipient_list", *super()._gates()]

    def _gate_recipient_list(self, departure, permit):
        """Refuse, for good, the recipients that the lists do not admit."""
        refusals = self.env["spp.email.recipient.entry"]._refusals(departure.recipients, departure.company_id)
        for recipient, text in refusals.items():
            permit.refused[recipient] = Refusal(OutboundState.FAILED, OutboundReason.NOT_ALLOWED, text)
        if refusals:
            permit.steps.append(
                TraceStep("lists of recipients", f"{len(refusals)} may not be written to", "left out")
            )


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    @api.model
    def _prepare_smtp_to_list(self, message, smtp_session):
        """The lists bind mail as well that another addon sends past the queue."""
        recipients = super()._prepare_smtp_to_list(message, smtp_session)
        known = {address: email_normalize(address, strict=False) or address.lower() for address in recipients}
        refused = self.env["spp.email.recipient.entry"]._refusals(set(known.values()), self._gateway_company().id)
        return [address for address in recipients if known[address] not in refused] if refused else recipients
