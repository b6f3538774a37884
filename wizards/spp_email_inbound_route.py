# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Making records of messages that found no way by themselves."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine.audit_action import AuditAction
from ..engine.target import Target


class SppEmailInboundRoute(models.TransientModel):
    _name = "spp.email.inbound.route"
    _inherit = ["spp.email.inbound.wizard"]
    _description = "Route Incoming Emails to a Model"

    target_model = fields.Selection("_selection_target_model", string="Create a New Record", required=True)
    value_ids = fields.One2many(
        "spp.email.inbound.route.value",
        "route_id",
        string="Values of the New Record",
        compute="_compute_value_ids",
        store=True,
        readonly=False,
    )
    hint = fields.Char(compute="_compute_hint")
    missing = fields.Char(compute="_compute_hint")

    @api.model
    def _selection_target_model(self):
        return self.env["spp.email.target.model"]._selection_offered()

    @api.depends("target_model")
    def _compute_value_ids(self):
        """Start with a line for each field that a mail does not fill."""
        targets = self.env["spp.email.target.model"]
        for wizard in self:
            missing = (
                targets._missing_fields(wizard.target_model, wizard._mailbox_defaults()) if wizard.target_model else {}
            )
            wizard.value_ids = [fields.Command.clear()] + [
                fields.Command.create({"field_name": label}) for label in missing.values()
            ]

    @api.depends("target_model", "value_ids.field_name", "value_ids.value")
    def _compute_hint(self):
        targets = self.env["spp.email.target.model"]
        for wizard in self:
            profile = self.env["spp.email.target.profile"]._profiles().get(wizard.target_model)
            wizard.hint = profile and profile.hint
            wizard.missing = False
            if wizard.target_model:
                missing = targets._missing_fields(wizard.target_model, wizard._mailbox_defaults())
                given = {line.field_name.strip().lower() for line in wizard.value_ids if line.field_name and line.value}
                open_names = [name for name, label in missing.items() if not {name, label.lower()} & given]
                filled = {*wizard._mailbox_defaults(), *(missing.keys() - set(open_names))}
                wizard.missing = targets._missing_words(wizard.target_model, filled)

    def _mailbox_defaults(self):
        """Return the default values of the mailbox, if all of the messages came from one that makes such records."""
        # sudo: managers wrote them for exactly this; officers may not read mailboxes.
        server = self._chosen().sudo().server_id  # nosemgrep
        if len(server) != 1 or server.object_id.model != self.target_model:
            return {}
        return server._gateway_default_values()

    def _values(self):
        """Return what the person filled in, by field.

        Raises:
            AccessError: the person may not make such records, and so may not choose their values either.
            ValidationError: a field is not there, or a value does not fit.
        """
        targets = self.env["spp.email.target.model"]
        lines = self.value_ids.filtered(lambda line: line.field_name and line.value)
        if not lines:
            return {}
        if not self.env[self.target_model].has_access("create"):
            raise AccessError(
                self.env._("Only who may create such records chooses their values. Ask a manager, or leave them out.")
            )
        values = dict(targets._value_of_words(self.target_model, line.field_name, line.value) for line in lines)
        targets._check_values(self.target_model, values)
        return values

    def action_confirm(self):
        """Make records of the messages, at once, and show what came of it.

        Raises:
            AccessError, UserError, ValidationError: in words for the person; nothing was changed then.
        """
        self.ensure_one()
        chosen = self._chosen()
        chosen._check_may_decide()
        targets = self.env["spp.email.target.model"]
        if self.target_model not in targets._offered_names():
            raise AccessError(self.env._("You may not make records of this kind from a mail."))
        values = {**self._mailbox_defaults(), **self._values()}
        missing = targets._missing_words(self.target_model, values)
        if missing:
            raise UserError(missing)
        target = Target(self.target_model, defaults=values, forced=True, why=self.env._("decided by a person"))
        what, action = self.env._("Route to %s", self.target_model), AuditAction.ROUTED
        return chosen._send_on(what, target, action=action, detail=self.target_model)._show_outcome()


class SppEmailInboundRouteValue(models.TransientModel):
    _name = "spp.email.inbound.route.value"
    _description = "Value of a Record Made from an Email"

    route_id = fields.Many2one("spp.email.inbound.route", required=True, ondelete="cascade")
    field_name = fields.Char("Field", required=True, help="Its label or its technical name.")
    value = fields.Char(help="As it is shown: a name, a number, yes or no, a date like 2026-05-31.")
