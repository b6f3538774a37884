# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""By what a message of the journal counts for the limits, and letting one through that was held."""

from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from ..engine.audit_action import AuditAction
from ..engine.loop import is_forged
from ..engine.outcome import InboundReason
from ..engine.sender_verdict import SenderResult
from .engine_text import EngineChar

NEW, REPLY = "new", "reply"
# As the index has it.
DOMAIN = "substring(loop_sender from '[^@]*$')"
DATE = "COALESCE(loop_date, received_date)"
LOOP_REASONS = (InboundReason.LOOP.value, InboundReason.TOO_MANY_HOPS.value)


class SppEmailInbound(models.Model):
    _inherit = "spp.email.inbound"

    loop_sender = fields.Char(
        "Counted Sender",
        readonly=True,
        help="Whose limits count: the sender in From; of what a named forwarder passed on, who wrote it.",
    )
    loop_count = fields.Selection(
        [(NEW, "Made a record"), (REPLY, "Added to a record")],
        string="Counts As",
        readonly=True,
        help="Blank: it counts for no limit.",
    )
    loop_date = fields.Datetime(
        "Counted At", readonly=True, help="When its mail server took it. Blank: when it was received here."
    )
    loop_target = fields.Char("Counted Target", readonly=True)
    loop_held_by = EngineChar("Held by Limit", readonly=True)
    is_loop_released = fields.Boolean(
        "Let Through", readonly=True, help="A person let it through: it is not held as a loop, and does not count."
    )

    # Only what counts, the newest first at hand: a count ends at its limit, however much there is.
    _loop_sender_index = models.Index(f"(loop_sender, loop_count, {DATE}) WHERE loop_count IS NOT NULL")
    _loop_domain_index = models.Index(f"({DOMAIN}, {DATE}) WHERE loop_count IS NOT NULL")
    _loop_target_index = models.Index(f"(loop_target, {DATE}) WHERE loop_count = 'reply'")
    _loop_held_index = models.Index("(loop_held_by, company_id) WHERE loop_held_by IS NOT NULL")

    def action_ask_release(self):
        """Open the dialog that lets messages through which were held as a loop."""
        held = self.filtered(lambda inbound: inbound.state == "quarantined" and inbound.reason in LOOP_REASONS)
        if not held:
            raise UserError(self.env._("None of these messages is held as a mail loop."))
        return held._open_wizard("spp.email.loop.release", self.env._("Release"))

    def _release(self, is_allowed=False):
        """Process messages that were held as a loop, whatever the limits say; return those decided.

        Args:
            is_allowed: put their senders on Odoo's list of those who may send without limit.

        Raises:
            AccessError: the user may not decide, or may not change the list.
            UserError: nothing is left to decide on; or a sender who is to be put on the list is forged.
        """
        self._check_may_decide()
        if is_allowed and not self.env.user.has_group("spp_email_gateway.group_email_gateway_manager"):
            raise AccessError(self.env._("Only managers of the email gateway let a sender write without limit."))
        forged = self.filtered(lambda inbound: inbound._is_from_forger()) if is_allowed else self.browse()
        if forged:
            raise UserError(
                self.env._(
                    "The sender of %s of these messages is forged: somebody else wrote in that name, and would be let "
                    "in without limit. Release them without accepting all mail, or choose only the others.",
                    len(forged),
                )
            )
        what = self.env._("Release, and accept all mail of the sender") if is_allowed else self.env._("Release")
        senders = {one.id: one.loop_sender or one.sender for one in self}
        values = {"is_loop_released": True, "loop_held_by": False}
        detail = self.env._("and accepted all mail of the sender") if is_allowed else ""
        decided = self._send_on(what, values=values, action=AuditAction.RELEASED, detail=detail)
        if is_allowed:
            # sudo: the list is the administrators'; managers of the gateway decide what comes in.
            breakers = self.env["spp.email.loop.breaker"].sudo()  # nosemgrep
            breakers._allow({senders[one] for one in decided.ids})
        return decided

    def _is_from_forger(self):
        """Return whether the sender is shown not to be who the message says."""
        self.ensure_one()
        return is_forged(self.loop_sender or "") or self.sender_result == SenderResult.FAIL.value
