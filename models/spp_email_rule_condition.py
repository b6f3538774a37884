# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One condition of a rule, as its form shows it."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.condition import OPERATOR_WORDS, PLACE_WORDS, Condition, Operator, Place
from ..engine.errors import ConfigurationError
from ..engine.message_kind import MESSAGE_KIND_WORDS
from ..engine.outcome import selection
from ..engine.pattern import compile_pattern


class SppEmailRuleCondition(models.Model):
    _name = "spp.email.rule.condition"
    _inherit = ["spp.email.rule.line"]
    _description = "Condition of an Incoming Rule"
    _order = "rule_id, sequence, id"

    place = fields.Selection(
        selection(PLACE_WORDS),
        string="Look at",
        required=True,
        default=Place.SUBJECT.value,
        help="Of several header fields, addresses or attachments one that fits is enough.",
    )
    header = fields.Char("Field", help="Name of the header field, such as X-Priority or List-Id.")
    negated = fields.Boolean("Not", help="The condition holds when nothing there fits.")
    operator = fields.Selection(
        selection(OPERATOR_WORDS), string="Comparison", required=True, default=Operator.CONTAINS.value
    )
    value = fields.Text(help="A named group (?P<reference>…) of a regular expression can fill a field below.")
    kind = fields.Selection(selection(MESSAGE_KIND_WORDS), help="What the gateway takes the message for.")
    case_sensitive = fields.Boolean("Same Case", help="Tell capital letters from small ones.")

    @api.onchange("place")
    def _onchange_place(self):
        if self.place == Place.KIND.value:
            self.operator, self.value = Operator.EQUALS.value, False
        else:
            self.kind = False

    @api.constrains("rule_id", "place", "header", "operator", "value", "kind", "case_sensitive")
    def _check_condition(self):
        for condition in self:
            number = list(condition.rule_id.condition_ids).index(condition) + 1
            try:
                condition._engine().check()
            except ConfigurationError as error:
                where = self.env._("condition %s", number)
                raise ValidationError(condition.rule_id._fault(where, error)) from error

    def _groups(self):
        """Return the names of the groups in the regular expressions of these conditions."""
        return tuple(
            name
            for condition in self
            if condition.operator == Operator.MATCHES.value and not condition.negated
            for name in compile_pattern(condition.value, condition.case_sensitive).groupindex
        )

    def _engine(self):
        """Return the engine's Condition."""
        self.ensure_one()
        return Condition(
            Place(self.place),
            Operator(self.operator),
            (self.kind if self.place == Place.KIND.value else self.value) or "",
            self.header or "",
            self.negated,
            self.case_sensitive,
        )
