# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail from an intake for an address of ours that nobody has waits, whatever its headers say.

They name others, who have copies of their own: routed by them, one mail would become two records.
"""

from odoo import models

from ..engine.unknown_recipient import hold_unknown_recipient


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _steps(self, inbound, content):
        steps = super()._steps(inbound, content)
        if inbound.intake_id and inbound.envelope_recipient:
            steps.append(hold_unknown_recipient(inbound.intake_id._judge(inbound.envelope_recipient)))
        return steps
