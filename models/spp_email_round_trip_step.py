# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail of a round trip in the processing: it is known, noted and makes no record."""

from odoo import fields, models

from ..engine.round_trip import find_round_trip


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _steps(self, inbound, content):
        ring = self.env["spp.email.token.key"]._ring()
        # Before all others: rules are for the mail of people.
        return [find_round_trip(ring, fields.Datetime.now()), *super()._steps(inbound, content)]

    def _finish(self, claim, attempt, state, reason, **values):
        if attempt.facts.get("round_trip"):
            # sudo: the processing runs for the system; what is noted is no content.
            trips = self.env["spp.email.round.trip"].sudo()  # nosemgrep
            trips._note_arrival(*attempt.facts["round_trip"], self.env["spp.email.inbound"].browse(claim.id))
        return super()._finish(claim, attempt, state, reason, **values)
