# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Answers: into which thread they go, and whether they may."""

from odoo import api, models

from ..engine.outcome import InboundReason, InboundSource


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _gateway_route(self, find_routes, message, message_dict, model, thread_id, custom_values, attempt):
        """Find the thread by a signed reply address, and hold what may not be posted there."""
        target = attempt.target
        is_decided = bool(target and target.model and target.forced)
        if not is_decided and not attempt.is_bounce:
            self._gateway_follow_reply_key(message_dict, attempt)
        routes = super()._gateway_route(
            find_routes, message, message_dict, model, thread_id, custom_values, attempt
        )
        permission = self.env["spp.email.reply.permission"]
        if is_decided or attempt.is_bounce or not routes or not permission._is_asked():
            return routes
        return [
            route
            for route in routes
            if not (
                self._gateway_is_reply(route, model, thread_id, target)
                or self._gateway_is_named_by_a_program(route, model, thread_id, attempt)
            )
            or self._gateway_may_reply(permission, route, message_dict, attempt)
        ]

    @api.model
    def _gateway_follow_reply_key(self, message_dict, attempt):
        """Let Odoo see the answer as one to the message that a valid signed address names.

        Where the message names another one of the same thread, that stays: it is the one that was answered, and may be
        an internal note. A foreign thread in References does not count: anybody can write them.
        """
        key = attempt.facts.get("reply_key")
        if not key or not key["message_id"]:
            return
        # sudo: the key is ours, so that its thread is known to who sent this.
        messages = self.env["mail.message"].sudo()  # nosemgrep
        parent = messages.browse(message_dict.get("parent_id") or ())
        if (parent.model, parent.res_id) != (key["model"], key["res_id"]):
            parent = messages.browse(key["message"])
            for name in ("parent_id", "is_internal"):
                message_dict.pop(name, None)
            # An answer to an internal note stays one.
            message_dict.update(self._message_parse_extract_from_parent(parent))
        message_dict["references"] = parent.message_id

    @api.model
    def _gateway_is_reply(self, route, model, thread_id, target):
        """Return whether a route of Odoo's is into a thread that the sender chose, by References or a key.

        An alias that leads to one record, a mailbox that attaches to one, and a rule that names one are their
        administrator's decision.
        """
        route_model, record_id, _values, _user_id, alias = route
        if not record_id or (alias and alias.alias_force_thread_id == record_id):
            return False
        if (route_model, record_id) == (model, thread_id) and not alias:
            return False
        return not (target and (target.model, target.record_id) == (route_model, record_id))

    @api.model
    def _gateway_is_named_by_a_program(self, route, model, thread_id, attempt):
        """Return whether a route is to the record that a caller of message_process names: any user may call it."""
        if not thread_id or tuple(route[:2]) != (model, thread_id) or attempt.target and attempt.target.model:
            return False
        # sudo: a program's mail is processed as its user; only the way in is looked at.
        inbound = self.env["spp.email.inbound"].sudo().browse(attempt.inbound_id)  # nosemgrep
        return inbound.source == InboundSource.RPC.value

    @api.model
    def _gateway_may_reply(self, permission, route, message_dict, attempt):
        record = self.env[route[0]].browse(route[1])
        allowed, step = permission._judge(record, message_dict, attempt.facts)
        attempt.trace.extend([step])
        if not allowed:
            attempt.refusal = InboundReason.REPLY_NOT_ALLOWED
            attempt.facts["reply_refused"] = self.env._(
                "It answers %(model)s, record %(record)s: %(why)s. If it belongs there, attach it to that record.",
                model=route[0],
                record=route[1],
                why=step.found,
            )
        return allowed
