# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who passes mail on to an intake."""

from odoo import api, fields, models

from .fetchmail_server_automatic import FORWARDERS_HELP, check_forwarders


class SppEmailIntake(models.Model):
    _inherit = "spp.email.intake"

    forwarders = fields.Text(help=FORWARDERS_HELP)

    @api.constrains("forwarders")
    def _check_forwarders(self):
        for intake in self:
            check_forwarders(self.env, intake.forwarders)
