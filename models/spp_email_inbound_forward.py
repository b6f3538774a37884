# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who wrote a message that somebody passed on, and the way back from what was discarded."""

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.audit_action import AuditAction


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    original_sender = fields.Char(
        readonly=True,
        help="Address of who wrote a message that somebody else passed on, as that message says. Blank: that in From.",
    )

    def action_reconsider(self):
        """Put discarded messages into quarantine, where they can be routed, attached and answered.

        Raises:
            UserError: none of them is discarded, or the rules of retention have removed what they said.
        """
        contents = self.env["spp.email.content"]
        kept = self.filtered(lambda inbound: inbound.state == "discarded" and contents._load(inbound.id))
        if not kept:
            raise UserError(self.env._("Only discarded messages whose content is still there can be reconsidered."))
        what, action = self.env._("Back to quarantine"), AuditAction.RECONSIDERED
        kept._decide_all(what, {"state": "quarantined"}, ("discarded",), action=action)
        return True
