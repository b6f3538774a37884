# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Odoo's places for loop detection, while the gateway processes: the journal decides, for every model."""

from odoo import api, models

from ..engine.loop import Arrival
from .mail_thread import ATTEMPT


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _detect_loop_headers(self, msg_dict):
        """An answer to a notice was held before routing, or a person let it through."""
        if self.env.context.get(ATTEMPT) is not None:
            return False
        return super()._detect_loop_headers(msg_dict)

    @api.model
    def _detect_loop_sender(self, message, message_dict, routes):
        """Not Odoo's: it searches in the middle of addresses through all records, and only of models that have any."""
        attempt = self.env.context.get(ATTEMPT)
        if attempt is None:
            return super()._detect_loop_sender(message, message_dict, routes)
        if not routes:
            return False
        return self._gateway_loop_holds(attempt, message_dict, self._gateway_arrival(attempt, routes))

    @api.model
    def _gateway_loop_holds_action(self, attempt, summary):
        """Return whether the action of a mailbox is not run on a message; it counts as one that makes a record."""
        message_dict = {"to": summary.email_to, "subject": summary.subject, "message_id": summary.message_id}
        return self._gateway_loop_holds(attempt, message_dict, Arrival(attempt.facts.get("loop_sender") or ""))

    @api.model
    def message_route(self, message, message_dict, model=None, thread_id=None, custom_values=None):
        attempt = self.env.context.get(ATTEMPT)
        if attempt is not None and thread_id:
            attempt.facts["named_record"] = f"{model},{thread_id}"
        return super().message_route(message, message_dict, model, thread_id, custom_values)

    @api.model
    def _gateway_arrival(self, attempt, routes):
        """Return the engine's Arrival of a message with these routes of Odoo's."""
        sender = attempt.facts.get("loop_sender") or ""
        created = [model for model, record_id, *_rest in routes if not record_id]
        if created:
            return Arrival(sender, targets=tuple(created))
        # A mailbox, an alias or a rule may add all of its mail to one record: that is no conversation.
        named = {attempt.facts.get("named_record")}
        named |= {f"{route[0]},{route[4].alias_force_thread_id}" for route in routes if route[4]}
        if attempt.target and attempt.target.record_id:
            named.add(f"{attempt.target.model},{attempt.target.record_id}")
        reached = tuple(f"{model},{record_id}" for model, record_id, *_rest in routes)
        return Arrival(sender, True, reached, is_conversation=not named & set(reached))

    @api.model
    def _gateway_loop_holds(self, attempt, message_dict, arrival):
        # sudo: a program's mail is processed as its user, who need not see journal and breakers.
        loops = self.env["spp.email.loop"].sudo()  # nosemgrep
        if not loops._holds(attempt, arrival):
            return False
        loops._tell(attempt, message_dict)
        return True
