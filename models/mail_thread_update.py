# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Values that rules write to the existing record that a message reaches."""

from odoo import models

from ..engine.outcome import InboundReason
from .mail_thread import ATTEMPT


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    def message_update(self, msg_dict, update_vals=None):
        attempt = self.env.context.get(ATTEMPT)
        values = attempt and attempt.target and attempt.target.update_values.get(self._name)
        if not values:
            return super().message_update(msg_dict, update_vals)
        attempt.facts["updated"] = True
        attempt.trace.add("values for an existing record", f"fields {', '.join(values)}", f"{self._name}, {self.id}")
        return super().message_update(msg_dict, {**(update_vals or {}), **values})

    def _message_route_process(self, message, message_dict, routes):
        """
        Raises:
            ValueError: the model's own message_update does not call Odoo's, so that the values would be lost.
        """
        result = super()._message_route_process(message, message_dict, routes)
        attempt = self.env.context.get(ATTEMPT)
        if attempt is not None and attempt.target and attempt.target.update_values:
            reached = {model for model, record_id, _values, _user_id, _alias in routes or () if record_id}
            if reached & set(attempt.target.update_values) and not attempt.facts.get("updated"):
                error = ValueError(self.env._("Records of this kind take no values from messages."))
                error.inbound_reason = InboundReason.VALUE_MISFIT
                raise error
        return result
