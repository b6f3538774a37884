# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What conditions and values of a rule have in common: a change to one of them is a change to its rule."""

from odoo import api, fields, models


class SppEmailRuleLine(models.AbstractModel):
    _name = "spp.email.rule.line"
    _description = "Line of an Incoming Rule"

    rule_id = fields.Many2one("spp.email.rule", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(default=10)

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines.rule_id._on_change()
        return lines

    def write(self, vals):
        rules = self.rule_id
        result = super().write(vals)
        if "rule_id" in vals:
            # As for a rule that changes its company.
            self.check_access("write")
        (rules | self.rule_id)._on_change()
        return result

    def unlink(self):
        rules = self.rule_id
        result = super().unlink()
        rules._on_change()
        return result
