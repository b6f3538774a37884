# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Addons that go take no password along."""

from odoo import models

from .sealed_column import unmask_columns


class IrModuleModule(models.Model):
    _inherit = "ir.module.module"

    def module_uninstall(self):
        # The hooks of the addons that go have run, and their fields still work.
        unmask_columns(self.env)
        return super().module_uninstall()
