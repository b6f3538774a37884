# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Recipients on the suppression list are left out of what leaves, and what servers refuse is learned."""

from odoo import api, models
from odoo.tools import email_normalize

from ..engine.delivery import RecipientResult
from ..engine.gate import Refusal
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.suppression import MailClass, refusal_report
from ..engine.trace import TraceStep
from .mail_mail import RESULTS
from .transaction_answers import DISPATCHING


class SppEmailGate(models.AbstractModel):
    _inherit = "spp.email.gate"

    def _gates(self):
        return ["_gate_suppression", *super()._gates()]

    def _gate_suppression(self, departure, permit):
        """Refuse the recipients that the list has, each with its reason; the others get the mail."""
        refusals = self.env["spp.email.suppression"]._refusals(
            departure.recipients, departure.company_id, departure.mail_class
        )
        for recipient, text in refusals.items():
            permit.refused[recipient] = Refusal(OutboundState.SUPPRESSED, OutboundReason.SUPPRESSED, text)
        if refusals:
            permit.steps.append(TraceStep("suppression list", f"{len(refusals)} are on it", "left out"))

    def _note(self, departure, results):
        noted = super()._note(departure, results)
        # A test mail to a mistyped address is no reason to list anybody.
        if departure.mail_id:
            found = {address.lower(): refusal_report(address, result) for address, result in results.items()}
            found = {address: report for address, report in found.items() if report}
            if found:
                self.env["spp.email.suppression"]._learn_refusals(departure, found)
        return noted


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    @api.model
    def _prepare_smtp_to_list(self, message, smtp_session):
        """The list binds mail as well that is sent within a request, or past the queue by another addon."""
        recipients = super()._prepare_smtp_to_list(message, smtp_session)
        if DISPATCHING in self.env.context or not recipients:
            # The queue has asked its gates, which know what kind of mail it is.
            return recipients
        results = self.env.context.get(RESULTS)
        mail_class, company = MailClass.TRANSACTIONAL.value, self._gateway_company()
        if results is not None:
            # sudo: what kind of mail it is, of those that this request sends.
            mails = self.env["mail.mail"].sudo()  # nosemgrep
            mail = mails.search([("message_id", "=", message["Message-Id"])], limit=1)
            if mail:
                mail_class, company = mail._gateway_class(), mail._gateway_company()
        known = {address: email_normalize(address, strict=False) or address.lower() for address in recipients}
        refused = self.env["spp.email.suppression"]._refusals(set(known.values()), company.id, mail_class)
        if not refused:
            return recipients
        if results is not None:
            answers = {
                address: RecipientResult(OutboundState.SUPPRESSED, OutboundReason.SUPPRESSED, text=text)
                for address, text in refused.items()
            }
            results.setdefault(message["Message-Id"], {}).update(answers)
        return [address for address in recipients if known[address] not in refused]


class SppEmailDelivery(models.Model):
    _inherit = "spp.email.delivery"

    def _note_in_request(self, postings, results):
        noted = super()._note_in_request(postings, results)
        concerned = [
            postings[message_id][0].mail_id
            for message_id, said in results.items()
            if message_id in postings and any(one.state is OutboundState.SUPPRESSED for one in said.values())
        ]
        # Odoo calls a recipient who was left out an invalid one.
        messages = self.env["mail.message"]
        for mail in self.env["mail.mail"].browse(concerned).exists():
            messages |= mail._gateway_follow_notifications(mail.gateway_delivery_ids)
        messages.filtered(lambda message: message._is_thread_message())._notify_message_notification_update()
        return noted
