# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Who is in a team, and so sees the mail of its mailboxes, is kept when it changes."""

from odoo import models


class SppEmailTeam(models.Model):
    _name = "spp.email.team"
    _inherit = ["spp.email.team", "spp.email.change.mixin"]

    _gateway_kept = ("name", "active", "member_ids")
