# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The way from a list or form of outgoing servers to the search for settings."""

from odoo import models


class IrMailServer(models.Model):
    _inherit = "ir.mail_server"

    def action_find_settings(self):
        """Open the search, for this server or for a new one."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Find Settings"),
            "res_model": "spp.email.discovery",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_kind": "outgoing",
                "default_server_id": self.id if len(self) == 1 else False,
            },
        }
