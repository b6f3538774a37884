# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The step of the processing that asks the incoming rules."""

import time

from odoo import models

from ..engine.envelope import header_order, recipients
from ..engine.letter import Letter
from ..engine.pipeline import Verdict
from ..engine.rule import walk_rules
from ..engine.summary import addresses
from .rule_work import RuleWork


class SppEmailProcessing(models.AbstractModel):
    _inherit = "spp.email.processing"

    def _steps(self, inbound, content):
        steps = super()._steps(inbound, content)
        company = inbound.company_id or self.env.company
        rules = [
            rule
            for rule in self.env["spp.email.rule"]._compiled()
            if rule.is_for(company.id, inbound.server_id.id or 0)
        ]
        if rules:
            steps.append(lambda summary, facts: self._apply_rules(rules, inbound, content, summary, facts))
        return steps

    def _delivered_for(self, inbound, summary):
        """Return the addresses that a message was delivered for, ours or not; [] when that is unknown."""
        if inbound.envelope_recipient:
            return addresses(inbound.envelope_recipient)
        if not inbound.server_id:
            return []
        return recipients(summary, header_order(inbound.server_id.gateway_envelope_headers or ""))

    def _takes_values(self, inbound):
        """Return whether the way a message came in lets values be taken out of it. Extend it for other ways in."""
        return inbound.server_id.gateway_takes_values

    def _finish(self, claim, attempt, state, reason, **values):
        result = super()._finish(claim, attempt, state, reason, **values)
        self.env["spp.email.inbound"].browse(claim.id)._note_rules(
            attempt.facts.get("rules"), attempt.facts.get("tags")
        )
        return result

    def _apply_rules(self, rules, inbound, content, summary, facts):
        """The step: ask ``rules`` in order and put what they say into the facts.

        Sets ``rules`` and ``tags`` (ids), ``values`` (what was taken out, for the dry run) and ``target``. Of several
        rules the first decides about the target, the language and each field.
        """
        kind = facts["kind"].kind.value if facts.get("kind") else ""
        letter = Letter(summary, content, self._delivered_for(inbound, summary), kind)
        work = RuleWork(self.env, inbound, letter, facts, takes=lambda: self._takes_values(inbound))
        for match in walk_rules(rules, letter, time.monotonic):
            verdict = work.follow(match)
            if verdict is not None:
                return verdict
        facts.setdefault("target", work.target())
        return Verdict(tuple(work.steps))
