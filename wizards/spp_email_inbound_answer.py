# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Answering the sender of a message that became no record."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import is_html_empty

from ..engine.audit_action import AuditAction
from ..engine.notice import may_answer
from ..engine.outcome import InboundReason, InboundState
from ..engine.recipient import answer_address, answer_references
from ..engine.sender_verdict import SenderResult


class SppEmailInboundAnswer(models.TransientModel):
    _name = "spp.email.inbound.answer"
    _inherit = ["spp.email.inbound.wizard"]
    _description = "Answer the Sender of Incoming Emails"

    template_id = fields.Many2one("mail.template", domain=[("model", "=", "spp.email.inbound")])
    subject = fields.Char(compute="_compute_subject", store=True, readonly=False)
    body = fields.Html(compute="_compute_body", store=True, readonly=False)
    is_discarded = fields.Boolean("Discard Afterwards", default=True, help="Otherwise it stays in quarantine.")
    recipient_text = fields.Text("To", compute="_compute_recipient_text")
    refusal_text = fields.Text("Not Answered", compute="_compute_recipient_text")
    warning_text = fields.Text("Sender Not Proved", compute="_compute_recipient_text")

    @api.depends("inbound_ids")
    def _compute_recipient_text(self):
        for wizard in self:
            chosen = wizard._chosen()
            judged = [wizard._judge(inbound) for inbound in chosen]
            wizard.recipient_text = "\n".join(address for address, why, _references in judged if not why)
            wizard.refusal_text = "\n".join(
                self.env._("%(subject)s: %(why)s", subject=inbound.display_name, why=why)
                for inbound, (_address, why, _references) in zip(chosen, judged, strict=True)
                if why
            )
            wizard.warning_text = "\n".join(
                self.env._("%(subject)s: %(doubt)s", subject=inbound.display_name, doubt=doubt)
                for inbound, (_address, why, _references) in zip(chosen, judged, strict=True)
                if not why and (doubt := wizard._doubt(inbound))
            )

    def _doubt(self, inbound):
        """Return why an answer may reach somebody who wrote nothing; "" where that is not known to be so.

        It does not keep a person from answering: a mailing list or a careless server makes mail look forged, too.
        """
        if inbound.is_sender_accepted:
            return ""
        if inbound.sender_result == SenderResult.FAIL.value:
            return self.env._("the sender is shown not to be who the message says. %s", inbound.sender_reasons or "")
        if inbound.reason == InboundReason.SENDER_NOT_PROVED.value or inbound.is_author_withheld:
            return self.env._("it claims to be of ours, and nothing proves it.")
        return ""

    # One message is shown its own text; for several a template speaks to each by itself. Two methods: Odoo computes
    # none of a method's fields when one of them is given.
    @api.depends("template_id", "inbound_ids")
    def _compute_subject(self):
        for wizard in self:
            mine = wizard._as_its_user()
            chosen = mine._chosen()
            wizard.subject = mine._text(chosen)[0] if len(chosen) == 1 else False

    @api.depends("template_id", "inbound_ids")
    def _compute_body(self):
        for wizard in self:
            mine = wizard._as_its_user()
            chosen = mine._chosen()
            if len(chosen) != 1:
                wizard.body = False
            elif wizard.template_id or not wizard.body:
                wizard.body = mine._text(chosen)[1]

    def _text(self, inbound):
        """Return (subject, body) for a message, from the template or as a start for what a person types."""
        if not self.template_id:
            return f"Re: {inbound.subject or ''}".strip(), False
        # sudo: which model a template is for. It would render the record with the message's number of any other.
        if self.template_id.sudo().model != inbound._name:  # nosemgrep
            raise UserError(self.env._("This template is not for incoming emails."))
        template = self.template_id.with_company(inbound.company_id or self.env.company)
        return tuple(template._render_field(name, inbound.ids)[inbound.id] for name in ("subject", "body_html"))

    def _judge(self, inbound):
        """Return (address, why it may not be answered or "", References of an answer).

        Raises:
            AccessError: the user may not see what the message says; what follows reads it as the system.
        """
        inbound._require_content()
        # sudo: notices hold who is never answered; what is learned is about this message alone.
        notices = self.env["spp.email.notice"].sudo()  # nosemgrep
        summary, facts = notices._facts(inbound)
        address = answer_address(summary)
        # How often notices went out does not bind a person; that machines are never answered does.
        own = notices.env["mail.alias.domain"]._gateway_own_among([address])
        allowed, step = may_answer(address, facts, recent=0, own_addresses=frozenset(own))
        return address, "" if allowed else step.found, answer_references(summary)

    def action_send(self):
        """Queue the answers, in the transaction that notes the decision.

        Raises:
            UserError: none of the senders may be answered, the text is empty, or nothing is left to decide on.
        """
        self.ensure_one()
        chosen = self._chosen()
        chosen._check_may_decide()
        answers = {}
        for inbound in chosen:
            address, why, references = self._judge(inbound)
            if why:
                continue
            subject, body = (self.subject, self.body) if len(chosen) == 1 else self._text(inbound)
            if is_html_empty(body):
                raise UserError(self.env._("The answer has no text."))
            answers[inbound] = self._mail_values(inbound, address, references, subject, body)
        if not answers:
            raise UserError(self.env._("This cannot be answered: %s", self.refusal_text))
        answerable = self.env["spp.email.inbound"].concat(*answers)
        values = {}
        if self.is_discarded:
            values = {"state": InboundState.DISCARDED.value, "reason": InboundReason.ANSWERED.value}
        decided = answerable._decide_all(self.env._("Answer the sender"), values, action=AuditAction.ANSWERED)
        # sudo: officers may answer what they decide on, and may not touch other mail in the queue.
        self.env["mail.mail"].sudo().create([answers[inbound] for inbound in decided])  # nosemgrep
        self.env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()  # nosemgrep: starting work, no data
        return decided._notification("success", self.env._("%s answers are on their way.", len(decided)))

    def _mail_values(self, inbound, address, references, subject, body):
        values = {
            "subject": " ".join((subject or "").split()),
            "body_html": body,
            "email_from": self.env.user.email_formatted,
            "email_to": address,
            "author_id": self.env.user.partner_id.id,
            "references": references,
            "auto_delete": False,
            # No copy is kept of what others than the team could read.
            "gateway_is_confidential": inbound._is_confidential(),
            "gateway_inbound_id": inbound.id,
        }
        # sudo: the address of the mailbox that the message came from; an answer to the answer comes back there.
        mailbox = inbound.sudo().server_id.user or ""  # nosemgrep
        if inbound.company_id:
            # By which server it leaves, and in whose name: that of the message, not of whoever answers.
            values["record_company_id"] = inbound.company_id.id
            values["record_alias_domain_id"] = inbound.company_id.alias_domain_id.id
        if "@" in mailbox:
            values["reply_to"] = mailbox
        if references:
            # RFC 5322 §3.6.4. Odoo sets References alone.
            values["headers"] = repr({"In-Reply-To": references.split()[-1]})
        return values
