# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the journal keeps about senders, and a person's word for one."""

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine.audit_action import AuditAction
from ..engine.outcome import InboundReason, selection
from ..engine.sender_verdict import SENDER_RESULT_WORDS


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    sender_result = fields.Selection(
        selection(SENDER_RESULT_WORDS), string="Sender", readonly=True, help="Blank: it was not asked."
    )
    sender_reasons = fields.Text("Why", readonly=True)
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
        waiting = self.filtered(lambda inbound: inbound.reason == InboundReason.SENDER_NOT_PROVED.value)
        if not waiting:
            raise UserError(self.env._("Only messages that wait because of their sender can be accepted."))
        ids = waiting.ids

        def accept(env):
            # sudo: the column is readonly for everybody; the right to decide is checked where this is called.
            chosen = env[self._name].sudo().browse(ids)  # nosemgrep
            chosen.filtered(lambda inbound: inbound.state == "received").write({"is_sender_accepted": True})

        what, action = self.env._("Accept the sender"), AuditAction.SENDER_ACCEPTED
        return waiting._send_on(what, before=accept, action=action)._show_outcome()
