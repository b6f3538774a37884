# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One field that a rule fills, or by which it finds the record."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain

from ..engine.condition import PLACE_WORDS, Place
from ..engine.extraction import ORIGIN_WORDS, Extraction, Origin
from ..engine.field_value import SCALARS, ValueMisfit, field_value
from ..engine.outcome import selection
from ..engine.rule import RuleValue

# What is found there is no text that a field could take.
NO_TEXT = (Place.SIZE.value, Place.KIND.value)
KINDS = (*SCALARS, "many2one", "reference")
# Fields that decide who sees a record, or that Odoo keeps for itself: no message and no rule has a say in them.
NEVER = frozenset(
    "id create_uid create_date write_uid write_date display_name active company_id company_ids parent_path password "
    "login groups_id group_ids user_ids access_token signup_token signup_type alias_id message_main_attachment_id "
    "message_bounce email_normalized".split()
)


class SppEmailRuleValue(models.Model):
    _name = "spp.email.rule.value"
    _inherit = ["spp.email.rule.line"]
    _description = "Value of an Incoming Rule"
    _order = "rule_id, sequence, id"

    model_id = fields.Many2one(related="rule_id.model_id")
    field_id = fields.Many2one(
        "ir.model.fields",
        required=True,
        ondelete="cascade",
        domain="[('model_id', '=', model_id), ('store', '=', True), ('ttype', 'in', ("
        + ", ".join(repr(kind) for kind in KINDS)
        + "))]",
    )
    use = fields.Selection(
        [
            ("both", "Write it"),
            ("new", "Write it to new records"),
            ("existing", "Write it to existing records"),
            ("key", "Find the record by it"),
        ],
        required=True,
        default="both",
    )
    origin = fields.Selection(selection(ORIGIN_WORDS), string="Taken from", required=True, default=Origin.FIXED.value)
    value = fields.Text(
        "Value, Label or Expression",
        help="The value itself; or the labels, one per line; or a regular expression with the value in parentheses; "
        "or the name of a group (?P<name>…) in a condition.",
    )
    place = fields.Selection(
        [(value, label) for value, label in selection(PLACE_WORDS) if value not in NO_TEXT],
        string="Look at",
        default=Place.SUBJECT.value,
        help="Where the regular expression looks.",
    )
    header = fields.Char("Header Field")
    required = fields.Boolean(help="A message without this value waits in quarantine.")

    @api.constrains("rule_id", "field_id", "use", "origin", "value")
    def _check_field(self):
        """
        Raises:
            ValidationError: nobody may fill the field by rule, or the fixed value does not fit it.
            AccessError: its author may not write the field.
        """
        for value in self:
            rule, field = value.rule_id, value.field_id
            if not rule.model_id or field.model_id != rule.model_id:
                raise ValidationError(
                    self.env._("“%s” is no field of the chosen kind of record.", field.field_description)
                )
            rule._check_model()
            # Odoo checks constraints as the system; what the author may not look up is not looked up for him.
            model = self.env[rule.model_id.model].sudo(False)
            problem = value._field_problem(model, field.name, is_key=value.use == "key")
            if not problem and not model._has_field_access(model._fields[field.name], "write"):
                raise AccessError(self.env._("You may not write the field “%s”.", field.field_description))
            text = (value.value or "").strip()
            if not problem and value.origin == Origin.FIXED.value and value.use != "key" and text:
                try:
                    value.sudo(False)._convert(
                        model, field.name, text, rule.company_id or self.env.company, is_fixed=True
                    )
                except ValueMisfit as error:
                    problem = str(error)
            if problem:
                raise ValidationError(
                    self.env._(
                        "Rule “%(rule)s”, field “%(field)s”: %(problem)s.",
                        rule=rule.name,
                        field=field.field_description,
                        problem=problem,
                    )
                )

    def _extraction(self):
        """Return the engine's Extraction."""
        self.ensure_one()
        return Extraction(
            Origin(self.origin), self.value or "", Place(self.place or Place.SUBJECT.value), self.header or ""
        )

    def _engine(self):
        """Return the engine's RuleValue."""
        self.ensure_one()
        return RuleValue(
            self.id,
            self.field_id.name,
            self._extraction(),
            is_key=self.use == "key",
            on_new=self.use in ("both", "new"),
            on_existing=self.use in ("both", "existing"),
            required=self.required,
        )

    @api.model
    def _field_problem(self, model, name, is_key=False):
        """Return why a rule may not fill a field (or search by it), in words; "" when it may.

        The rule works as the system on a stranger's word. So it may touch only what every internal user of the model
        may: no field with groups of its own, none that Odoo computes or keeps for itself, none that moves a record
        to another company. Whoever saves the rule must in addition be allowed to write the model himself.
        """
        field = model._fields.get(name)
        if field is None or not field.store:
            return self.env._("it is not a field that is stored")
        if field.type not in KINDS:
            return self.env._("fields of this type cannot be filled from a message")
        if field.groups:
            return self.env._("only some groups may see it")
        if is_key:
            if name != "id" and field.type not in ("char", "integer", "many2one", "selection"):
                return self.env._("records cannot be found by a field of this type")
            return ""
        if name in NEVER or name.startswith(("message_", "activity_", "website_message_")):
            return self.env._("it is not for messages to decide")
        if field.related or field.readonly or (field.compute and field.readonly):
            return self.env._("it is computed or read-only")
        if field.type == "many2one" and field.comodel_name in ("res.groups", "res.company", "ir.model"):
            return self.env._("it is not for messages to decide")
        return ""

    @api.model
    def _convert(self, model, name, text, company, is_fixed=False):
        """Return the value for a field from its text.

        Args:
            company: records of other companies are never linked.
            is_fixed: the text is the rule's own and not a stranger's.

        Raises:
            ValueMisfit: the text does not fit the field; in words without the text.
        """
        field = model._fields[name]
        if field.type == "many2one":
            return self._convert_many2one(model.env[field.comodel_name], text, company)
        if field.type == "reference":
            return self._convert_reference(model, field, text, is_fixed)
        choices = field._description_selection(model.env) if field.type == "selection" else ()
        return field_value(field.type, text, size=getattr(field, "size", 0) or 0, choices=choices)

    def _convert_many2one(self, comodel, text, company):
        scope = Domain.TRUE
        if "company_id" in comodel._fields:
            scope = Domain("company_id", "in", (False, company.id))
        name = " ".join(text.split())
        module, dot, key = name.partition(".")
        if dot and key and " " not in name:
            record = self.env.ref(name, raise_if_not_found=False)
            if record and record._name == comodel._name and record.filtered_domain(scope):
                return record.id
        found = comodel.name_search(_literal(name), domain=list(scope), operator="=ilike", limit=2)
        if not found:
            raise ValueMisfit(self.env._("there is no “%s” of that name", comodel._description))
        if len(found) > 1:
            raise ValueMisfit(self.env._("there are several “%s” of that name", comodel._description))
        return found[0][0]

    def _convert_reference(self, model, field, text, is_fixed):
        name, _comma, number = text.strip().partition(",")
        allowed = dict(field._description_selection(model.env))
        if not is_fixed or name not in allowed or name not in self.env or not number.isdecimal():
            raise ValueMisfit(self.env._("it is no reference such as res.partner,12"))
        if not self.env[name].browse(int(number)).exists():
            raise ValueMisfit(self.env._("that record does not exist"))
        return f"{name},{number}"

    @api.model
    def _find(self, model, keys, company):
        """Return up to 2 records of ``model`` whose fields have the texts of ``keys`` (field name: text).

        Raises:
            ValueMisfit: a text is none that the field could have.
        """
        domain = Domain.TRUE
        if "company_id" in model._fields:
            domain = Domain("company_id", "in", (False, company.id))
        for name, text in keys.items():
            field = model._fields[name]
            if field.type == "char":
                domain &= Domain(name, "=ilike", _literal(" ".join(text.split())))
            elif name == "id":
                domain &= Domain("id", "=", field_value("integer", text))
            else:
                domain &= Domain(name, "=", self._convert(model, name, text, company))
        return model.search(domain, limit=2)


def _literal(text):
    """Return ``text`` with the wildcards of LIKE taken literally: a stranger's % must not find the only record."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
