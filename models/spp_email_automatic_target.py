# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The end of automatic replies that reach no record."""

from odoo import models


class SppEmailTarget(models.AbstractModel):
    _inherit = "spp.email.target"

    def _deliver(self, mailbox, threads, inbound, content, attempt):
        outcome = super()._deliver(mailbox, threads, inbound, content, attempt)
        # What Odoo's routing makes of no routes is a refusal, and the sender's fault; this is neither.
        return attempt.facts.get("automatic_end") or outcome
