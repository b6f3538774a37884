# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Intakes: whom they trust about senders."""

from odoo import models


class SppEmailIntake(models.Model):
    _name = "spp.email.intake"
    _inherit = ["spp.email.intake", "spp.email.sender.mixin"]
