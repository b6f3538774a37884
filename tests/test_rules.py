# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
import time

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .common import GatewayCase, eml


class RuleCase(GatewayCase):
    """What the tests of rules share: a mailbox that makes contacts, and short ways to write rules."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.box = cls.mailbox()

    @classmethod
    def field(cls, name, model="res.partner"):
        return cls.env["ir.model.fields"]._get(model, name).id

    @classmethod
    def rule(cls, *conditions, values=(), user=None, **options):
        """Return a rule. Conditions are (place, operator, value); values are dicts, or (field, fixed value)."""
        lines = []
        for value in values:
            if isinstance(value, tuple):
                value = {"field_id": value[0], "value": value[1]}
            lines.append(Command.create({**value, "field_id": cls.field(value["field_id"])}))
        if lines or options.get("target"):
            options.setdefault("model_id", cls.partner_model.id)
        rules = cls.env["spp.email.rule"]
        return (rules.with_user(user) if user else rules).create(
            {
                "name": "Rule",
                "condition_ids": [
                    Command.create(dict(zip(("place", "operator", "value"), condition, strict=False)))
                    for condition in conditions
                ],
                "value_ids": lines,
                **options,
            }
        )

    def found(self, inbound):
        return [(step["looked_at"], step["found"], step["followed"]) for step in inbound.trace]


@tagged("post_install", "-at_install")
class TestRules(RuleCase):
    def test_it_fills_fields_of_the_mailboxs_record(self):
        rule = self.rule(("subject", "contains", "vendor"), values=[("function", "Vendor")])
        inbound = self.receive(eml(Subject="A Vendor writes"), self.box)
        other = self.receive(eml(Subject="A friend writes"), self.box)
        self.assertOutcome(inbound, "done", "record_created")
        self.assertEqual(self.partners("A Vendor writes").function, "Vendor")
        self.assertFalse(self.partners("A friend writes").function)
        self.assertEqual((inbound.rule_ids, other.rule_ids), (rule, rule.browse()))
        self.assertIn((f"rule {rule.id}", "values for res.partner", "fields function"), self.found(inbound))
