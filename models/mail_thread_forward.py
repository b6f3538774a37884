# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The author of a mail that a forwarder passed on."""

from odoo import api, models
from odoo.tools import email_normalize, formataddr

from ..engine.sender_address import plain_address
from ..engine.sender_verdict import SenderResult
from .mail_thread import ATTEMPT


class MailThread(models.AbstractModel):
    _inherit = "mail.thread"

    @api.model
    def message_parse(self, message, save_original=False):
        parsed = super().message_parse(message, save_original=save_original)
        attempt = self.env.context.get(ATTEMPT)
        forwarding = attempt and attempt.facts.get("forwarding")
        if forwarding and forwarding.is_named and forwarding.sender:
            self._gateway_take_original_sender(parsed, forwarding, attempt)
        return parsed

    @api.model
    def _gateway_take_original_sender(self, parsed, forwarding, attempt):
        """Let a mail be from who wrote it, as a forwarder that the mailbox names says.

        What a forwarder carries anybody can have sent to it, so that it never makes the writer one of ours.
        """
        verdict = attempt.facts.get("sender_verdict")
        if verdict is not None and verdict.result is SenderResult.FAIL:
            attempt.trace.add("the forwarder", "not who it claims to be", "what it says of the sender is ignored")
            return
        parsed["email_from"] = parsed["from"] = formataddr((forwarding.name, forwarding.sender))
        # Asked before it is denied below.
        sender = plain_address(forwarding.sender) or forwarding.sender
        is_ours = self.env["spp.email.preparation"]._are_ours([sender])
        if is_ours or self._mail_find_user_for_gateway(forwarding.sender):
            attempt.facts["denied_author"] = email_normalize(forwarding.sender) or forwarding.sender
            attempt.trace.add("the original sender", "one of ours, which a forwarder cannot prove", "no author")
        else:
            attempt.trace.add("the original sender", "told by a forwarder of the mailbox", "it is the sender")

    def _partner_find_from_emails(
        self,
        records_emails,
        avoid_alias=True,
        ban_emails=None,
        filter_found=None,
        additional_values=None,
        no_create=False,
    ):
        """While the gateway processes, know nobody by an address that a forwarder cannot prove."""
        attempt = self.env.context.get(ATTEMPT)
        denied = attempt.facts.get("denied_author") if attempt is not None else None
        if denied:
            records_emails = {
                record: [email for email in emails if email_normalize(email, strict=False) != denied]
                for record, emails in records_emails.items()
            }
        return super()._partner_find_from_emails(
            records_emails,
            avoid_alias=avoid_alias,
            ban_emails=ban_emails,
            filter_found=filter_found,
            additional_values=additional_values,
            no_create=no_create,
        )
