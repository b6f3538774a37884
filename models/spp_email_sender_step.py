# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The step of the processing that asks who sent a message, and what it writes into the journal."""

from datetime import timezone
from functools import partial

from odoo import models

from ..engine.message_kind import REPORTS, MessageKind
from ..engine.outcome import InboundReason, InboundSource, InboundState
from ..engine.pipeline import Verdict
from ..engine.recipient import recipients
from ..engine.sender_address import sender_address
from ..engine.sender_check import check_sender
from ..engine.sender_policy import SenderDecision, decide, strictest
from ..engine.sender_verdict import SenderPolicy, SenderResult, SenderVerdict
from ..engine.storable import storable
from ..engine.trace import TraceStep
from .mail_thread import ATTEMPT
from .rehearsal_cursor import RehearsalCursor
from .transaction_answers import answers

PROGRAMS_PARAMETER = "spp_email_gateway.programs_authenticate_users"
BY_HAND = (InboundSource.UPLOAD.value, InboundSource.RPC.value)
# Facts of this part, beside ``sender_verdict``: the engine.sender_address.SenderAddress that the verdict is about, and
# the engine.sender_policy.SenderDecision that follows.
ADDRESS, DECISION = "sender_address", "sender_decision"
# The decision that holds for a message that names a message of ours, and ends up elsewhere than in its thread.
UNLESS_ANSWER = "sender_unless_answer"


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _sender_steps(self, inbound, content):
        return [
            *super()._sender_steps(inbound, content),
            lambda summary, facts: self._check_sender(inbound, content, summary, facts),
        ]

    def _check_sender(self, inbound, content, summary, facts):
        """The step: set ``sender_verdict`` and what follows from it, see ADDRESS and DECISION."""
        sender = sender_address(content, summary)
        policy = self._sender_policy(inbound, summary)
        is_ours = self.env["spp.email.preparation"]._are_ours(sender.named)
        if not is_ours and policy is SenderPolicy.ACCEPT:
            step = TraceStep("sender", "the policy accepts all, and it claims nobody of ours", "not checked")
            facts.update({"sender_verdict": SenderVerdict(steps=(step,)), ADDRESS: sender, DECISION: SenderDecision()})
            return Verdict((step,))
        verdict = self._sender_verdict(inbound, content, summary, sender)
        question = partial(
            decide,
            verdict.result,
            SenderPolicy.ACCEPT if self._is_judged_elsewhere(inbound, summary, facts) else policy,
            is_ours=is_ours,
            authenticates_users=bool(sender.address) and self._authenticates_users(inbound),
            is_accepted=inbound.is_sender_accepted,
            is_noted=verdict.is_noted,
        )
        decision = question(is_reply=self._answers_known(policy, summary, facts))
        if not decision.state and (otherwise := question(is_reply=False)).state:
            # Whether it is added to the thread that it names is only known once it is routed.
            facts[UNLESS_ANSWER] = otherwise
        facts.update({"sender_verdict": verdict, ADDRESS: sender, DECISION: decision})
        if verdict.result is SenderResult.FAIL and not decision.is_proved:
            # An answer would go to somebody who wrote nothing.
            facts["automatic"] = facts.get("automatic") or "its sender is forged"
        claims = "claims to be of ours" if is_ours else "claims nobody of ours"
        step = TraceStep("sender", f"{verdict.result.value}, {claims}", decision.words)
        return Verdict((*verdict.steps, step), decision.state, decision.reason, " ".join(verdict.reasons))

    def _is_judged_elsewhere(self, inbound, summary, facts):
        """Return whether the policy is not for a message; that it acts as nobody without proof holds all the same.

        What a report says is judged by what it reports on, and our own server's come without a proof. Mail of ours that
        comes back is a duplicate.
        """
        kind = getattr(facts.get("kind"), "kind", None)
        if kind in REPORTS and kind is not MessageKind.OTHER_REPORT:
            # Reports about no mail of ours are routed where somebody wants them, and two header fields make one.
            return True
        new = answers(self.env).get("new message ids")
        is_back = facts.get("own_mark") and summary.message_id and new is not None and summary.message_id not in new
        # Everybody who got a mail of ours has its mark. What is processed again, for another alias, is judged.
        return bool(is_back and not inbound._is_for_others(self._envelope_recipients(inbound, summary)))

    def _sender_verdict(self, inbound, content, summary, sender):
        resolving = self.env["spp.email.sender.resolver"]
        questions = resolving._questions()
        before = questions.seconds_left
        try:
            return check_sender(
                content,
                summary,
                sender,
                self._sender_trust(inbound),
                questions,
                inbound.received_date.replace(tzinfo=timezone.utc).timestamp(),
            )
        finally:
            resolving._note_time(questions, before)

    def _sender_owner(self, inbound):
        """Return the way in whose settings hold: the intake, else the mailbox; an empty mailbox where none does.

        What a person uploads, or a program hands over, did not come through the mailbox's server, whatever its header
        says: who may upload would write as anybody. Only in a rehearsal it is taken as if it had.
        """
        if inbound.source in BY_HAND and not isinstance(self.env.cr, RehearsalCursor):
            return inbound.server_id.browse()
        return inbound.intake_id or inbound.server_id

    def _authenticates_users(self, inbound):
        """Return whether the server that a message came by lets only those users send as our addresses whom it knows.

        For what programs such as odoo-mailgate.py hand over a system parameter says so: whoever may call Odoo may call
        it with any message.
        """
        if inbound.source == InboundSource.RPC.value:
            # sudo: a setting of the system; nobody sees it.
            parameters = self.env["ir.config_parameter"].sudo()  # nosemgrep
            return parameters.get_param(PROGRAMS_PARAMETER, "").strip().lower() in ("1", "true", "yes")
        return self._sender_owner(inbound).gateway_authenticates_users

    def _sender_trust(self, inbound):
        """Return the engine.sender_check.SenderTrust for a message."""
        return self._sender_owner(inbound)._gateway_sender_trust()

    def _sender_policy(self, inbound, summary):
        """Return the SenderPolicy for a message: its intake's or mailbox's, else its strictest alias domain's."""
        chosen = inbound.intake_id.gateway_sender_policy or inbound.server_id.gateway_sender_policy
        if not chosen:
            # In this context what is asked of aliases and their domains is asked once a transaction.
            asking = self.with_context(**{ATTEMPT: True})
            ours = asking.env["mail.alias.domain"]
            delivered = self._delivered_for(inbound, summary)
            # For these alone it is routed; else for whomever a field names.
            routed = asking._envelope_recipients(inbound, summary) if delivered else []
            named = routed or [*delivered, *recipients(summary)]
            found = ours._gateway_domains_of(named)
            # Whoever writes chooses whom else he names, and in which order.
            chosen = strictest(found.mapped("gateway_sender_policy"))
            if not found:
                chosen = ours._gateway_domain_of((), inbound.company_id or self.env.company).gateway_sender_policy
        return SenderPolicy(chosen or SenderPolicy.MARK.value)

    def _sender_matters(self, policy, sender):
        """Return whether a verdict could change anything."""
        return policy is not SenderPolicy.ACCEPT or self.env["spp.email.preparation"]._are_ours(sender.named)

    def _answers_known(self, policy, summary, facts):
        """Return whether a message answers one that is here; only asked where the policy makes a difference."""
        if policy not in (SenderPolicy.QUARANTINE, SenderPolicy.REFUSE):
            return False
        if facts.get("reply_key"):
            return True
        text = f"{summary.header('References')} {summary.header('In-Reply-To')}"
        # As many as Odoo takes into account.
        references = [part for part in text.split() if part.startswith("<")][-32:]
        if not references:
            return False
        # sudo: that it is known; nothing of it is read.
        known = self.env["mail.message"].sudo()  # nosemgrep
        return bool(known.search_count([("message_id", "in", references)], limit=1))

    def _finish(self, claim, attempt, state, reason, **values):
        verdict = attempt.facts.get("sender_verdict")
        if verdict and verdict.reasons:
            decision = attempt.facts[DECISION]
            values.setdefault("sender_result", verdict.result.value)
            values.setdefault("sender_reasons", storable(" ".join(verdict.reasons)))
            values.setdefault("is_author_withheld", state is InboundState.DONE and not decision.is_author)
            if reason is InboundReason.SENDER_NOT_PROVED and not values.get("detail"):
                values["detail"] = storable(" ".join(verdict.reasons))
        return super()._finish(claim, attempt, state, reason, **values)


class SppEmailTarget(models.AbstractModel):
    _inherit = "spp.email.target"

    def _deliver(self, mailbox, threads, inbound, content, attempt):
        state, reason = super()._deliver(mailbox, threads, inbound, content, attempt)
        if reason is InboundReason.ROUTE_REFUSED and attempt.facts.get("sender_refused"):
            return state, InboundReason.SENDER_NOT_PROVED
        return state, reason
