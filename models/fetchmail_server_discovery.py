# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The way from a list or form of incoming servers to the search for settings."""

from odoo import models


class FetchmailServer(models.Model):
    _inherit = "fetchmail.server"

    def action_find_settings(self):
        """Open the search, for this mailbox or for a new one."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Find Settings"),
            "res_model": "spp.email.discovery",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_kind": "incoming",
                "default_mailbox_id": self.id if len(self) == 1 else False,
            },
        }
