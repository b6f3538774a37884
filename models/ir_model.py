# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Names of models, where a person chooses what a mail becomes."""

from odoo import api, models


class IrModel(models.Model):
    _inherit = "ir.model"

    @api.depends_context("gateway_target_names")
    def _compute_display_name(self):
        """Call a model by its target profile's name, but only where mail is spoken of."""
        result = super()._compute_display_name()
        if self.env.context.get("gateway_target_names"):
            profiles = self.env["spp.email.target.profile"]._profiles()
            for model in self:
                if model.model in profiles:
                    model.display_name = profiles[model.model].name
        return result
