# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The set-up's question what becomes of mail that arrives."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.engine_text import EngineChar


class SppEmailSetup(models.TransientModel):
    _inherit = "spp.email.setup"

    incoming_action = fields.Selection(
        [
            ("create", "Each new message becomes a record"),
            ("quarantine", "Only replies and aliases are taken in; all else waits for a person"),
        ],
        string="New Messages",
        required=True,
        default="create",
    )
    target_model = fields.Selection("_selection_target_model", string="Create a New Record")
    target_hint = EngineChar(compute="_compute_target")
    target_warning = fields.Char(compute="_compute_target")
    start = fields.Selection(
        [("now", "Only what arrives from now on"), ("everything", "These as well")],
        string="Messages That Are There",
        required=True,
        default="now",
    )

    @api.model
    def _selection_target_model(self):
        return self.env["spp.email.target.model"]._selection_offered()

    @api.depends("target_model", "incoming_action")
    def _compute_target(self):
        profiles = self.env["spp.email.target.profile"]._profiles()
        for setup in self:
            model = setup.incoming_action == "create" and setup.target_model
            setup.target_hint = model and model in profiles and profiles[model].hint
            setup.target_warning = model and self.env["spp.email.target.model"]._missing_words(model)

    def action_incoming(self):
        """Go on once it is clear what a message becomes."""
        self.ensure_one()
        if self.incoming_action == "create" and not self.target_model:
            raise UserError(self.env._("Fill in the field “%s”.", self.env._("Create a New Record")))
        return self._go("domain")

    def _incoming_values(self, changes):
        values = super()._incoming_values(changes)
        if self.incoming_action == "create" and self.target_model:
            # sudo: the id of a model that the person was offered.
            model = self.env["ir.model"].sudo()._get(self.target_model)  # nosemgrep
            return {**values, "gateway_action": "create", "object_id": model.id}
        return {**values, "gateway_action": False, "object_id": False}
