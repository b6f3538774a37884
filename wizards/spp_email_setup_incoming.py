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

    present_target = fields.Char(compute="_compute_present_target")
    is_target_kept = fields.Boolean("Leave It So")
    target_of_id = fields.Many2one("fetchmail.server", "Target Proposed By", readonly=True, ondelete="set null")

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

    @api.depends("target_of_id")
    def _compute_present_target(self):
        choices = dict(self._fields["incoming_action"]._description_selection(self.env))
        for setup in self:
            server = setup.target_of_id
            if not server:
                setup.present_target = False
                continue
            words = choices["quarantine"]
            if server.gateway_action:
                words = dict(server._fields["gateway_action"]._description_selection(self.env))[server.gateway_action]
            # sudo: the name of a model.
            if model := server.sudo().object_id:  # nosemgrep
                words = f"{words} ({model.name})"
            setup.present_target = self.env._(
                "What the mailbox “%(name)s” does with new messages now: %(action)s", name=server.name, action=words
            )

    def _propose_target(self):
        """Return what the mailbox that is here does now as the set-up's choice, unless this set-up decided it."""
        server = self._known("incoming")
        if not server or server in (self.target_of_id, self.incoming_server_id):
            return {}
        # sudo: the name of a model.
        model = server.sudo().object_id.model  # nosemgrep
        values = {"target_of_id": server.id, "is_target_kept": False}
        if not server.gateway_action:
            return {**values, "incoming_action": "quarantine", "target_model": False}
        if server.gateway_action == "create" and model in dict(self._selection_target_model()):
            return {**values, "incoming_action": "create", "target_model": model}
        # What cannot be chosen here can only be left.
        return {**values, "is_target_kept": True}

    def action_incoming(self):
        """Go on once it is clear what a message becomes."""
        self.ensure_one()
        if self.incoming_action == "create" and not self.target_model and not self.is_target_kept:
            raise UserError(self.env._("Fill in the field “%s”.", self.env._("Create a New Record")))
        return self._go("domain")

    def _incoming_values(self, server, changes):
        values = super()._incoming_values(server, changes)
        if server and self.is_target_kept:
            return values
        if self.incoming_action == "create" and self.target_model:
            # sudo: the id of a model that the person was offered.
            model = self.env["ir.model"].sudo()._get(self.target_model)  # nosemgrep
            return {**values, "gateway_action": "create", "object_id": model.id}
        return {**values, "gateway_action": False, "object_id": False}
