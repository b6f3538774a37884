# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the gateway learns from, and adds to, Odoo's own processing of a message."""

from odoo import api, models
from odoo.tools import email_normalize

from ..engine.attempt import NoticeIntent
from ..engine.charset import name_known_charsets
from ..engine.outcome import InboundReason
from .transaction_answers import answers, forget

# Context key of the engine.attempt.Attempt while the gateway processes a message; absent everywhere else, where
# all of these methods do just what Odoo's do.
ATTEMPT = "spp_email_attempt"


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def message_process(
        self, model, message, custom_values=None, save_original=False, strip_attachments=False, thread_id=None
    ):
        """Journal what a program such as odoo-mailgate.py hands over, before anything can go wrong with it."""
        if self.env.context.get(ATTEMPT) is None and self.env["spp.email.reception"]._is_call_from_outside(self):
            return self.env["spp.email.reception"]._receive_call(
                message,
                {
                    "model": model or None,
                    "custom_values": custom_values,
                    "save_original": save_original,
                    "strip_attachments": strip_attachments,
                    "thread_id": thread_id,
                },
            )
        return super().message_process(model, message, custom_values, save_original, strip_attachments, thread_id)

    @api.model
    def message_parse(self, message, save_original=False):
        attempt = self.env.context.get(ATTEMPT)
        if attempt is not None:
            for charset in name_known_charsets(message):
                attempt.trace.add("charset of a text", f"{charset}, unknown", "read as UTF-8 or Latin-1")
        parsed = super().message_parse(message, save_original=save_original)
        if attempt is not None:
            for name, value in parsed.items():
                # PostgreSQL keeps no text with a zero byte in it.
                if isinstance(value, str) and "\0" in value:
                    parsed[name] = value.replace("\0", "")
        return parsed

    @api.model
    def message_route(self, message, message_dict, model=None, thread_id=None, custom_values=None):
        attempt = self.env.context.get(ATTEMPT)
        if attempt is None:
            return super().message_route(message, message_dict, model, thread_id, custom_values)
        attempt.routed = True
        attempt.message_id = message_dict.get("message_id") or ""
        attempt.is_bounce = bool(message_dict.get("is_bounce"))
        try:
            routes = self._gateway_route(
                super().message_route, message, message_dict, model, thread_id, custom_values, attempt
            )
        except ValueError as error:
            # Odoo's word for "no route"; other addons wait for this very type, so it is only labelled. A subclass,
            # such as UnicodeDecodeError, is a fault of somebody's code.
            if type(error) is ValueError:
                error.inbound_reason = InboundReason.NO_ROUTE
            raise
        for route_model, record_id, _values, _user_id, alias in routes:
            target = f"{route_model}, record {record_id}" if record_id else f"a new {route_model}"
            if attempt.target and attempt.target.model and not alias:
                why = attempt.target.why
            elif alias:
                why = f"alias {alias.id}"
            else:
                why = "reply to a known message" if record_id and record_id != thread_id else "setting of the mailbox"
            attempt.trace.add("routes", why, target)
            if not record_id:
                attempt.creates = route_model
            else:
                attempt.updates.append((route_model, record_id))
        return routes

    @api.model
    def _gateway_route(self, find_routes, message, message_dict, model, thread_id, custom_values, attempt):
        """Return Odoo's routes, changed by what is known beyond the headers: envelope recipient, rules, a person.

        Args:
            find_routes: Odoo's ``message_route``; the other arguments are its own.
        """
        target = attempt.target
        if target and target.model and target.forced:
            attempt.is_bounce = False
            return self._gateway_decided_route(message, message_dict, target)
        if attempt.envelope_recipients:
            # For these the server delivered it, whatever To and Cc say: a Bcc'd alias is in neither, and the other
            # aliases in them have copies of their own.
            attempt.trace.add("envelope recipient", "an alias of ours", "instead of To and Cc")
            message_dict["recipients"] = ", ".join(attempt.envelope_recipients)
        told = len(attempt.notices)
        routes = find_routes(message, message_dict, model, thread_id, custom_values)
        if not target or attempt.is_bounce:
            return routes
        if target.model:
            is_reply = any(
                record_id and record_id != thread_id and not (alias and alias.alias_force_thread_id == record_id)
                for _model, record_id, _values, _user_id, alias in routes
            )
            if is_reply:
                return routes
            # What an alias's policy refused is not refused where the rule sends it.
            del attempt.notices[told:]
            return self._gateway_decided_route(message, message_dict, target)
        return [
            (name, record_id, values if record_id else {**(values or {}), **target.values_for_new(name)}, *rest)
            for name, record_id, values, *rest in routes
        ]

    @api.model
    def _gateway_decided_route(self, message, message_dict, target):
        message_dict.pop("parent_id", None)
        user = self._mail_find_user_for_gateway(message_dict["email_from"])
        values = target.values_for_new(target.model)
        route = (target.model, target.record_id or None, values, user.id or self.env.uid, None)
        # A model or record that is gone, or a model that takes no mail, is an error here, with the words for it.
        return [self._routing_check_route(message, message_dict, route, raise_exception=True)]

    @api.model
    def message_new(self, msg_dict, custom_values=None):
        """Create the record, or find the one that an attempt before this created and could not finish.

        A callee may commit in the middle of its work (account does), so that an attempt that dies afterwards leaves
        its record behind. The stamp is written in the transaction that creates the record: both are there or none.
        """
        attempt = self.env.context.get(ATTEMPT)
        if attempt is None:
            return super().message_new(msg_dict, custom_values)
        stamps = self.env["spp.email.inbound.record"].sudo()  # nosemgrep: the journal is not the sender's to write
        attempt.created += 1
        record = None if attempt.is_first else stamps._find(attempt.inbound_id, attempt.created, self._name)
        if record is not None:
            attempt.records.append((record._name, record.id))
            attempt.trace.add("record of an earlier attempt", f"{record._name}, record {record.id}", "used again")
            return self.browse(record.id)
        record = super().message_new(msg_dict, custom_values)
        if record:
            stamps._stamp(attempt.inbound_id, attempt.created, record)
            attempt.records.append((record._name, record.id))
        return record

    @api.model
    def fields_get(self, allfields=None, attributes=None):
        """While the gateway processes, describe all fields of a model once a run and not once a message."""
        attempt = self.env.context.get(ATTEMPT)
        if attempt is None or allfields is not None or attributes is not None:
            return super().fields_get(allfields, attributes)
        key = (self._name, self.env.uid, self.env.su, self.env.lang)
        if key not in attempt.run.descriptions:
            attempt.run.descriptions[key] = super().fields_get()
        return dict(attempt.run.descriptions[key])

    @api.model
    def _routing_reset_bounce(self, email_message, message_dict):
        """Ask all records for bounces of the sender only where there are any."""
        if self.env.context.get(ATTEMPT) is not None:
            bounced = answers(self.env).get("bounced")
            sender = email_normalize(message_dict.get("email_from"))
            if bounced is not None and sender in answers(self.env).get("senders", ()) and sender not in bounced:
                return None
        return super()._routing_reset_bounce(email_message, message_dict)

    @api.model
    def _routing_handle_bounce(self, email_message, message_dict):
        result = super()._routing_handle_bounce(email_message, message_dict)
        # Others of the same batch may be from whom it bounced for.
        forget(self.env, "bounced")
        return result

    def _routing_create_bounce_email(self, email_from, body_html, message, **mail_values):
        """While the gateway processes, only note what Odoo would send here, inside the message's transaction."""
        attempt = self.env.context.get(ATTEMPT)
        if attempt is None:
            return super()._routing_create_bounce_email(email_from, body_html, message, **mail_values)
        kept = tuple((key, str(mail_values[key])) for key in ("references", "reply_to") if mail_values.get(key))
        attempt.notices.append(
            NoticeIntent(email_from or "", f"Re: {message.get('subject') or ''}", str(body_html or ""), kept)
        )
        return None
