# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Odoo's search for author and user of a message, while the gateway processes one whose sender is not proved."""

from contextlib import contextmanager
from dataclasses import replace

from odoo import api, models
from odoo.tools import email_normalize

from ..engine.attempt import Attempt
from ..engine.sender_address import plain_address
from ..engine.sender_policy import SenderDecision, SenderMark
from .mail_thread import ATTEMPT
from .spp_email_sender_step import ADDRESS, DECISION, UNLESS_ANSWER


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _gateway_sender(self):
        """Return (Attempt, SenderDecision) while the gateway processes a message whose sender was asked about.

        (None, None) everywhere else. The context may come from a caller of an RPC, who cannot make an Attempt.
        """
        attempt = self.env.context.get(ATTEMPT)
        if not isinstance(attempt, Attempt) or not attempt.facts.get(DECISION):
            return None, None
        return attempt, attempt.facts[DECISION]

    @api.model
    def message_route(self, message, message_dict, model=None, thread_id=None, custom_values=None):
        attempt, decision = self._gateway_sender()
        if decision:
            decision = self._gateway_decide_again(attempt, decision, message_dict)
            if not decision.is_author:
                # Whoever put it there did not know.
                message_dict.pop("author_id", None)
        return super().message_route(message, message_dict, model, thread_id, custom_values)

    @api.model
    def _gateway_route(self, find_routes, message, message_dict, model, thread_id, custom_values, attempt):
        """Hold what the policy lets pass as an answer, and what is none: anybody may name a Message-ID."""
        arguments = (find_routes, message, message_dict, model, thread_id, custom_values, attempt)
        held, target = attempt.facts.get(UNLESS_ANSWER), attempt.target
        if not held or (target and target.forced):
            return super()._gateway_route(*arguments)
        told = len(attempt.notices)
        try:
            routes = super()._gateway_route(*arguments)
        except ValueError as error:
            # Odoo's word for "no route"; a subclass is a fault of somebody's code.
            if type(error) is not ValueError:
                raise
            routes = []
        if routes and all(self._gateway_is_reply(route, model, thread_id, target) for route in routes):
            return routes
        del attempt.notices[told:]
        attempt.trace.add("sender", "not proved, and added to no record that it answers", held.words)
        attempt.fate = held.state, held.reason
        return []

    @api.model
    def _gateway_decide_again(self, attempt, decision, message_dict):
        """Return the decision about the very address that Odoo believes, which is kept in the facts.

        Odoo reads the From field by itself, and another step may have put an original sender in its place: what was
        proved of one address says nothing about another.
        """
        believed = plain_address(email_normalize(message_dict.get("email_from") or "", strict=False) or "")
        attempt.facts["sender_believed"] = believed
        # What is proved needs no address, and what is false is not made true by one.
        is_open = not decision.is_author and not decision.is_false
        holder = is_open and self._gateway_holder(attempt, believed)
        if holder:
            attempt.trace.add("signed reply address", f"given to contact {holder.id}", "who is the author")
            # The mark stays: whoever sees a copy of an answer has the address.
            decision = replace(decision, is_author=True)
            message_dict["author_id"] = holder.id
            key = attempt.facts["reply_key"]
            attempt.facts["author_of"] = key["model"], key["res_id"]
        elif believed != attempt.facts[ADDRESS].address:
            is_told = getattr(attempt.facts.get("forwarding"), "is_named", False)
            # Who passed it on may be of ours; it is about who wrote.
            named = [*([believed] if believed else []), *(() if is_told else attempt.facts[ADDRESS].named)]
            is_ours = self.env["spp.email.preparation"]._are_ours(named)
            if is_told and not is_ours and not decision.is_false:
                decision = SenderDecision(words="told by a forwarder of the mailbox")
            elif is_ours:
                mark = decision.mark if decision.mark in (None, SenderMark.FORGED) else SenderMark.UNPROVED
                decision = replace(
                    decision, is_author=False, is_user=False, opens_restricted=False, mark=mark, is_proved=False
                )
            elif decision.mark is SenderMark.PROVED:
                decision = replace(decision, mark=None, is_proved=False)
            attempt.trace.add(
                "sender that Odoo takes",
                "another one than was checked",
                "it has no author, and acts as nobody" if is_ours else "not proved",
            )
        attempt.facts[DECISION] = decision
        return decision

    @api.model
    def _gateway_holder(self, attempt, believed):
        """Return the contact that a valid signed reply address was given to, if the message is from their address.

        It is their answer then, also where nothing else proves it. They do not act as a user by it: whoever gets a copy
        of an answer sees the address. An answer from another address is that sender's: the mail was passed on.
        """
        key = attempt.facts.get("reply_key") or {}
        partners = self.env["res.partner"]
        # sudo: the token names the contact; its address is compared, and nothing of it shown.
        holder = partners.sudo().browse(key.get("partner_id") or ()).exists()  # nosemgrep
        if holder and believed and plain_address(holder.email_normalized or "") == believed:
            return holder
        return partners

    @api.model
    def _routing_check_route(self, message, message_dict, route, raise_exception=True):
        """Keep aliases that are not for everybody closed to senders that are not proved.

        Some models look at the From field itself (hr), so that taking the author away is not enough. An answer to a
        message that is here stays with its record, without an author, unless its sender is shown to be false, or names
        somebody to whom the alias is closed: an honest stranger finds it closed too.
        """
        attempt, decision = self._gateway_sender()
        alias = route[4]
        if not decision or decision.opens_restricted or not alias or alias.alias_contact == "everyone":
            return super()._routing_check_route(message, message_dict, route, raise_exception)
        model, record_id = route[0], route[1]
        is_answer = record_id and record_id != alias.alias_force_thread_id
        is_open = is_answer and not decision.is_false and self.env[model].browse(record_id).exists()
        if is_open:
            with self._gateway_as_claimed(attempt):
                # A copy: whom Odoo notes there as the author is not the message's.
                is_open = super()._routing_check_route(message, {**message_dict}, route, raise_exception=False)
        if is_open:
            attempt.trace.add("sender", "not proved", "added to the record that it answers, without an author")
            open_route = (*route[:4], self.env["mail.alias"])
            return super()._routing_check_route(message, message_dict, open_route, raise_exception)
        attempt.facts["sender_refused"] = True
        attempt.trace.add(f"alias {alias.id}", "not for everybody, and the sender is not proved", "closed")
        return False

    @api.model
    def _routing_reset_bounce(self, email_message, message_dict):
        """Forget no bounces of a contact in whose name somebody else writes."""
        _attempt, decision = self._gateway_sender()
        if decision and (decision.is_false or not decision.is_author):
            return None
        return super()._routing_reset_bounce(email_message, message_dict)

    @contextmanager
    def _gateway_as_claimed(self, attempt):
        """Context: Odoo finds the contact that a message only claims to come from, to ask an alias about it."""
        told = len(attempt.notices)
        attempt.facts["takes_claim"] = True
        try:
            yield
        finally:
            del attempt.facts["takes_claim"]
            # Whoever is named wrote nothing.
            del attempt.notices[told:]

    @api.model
    def _mail_find_user_for_gateway(self, email_value, alias=None):
        _attempt, decision = self._gateway_sender()
        if decision and not decision.is_user:
            return self.env["res.users"]
        user = super()._mail_find_user_for_gateway(email_value, alias=alias)
        # Who has an account in the portal is not to be written for, either, because somebody gives that address.
        return user if not decision or decision.is_proved or not user.share else self.env["res.users"]

    def _partner_find_from_emails_single(self, emails, *args, no_create=False, **options):
        """Do not find the contact that a message only claims to come from, where Odoo looks for its author.

        Searches that may make contacts are left alone: they look for a customer, and would make a second one.
        """
        attempt, decision = self._gateway_sender()
        if decision and not decision.is_author and no_create and not attempt.facts.get("takes_claim"):
            claimed = {*attempt.facts[ADDRESS].named, attempt.facts.get("sender_believed")}
            emails = [email for email in emails if _compared(email) not in claimed]
        return super()._partner_find_from_emails_single(emails, *args, no_create=no_create, **options)

    @api.model
    def _message_parse_post_process(self, message, message_dict, routes):
        values = super()._message_parse_post_process(message, message_dict, routes)
        attempt, decision = self._gateway_sender()
        if not decision:
            return values
        # Without a From field Odoo would take its own robot for the author.
        holder_of = attempt.facts.get("author_of")
        is_elsewhere = bool(holder_of) and any((model, record_id) != holder_of for model, record_id, *_rest in routes)
        if not decision.is_author or is_elsewhere or not message_dict.get("email_from"):
            values["author_id"] = False
        if decision.mark:
            values["gateway_sender_mark"] = decision.mark.value
            values["gateway_sender_words"] = " ".join(attempt.facts["sender_verdict"].reasons)
        return values

    def _get_message_create_valid_field_names(self):
        names = super()._get_message_create_valid_field_names()
        _attempt, decision = self._gateway_sender()
        # From anybody else a message is not taken as proved.
        return names | {"gateway_sender_mark", "gateway_sender_words"} if decision else names


def _compared(email):
    """Return an address in the form in which senders are compared."""
    normalized = email_normalize(email, strict=False) or email
    return plain_address(normalized) or normalized
