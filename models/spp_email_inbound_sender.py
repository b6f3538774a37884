# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the journal keeps about senders, and a person's word for one."""

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.audit_action import AuditAction
from ..engine.outcome import InboundReason, selection
from ..engine.sender_verdict import SENDER_RESULT_WORDS
from .engine_text import EngineText


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    sender_result = fields.Selection(
        selection(SENDER_RESULT_WORDS), string="Sender", readonly=True, help="Blank: it was not asked."
    )
    sender_reasons = EngineText("Why", readonly=True)
    is_author_withheld = fields.Boolean(
        "Without Author",
        readonly=True,
        help="It claims one of our domains or users and is not proved, so that it has no author and acts as nobody.",
    )
    is_sender_accepted = fields.Boolean(
        "Sender Accepted", readonly=True, help="A person said that the sender is who the message says."
    )

    _author_withheld_index = models.Index("(received_date) WHERE is_author_withheld")

    def action_accept_sender(self):
        """Process messages that wait because of their sender, as if the sender were proved."""
        self._check_may_decide()
        reason = InboundReason.SENDER_NOT_PROVED.value
        waiting = self.filtered(lambda inbound: inbound.reason == reason)
        if not waiting:
            raise UserError(self.env._("Only messages that wait because of their sender can be accepted."))
        # Asked again under the lock: it may wait for another reason by now, which is tried again and no more.
        accepted = {"is_sender_accepted": lambda one: one.is_sender_accepted or one.reason == reason}
        what, action = self.env._("Accept the sender"), AuditAction.SENDER_ACCEPTED
        return waiting._send_on(what, values=accepted, action=action)._show_outcome()
