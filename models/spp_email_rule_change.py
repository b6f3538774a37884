# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Incoming rules: what they look at and what they do is kept when it changes, with all of their lines."""

from odoo import models


class SppEmailRule(models.Model):
    _name = "spp.email.rule"
    _inherit = ["spp.email.rule", "spp.email.change.mixin"]

    _gateway_kept = (
        "name",
        "sequence",
        "active",
        "company_id",
        "scope",
        "server_ids",
        "match",
        "condition_ids",
        "quarantine",
        "target",
        "model_id",
        "record",
        "not_found",
        "value_ids",
        "lang",
        "tag_ids",
        "stops",
    )


class SppEmailRuleCondition(models.Model):
    _name = "spp.email.rule.condition"
    _inherit = ["spp.email.rule.condition", "spp.email.change.mixin"]

    _gateway_kept = ("rule_id", "place", "header", "negated", "operator", "value", "kind", "case_sensitive")
    _gateway_kept_on = ("rule_id", "condition_ids")


class SppEmailRuleValue(models.Model):
    _name = "spp.email.rule.value"
    _inherit = ["spp.email.rule.value", "spp.email.change.mixin"]

    _gateway_kept = ("rule_id", "field_id", "use", "origin", "value", "place", "header", "required")
    _gateway_kept_on = ("rule_id", "value_ids")
