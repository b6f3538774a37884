# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mailboxes: whom they trust about senders."""

from odoo import models


class FetchmailServer(models.Model):
    _name = "fetchmail.server"
    _inherit = ["fetchmail.server", "spp.email.sender.mixin"]
