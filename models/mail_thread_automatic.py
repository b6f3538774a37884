# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Automatic replies: a quiet note of the record that they answer, and never a new record."""

from markupsafe import escape

from odoo import api, models

from ..engine.automatic_policy import AutomaticPolicy
from ..engine.outcome import InboundReason, InboundState
from .mail_thread import ATTEMPT

SUBTYPE = "spp_email_gateway.mt_automatic_reply"


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _gateway_route(self, find_routes, message, message_dict, model, thread_id, custom_values, attempt):
        policy = attempt.facts.get("automatic_policy")
        arguments = (find_routes, message, message_dict, model, thread_id, custom_values, attempt)
        if policy in (None, AutomaticPolicy.ACCEPT):
            return super()._gateway_route(*arguments)
        if attempt.target and attempt.target.forced:
            # A person's decision: they know what it is.
            routes = super()._gateway_route(*arguments)
            attempt.facts["is_quiet"] = all(self._gateway_takes_quietly(route) for route in routes)
            return routes
        told = len(attempt.notices)
        try:
            routes = super()._gateway_route(*arguments)
        except ValueError as error:
            if type(error) is not ValueError:
                raise
            # Odoo's word for "no route".
            routes = []
        # A machine is told nothing.
        del attempt.notices[told:]
        kept = [route for route in routes if self._gateway_takes_quietly(route)]
        if policy is AutomaticPolicy.ATTACH and kept:
            attempt.facts["is_quiet"] = True
            attempt.trace.add("automatic reply", "the record that it answers", "attached quietly")
            if attempt.target and attempt.target.update_values:
                attempt.trace.add("values for an existing record", "an automatic reply", "not written")
            return kept
        found = "the record that it answers" if kept else "it answers no record"
        if attempt.facts["kind"].is_by_words:
            # People begin subjects with such words too.
            state, why = InboundState.QUARANTINED, "only its subject says so"
        else:
            state = InboundState.QUARANTINED if policy is AutomaticPolicy.QUARANTINE else InboundState.DISCARDED
            why = f"as the setting “{policy.value}” has it"
        attempt.trace.add("automatic reply", found, f"{state.value}, {why}")
        attempt.facts["automatic_end"] = (state, InboundReason.AUTOMATIC_REPLY)
        return []

    @api.model
    def _gateway_takes_quietly(self, route):
        model, record_id = route[:2]
        # Some models take mail and have no messages of their own, such as groups that pass it on.
        return bool(record_id and hasattr(self.env[model], "_message_create"))

    @api.model
    def _message_route_process(self, message, message_dict, routes):
        attempt = self.env.context.get(ATTEMPT)
        if attempt is None or not attempt.facts.get("is_quiet"):
            return super()._message_route_process(message, message_dict, routes)
        record_id = False
        for model, record_id, *_rest in routes:
            self.env[model].sudo().browse(record_id)._gateway_note_quietly(message_dict)  # nosemgrep: as Odoo's own
        return record_id

    def _gateway_note_quietly(self, message_dict):
        """Write an incoming message into the record's chatter and do nothing else.

        Odoo's message_update and message_post are where models reopen tickets, automations run and followers are told.

        Args:
            message_dict: of message_parse; its attachments are taken over.
        """
        self.ensure_one()
        # As Odoo: the gateway is nobody's author.
        thread = self.with_user(self.env.ref("base.user_root")).sudo()  # nosemgrep: the sender has no user here
        author_id, email_from = message_dict.get("author_id") or None, message_dict.get("email_from") or ""
        if email_from:
            # Without one OdooBot would be the author.
            author_id, email_from = thread._message_compute_author(author_id, email_from)
        values = {
            "author_id": author_id,
            "email_from": email_from,
            "model": self._name,
            "res_id": self.id,
            "body": escape(message_dict.get("body") or ""),
            "subject": message_dict.get("subject") or False,
            "message_type": "email",
            "message_id": message_dict["message_id"],
            "parent_id": thread._message_compute_parent_id(message_dict.get("parent_id") or False),
            "subtype_id": self.env["ir.model.data"]._xmlid_to_res_id(SUBTYPE, raise_if_not_found=False)
            or self.env["ir.model.data"]._xmlid_to_res_id("mail.mt_note"),
            # Customers in the portal have not written it.
            "is_internal": True,
            "email_add_signature": False,
            "record_alias_domain_id": thread._mail_get_alias_domains(default_company=self.env.company)[self.id].id,
            "record_company_id": thread._mail_get_companies(default=self.env.company)[self.id].id,
            "reply_to": thread._notify_get_reply_to(default=email_from, author_id=author_id)[self.id],
        }
        for name in ("date", "gateway_sender_mark", "gateway_sender_words"):
            if message_dict.get(name):
                values[name] = message_dict[name]
        values.update(thread._process_attachments_for_post(message_dict.get("attachments") or [], [], values))
        return thread._message_create([values])
