# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the rules that match a message say, put together, with what only the database knows."""

import time

from ..engine.field_value import ValueMisfit
from ..engine.outcome import InboundReason, InboundState
from ..engine.pattern import PatternTimeout
from ..engine.pipeline import Verdict
from ..engine.target import Target
from ..engine.trace import TraceStep
from .spp_email_sender_step import DECISION


class FieldMisfit(Exception):
    """A value for a field does not fit: the technical name of the field, and what is wrong in words."""

    def __init__(self, field, what):
        super().__init__(f"{field}: {what}")
        self.field = field
        self.what = what


class RuleWork:
    """What the rules say of one message, gathered while they are walked through.

    Attributes:
        takes: returns whether the way the message came in lets values be taken out of it.
        steps: the trace. It names fields and ids; what the message says is not for everybody who may see it.
    """

    def __init__(self, env, inbound, letter, facts, takes):
        self.env = env
        self.company = inbound.company_id or env.company
        self.letter = letter
        self.facts = facts
        self.takes = takes
        self.steps = []
        self._goes_to = {}
        self._lang = ""
        self._new, self._existing = {}, {}
        for name in ("rules", "tags", "values"):
            facts.setdefault(name, [])

    def follow(self, match):
        """Take in one rule that matched or ran out of time; return the Verdict that ends the walk, or None."""
        rule = match.rule
        if match.timed_out:
            return self._pass_over(rule)
        self.facts["rules"].append(rule.id)
        self.facts["tags"].extend(tag for tag in rule.tag_ids if tag not in self.facts["tags"])
        if rule.quarantine:
            self._note(rule, "matches", "quarantine")
            name = self.env["spp.email.rule"].browse(rule.id).name
            return self._hold(InboundReason.RULE, self.env._("Rule “%s”", name))
        self._note(rule, "matches", "no rule after it is asked" if rule.stops else "")
        self._lang = self._lang or rule.lang
        try:
            if rule.model:
                keys = self._take_values(rule, match.groups)
                if rule.target and not self._goes_to:
                    return self._aim(rule, keys)
        except FieldMisfit as misfit:
            self._note(rule, f"field {misfit.field}: {misfit.what}", "quarantine")
            label = self.env["ir.model.fields"]._get(rule.model, misfit.field).field_description
            return self._hold(
                InboundReason.VALUE_MISFIT, self.env._("Field “%(field)s”: %(what)s.", field=label, what=misfit.what)
            )
        return None

    def target(self):
        """Return the engine.target.Target that the rules made, None when they said nothing about it."""
        if not (self._goes_to or self._lang or self._new or self._existing):
            return None
        return Target(**self._goes_to, lang=self._lang, new_values=self._new, update_values=self._existing)

    def _note(self, rule, found, followed=""):
        self.steps.append(TraceStep(f"rule {rule.id}", found, followed))

    def _hold(self, reason, detail):
        return Verdict(tuple(self.steps), InboundState.QUARANTINED, reason, detail)

    def _pass_over(self, rule):
        self._note(rule, "its regular expression took too long", "passed over; managers are told")
        self.env["spp.email.rule"]._flag_slow(rule.id)

    def _take_values(self, rule, groups):
        """Gather the values of a rule; return its keys as (field name: text).

        Raises:
            FieldMisfit: a value does not fit, or is missing and required.
        """
        model = self.env[rule.model]
        keys, written = {}, []
        is_failed = self._is_forged()
        left_out = []
        for value in rule.values:
            if value.extraction.is_taken and (is_failed or not (value.is_key or self.takes())):
                left_out.append(value.field)
                continue
            text = self._take(rule, value, groups)
            if not text:
                if value.required:
                    raise FieldMisfit(value.field, self.env._("the message has no value for it"))
                continue
            if value.extraction.is_taken:
                self.facts["values"].append((rule.id, rule.model, value.field, text))
            if value.is_key:
                keys[value.field] = text
                continue
            converted = self._convert(model, value, text)
            written.append(value.field)
            for is_wanted, store in ((value.on_new, self._new), (value.on_existing, self._existing)):
                if is_wanted:
                    store.setdefault(rule.model, {}).setdefault(value.field, converted)
        if written:
            self._note(rule, f"values for {rule.model}", f"fields {', '.join(written)}")
        if left_out:
            why = "the check of the sender failed" if is_failed else "this way in takes no values out of messages"
            self._note(rule, why, f"left out: {', '.join(left_out)}")
        return keys

    def _is_forged(self):
        """Return whether the sender is shown to be another one: what such a message says writes on no record."""
        return getattr(self.facts.get(DECISION), "is_false", False)

    def _take(self, rule, value, groups):
        try:
            return value.extraction.take(self.letter, groups, time.monotonic)
        except PatternTimeout as error:
            self.env["spp.email.rule"]._flag_slow(rule.id)
            raise FieldMisfit(value.field, self.env._("its regular expression took too long")) from error

    def _convert(self, model, value, text):
        values = self.env["spp.email.rule.value"]
        # The model may have changed since the rule was saved.
        problem = values._field_problem(model, value.field)
        if problem:
            raise FieldMisfit(value.field, problem)
        try:
            return values._convert(model, value.field, text, self.company, is_fixed=not value.extraction.is_taken)
        except ValueMisfit as error:
            raise FieldMisfit(value.field, str(error)) from error

    def _aim(self, rule, keys):
        """Let the rule decide where the message goes; return a Verdict when that is quarantine.

        Raises:
            FieldMisfit: several records have what it is found by.
        """
        record_id = 0
        if rule.target == "attach":
            record_id = self.env[rule.model].browse(rule.record_id).exists().id
            if not record_id:
                self._note(rule, "the record to attach to is deleted", "the target is left out")
                return None
        elif rule.target == "find":
            if self._is_forged():
                return None
            record_id = self._find(rule, keys)
            if not record_id and rule.not_found == "quarantine":
                self._note(rule, "no record is found", "quarantine")
                return self._hold(InboundReason.RULE, self.env._("The record that the message is about is not found."))
            if not record_id and rule.not_found == "route":
                self._note(rule, "no record is found", "the target is left out")
                return None
        self._note(
            rule,
            "decides about the target",
            f"{rule.model}, record {record_id}" if record_id else f"a new {rule.model}",
        )
        self._goes_to = {"model": rule.model, "record_id": record_id, "why": f"rule {rule.id}"}
        return None

    def _find(self, rule, keys):
        wanted = [value.field for value in rule.values if value.is_key]
        if not wanted or set(wanted) - set(keys):
            return 0
        try:
            found = self.env["spp.email.rule.value"]._find(self.env[rule.model], keys, self.company)
        except ValueMisfit:
            # What no record can have, none has.
            return 0
        if len(found) > 1:
            raise FieldMisfit(wanted[0], self.env._("several records have this value"))
        return found.id or 0
