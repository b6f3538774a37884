# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""General Settings take the secrets of Gmail and Outlook, and never show them."""

from odoo import models

from ..engine.seal import MASK
from ..models.ir_config_parameter_secret import SECRET_PARAMETERS
from ..models.sealed_field import revealing


class ResConfigSettings(models.TransientModel):
    """What is typed into General Settings is a row of a table for some hours: sealed like all others."""

    _name = "res.config.settings"
    _inherit = ["res.config.settings", "spp.email.sealed.mixin"]

    # Both addons call the fields as they call the parameters.
    _gateway_secrets = SECRET_PARAMETERS

    def set_values(self):
        # Odoo's method finds the mask on both sides afterwards, and leaves the parameter alone.
        for name in self._gateway_secrets:
            field = self._fields.get(name)
            typed = field and revealing(self)[name]
            if typed and typed != MASK:
                # sudo: as Odoo does with all settings; whoever may not change them does not get here.
                self.env["ir.config_parameter"].sudo().set_param(field.config_parameter, typed.strip())  # nosemgrep
        return super().set_values()
