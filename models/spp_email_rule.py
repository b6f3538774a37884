# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Ordered rules about incoming messages, as managers write them."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from ..engine.errors import ConfigurationError
from ..engine.health import HealthFinding, HealthState
from .transaction_answers import forget

# Models whose records decide who may do what: no rule makes or changes them.
NEVER_MODELS = ("res.users", "res.company", "res.groups", "mail.alias", "mail.alias.domain")
NEVER_PREFIXES = ("ir.", "spp.email.", "base.", "bus.", "mail.", "discuss.", "fetchmail.")
# Managers are told of a rule that ran out of time for this long, or until it is changed.
SLOW_DAYS = 7
# The question whose answer in a transaction is the compiled rules.
COMPILED = "compiled rules"


class SppEmailRule(models.Model):
    _name = "spp.email.rule"
    _description = "Incoming Rule"
    _order = "sequence, id"

    name = fields.Char(required=True)
    sequence = fields.Integer(default=10, help="Rules are asked in this order.")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        default=lambda self: self.env.company,
        help="The rule looks at mail of this company; blank: of all companies.",
    )
    scope = fields.Selection(
        [("all", "All incoming mail"), ("mailboxes", "Only mail from these mailboxes")],
        string="For",
        required=True,
        default="all",
    )
    server_ids = fields.Many2many(
        "fetchmail.server",
        string="Mailboxes",
        context={"active_test": False},
        help="When all of them are deleted the rule applies to nothing.",
    )
    match = fields.Selection(
        [("all", "All conditions hold"), ("any", "One condition holds")], string="When", required=True, default="all"
    )
    condition_ids = fields.One2many("spp.email.rule.condition", "rule_id", string="Conditions", copy=True)

    target = fields.Selection(
        [
            ("create", "Create a new Record"),
            ("attach", "Attach to a Record"),
            ("find", "Find the record by a value, and update it"),
        ],
        string="Where It Goes",
        help="Blank: replies, aliases and the mailbox decide as always. Replies always go to their record. "
        "Of several rules the first that says so decides.",
    )
    model_id = fields.Many2one(
        "ir.model",
        string="Kind of Record",
        ondelete="cascade",
        domain=[("is_mail_thread", "=", True), ("abstract", "=", False), ("transient", "=", False)],
        help="What the values below are fields of.",
    )
    record = fields.Reference(selection="_selection_record", string="Attach to")
    not_found = fields.Selection(
        [
            ("create", "Create a new Record"),
            ("route", "Go on as if there were no rule"),
            ("quarantine", "Put it into quarantine"),
        ],
        string="If There Is None",
        default="create",
    )
    value_ids = fields.One2many("spp.email.rule.value", "rule_id", string="Values", copy=True)
    lang = fields.Selection("_selection_lang", string="Language", help="Language of the work on the message.")
    tag_ids = fields.Many2many("spp.email.tag", string="Tags", help="Shown on the message in the journal.")
    quarantine = fields.Boolean("Put into Quarantine", help="A person decides about the message.")
    stops = fields.Boolean("Stop Here", help="No rule below this one is asked.")

    timeout_date = fields.Datetime("Last Ran Out of Time", readonly=True, copy=False)
    is_slow = fields.Boolean(compute="_compute_is_slow")
    hit_count = fields.Integer("Messages", compute="_compute_hits", help="Messages in the journal that it matched.")
    last_hit_date = fields.Datetime("Last Message", compute="_compute_hits")

    # ------------------------------------------------------------------
    # Choices and computed fields
    # ------------------------------------------------------------------

    @api.model
    def _selection_record(self):
        return self.env["fetchmail.server"]._selection_gateway_record()

    @api.model
    def _selection_lang(self):
        return self.env["res.lang"].get_installed()

    @api.depends("timeout_date")
    def _compute_is_slow(self):
        since = fields.Datetime.now() - timedelta(days=SLOW_DAYS)
        for rule in self:
            rule.is_slow = bool(rule.timeout_date and rule.timeout_date > since)

    def _compute_hits(self):
        rows = {}
        if self.ids:
            # Counting the links, and no counter in the row: two workers that count at once would undo each other.
            rows = {
                row[0]: row[1:]
                for row in self.env.execute_query(
                    SQL(
                        "SELECT link.rule_id, count(*), max(inbound.received_date) FROM spp_email_inbound_rule_rel link"
                        " JOIN spp_email_inbound inbound ON inbound.id = link.inbound_id"
                        " WHERE link.rule_id IN %s GROUP BY link.rule_id",
                        tuple(self.ids),
                    )
                )
            }
        for rule in self:
            rule.hit_count, rule.last_hit_date = rows.get(rule.id, (0, False))

    @api.onchange("record")
    def _onchange_record(self):
        if self.record:
            self.model_id = self.env["ir.model"]._get(self.record._name)

    # ------------------------------------------------------------------
    # CRUD and checks
    # ------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        rules = super().create(vals_list)
        rules._on_change()
        return rules

    def write(self, vals):
        result = super().write(vals)
        if "company_id" in vals:
            # Odoo looks at who may write before it writes only: a manager would hand the rule to all companies.
            self.check_access("write")
        if set(vals) - {"timeout_date"}:
            self._on_change()
        return result

    def unlink(self):
        forget(self.env, COMPILED)
        return super().unlink()

    def _on_change(self):
        """After any change to a rule or its lines: forget the compiled rules, and give a slow one a new chance."""
        forget(self.env, COMPILED)
        slow = self.exists().filtered("timeout_date")
        if slow:
            slow.timeout_date = False

    @api.constrains("target", "not_found", "model_id", "record", "condition_ids", "value_ids")
    def _check_rule(self):
        """
        Raises:
            ValidationError: the rule makes no sense, or does what nobody may.
            AccessError: it writes what its author may not.
        """
        for rule in self:
            if (rule.target or rule.value_ids) and not rule.model_id:
                raise ValidationError(self.env._("Choose the kind of record that the rule is about."))
            if rule.target == "attach" and (not rule.record or rule.record._name != rule.model_id.model):
                raise ValidationError(self.env._("Choose the record to attach to, of the chosen kind."))
            if rule.target == "find" and "key" not in rule.value_ids.mapped("use"):
                raise ValidationError(self.env._("Say with “Find the record by it” which value finds the record."))
            groups = rule.condition_ids._groups()
            for value in rule.value_ids:
                try:
                    value._extraction().check(groups)
                except ConfigurationError as error:
                    raise ValidationError(rule._fault(value.field_id.field_description, error)) from error
            if rule.model_id:
                rule._check_model()
                rule.value_ids._check_field()

    def _fault(self, where, error):
        position = getattr(error, "position", 0)
        if position:
            return self.env._(
                "Rule “%(rule)s”, %(where)s: %(fault)s, at character %(position)s.",
                rule=self.name,
                where=where,
                fault=error,
                position=position,
            )
        return self.env._("Rule “%(rule)s”, %(where)s: %(fault)s.", rule=self.name, where=where, fault=error)

    def _check_model(self):
        """A rule gives nobody a right: who saves it must be allowed to do by hand what it will do."""
        self.ensure_one()
        name = self.model_id.model
        model = self.env.get(name)
        if model is None or not hasattr(model, "message_new") or model._abstract or model._transient:
            raise ValidationError(self.env._("Records of this kind take no mail."))
        if name in NEVER_MODELS or name.startswith(NEVER_PREFIXES):
            raise ValidationError(self.env._("Rules do not make or change records of this kind."))
        # Odoo checks constraints as the system.
        mine = model.sudo(False)
        makes = self.target == "create" or (self.target == "find" and self.not_found == "create")
        if makes or "new" in self.value_ids.mapped("use"):
            mine.check_access("create")
        if self.target in ("attach", "find") or {"both", "existing"} & set(self.value_ids.mapped("use")):
            mine.check_access("write")
        if self.target == "attach":
            mine.browse(self.record.id).check_access("write")

    # ------------------------------------------------------------------
    # For the processing
    # ------------------------------------------------------------------

    @api.model
    def _flag_slow(self, rule_id):
        """Note that a rule ran out of time, in a transaction of its own: the message's may be rolled back."""
        with self.env["spp.email.transaction"]._gateway_cursor(read_committed=True) as env:
            # Once an hour: a flood of such messages must not fight for the row.
            env.execute_query(
                SQL(
                    "UPDATE spp_email_rule SET timeout_date = now() AT TIME ZONE 'UTC' WHERE id = %s AND (timeout_date"
                    " IS NULL OR timeout_date < now() AT TIME ZONE 'UTC' - interval '1 hour') RETURNING id",
                    rule_id,
                )
            )

    @api.model
    def _gateway_health(self):
        """Findings about rules that are too slow to be trusted."""
        since = fields.Datetime.now() - timedelta(days=SLOW_DAYS)
        slow = self.search([("timeout_date", ">", since)], limit=20)
        if not slow:
            return []
        return [
            HealthFinding(
                "rules_too_slow",
                HealthState.WARNING,
                self.env._("Incoming rules take too long"),
                self.env._(
                    "A regular expression ran out of its time, and the rule was passed over: %s.",
                    ", ".join(slow.mapped("name")),
                ),
                self.env._(
                    "Open Email Gateway → Incoming → Incoming Rules and write the expression without nested "
                    "repetitions such as (a+)+. The note goes when the rule is saved."
                ),
                self._name,
                tuple(slow.ids),
            )
        ]

    def action_open_messages(self):
        """Open the journal on the messages that the rule matched."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("spp_email_gateway.action_spp_email_inbound")
        return {**action, "domain": [("rule_ids", "in", self.ids)]}
