# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Settings that are numbers."""

from odoo import api, models


class IrConfigParameter(models.Model):
    _inherit = "ir.config_parameter"

    @api.model
    def _gateway_number(self, parameter, default):
        """Return a whole number of 0 or more; ``default`` where the parameter is missing or holds none.

        A typing error in a list of parameters must not stop the mail.
        """
        value = self.sudo().get_param(parameter)  # nosemgrep: settings of the gateway hold no content
        return int(value) if str(value or "").isdigit() else default
