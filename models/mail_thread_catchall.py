# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail that a person writes to the catchall itself, while the gateway processes messages."""

from odoo import api, models
from odoo.tools import email_split

from ..engine.catchall import CatchallPolicy, quote, quote_briefly
from ..engine.outcome import InboundReason
from .mail_thread import ATTEMPT

LOOKED_AT = "written to the catchall, and no answer"


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def _detect_write_to_catchall(self, msg_dict):
        """Leave such mail to the mailbox where the alias domain says so."""
        found = super()._detect_write_to_catchall(msg_dict)
        attempt = self.env.context.get(ATTEMPT)
        if attempt is None or not found:
            return found
        domain = self._gateway_catchall_domain(msg_dict)
        policy = CatchallPolicy(domain.gateway_catchall_policy or CatchallPolicy.BOUNCE.value)
        if policy is CatchallPolicy.FALLBACK:
            attempt.trace.add(LOOKED_AT, "new mail, as its alias domain has it", "the mailbox decides")
            return False
        attempt.refusal = InboundReason.NOT_FOR_WRITING
        attempt.facts["catchall"] = (domain, policy, msg_dict)
        return found

    @api.model
    def _gateway_catchall_domain(self, msg_dict):
        """Return the alias domain whose catchall is among the recipients."""
        wanted = {address.lower() for address in email_split(msg_dict["to"])}
        every = self.env["mail.alias.domain"].search([])  # pylint: disable=no-search-all
        return next((one for one in every if (one.catchall_email or "").lower() in wanted), every[:1])

    @api.model
    def _gateway_quoted(self, message, message_dict):
        """Return what a notice quotes of a message: its text; of a sender who is not proved its first words.

        Whoever writes in somebody's name would have us carry his links and advertisements to that person.
        """
        attempt, decision = self._gateway_sender()
        body = message_dict.get("body") or ""
        if attempt and self.env["spp.email.inbound"].browse(attempt.inbound_id)._is_confidential():
            # Whoever reads what was sent need not be of the team.
            return quote_briefly("", message.get("Date") or "", "")
        if decision and decision.is_proved:
            return quote(body)
        return quote_briefly(message_dict.get("subject") or "", message.get("Date") or "", body)

    def _routing_create_bounce_email(self, email_from, body_html, message, **mail_values):
        """In the place of Odoo's notice, note one that has the message's text, its company and a language.

        Odoo gives its text the message as it came, in which there are no such fields: it says "Hello ," and quotes
        nothing.
        """
        attempt = self.env.context.get(ATTEMPT)
        written = attempt.facts.pop("catchall", None) if attempt is not None else None
        if written is None:
            return super()._routing_create_bounce_email(email_from, body_html, message, **mail_values)
        domain, policy, message_dict = written
        intent = None
        if policy is CatchallPolicy.BOUNCE:
            text = self._gateway_quoted(message, message_dict)
            intent = domain._gateway_catchall_notice(message, message_dict, mail_values.get("references"), text)
        if intent:
            attempt.notices.append(intent)
        attempt.trace.add(
            LOOKED_AT,
            "not for writing, as its alias domain has it",
            "quarantine, and a notice to the sender" if intent else "quarantine",
        )
        return None
