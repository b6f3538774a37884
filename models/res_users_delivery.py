# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""On the user's form: that the invitation did not arrive, and why."""

from odoo import fields, models

from .spp_email_delivery import FAILURES


class ResUsers(models.Model):
    _inherit = "res.users"

    gateway_invitation_note = fields.Char(compute="_compute_gateway_invitation_note", compute_sudo=False)

    def _compute_gateway_invitation_note(self):
        """The last email about each account: invitations and password links are emails about the user."""
        # The form of a user is the administrator's; others see only themselves here, and log in all the same.
        self.gateway_invitation_note = False
        if not self.env.user.has_group("base.group_erp_manager"):
            return
        # sudo: who manages users need not be of the gateway, and hears only why a link did not arrive.
        rows = self.env["spp.email.delivery"].sudo().search(  # nosemgrep
            [("model", "=", "res.users"), ("res_id", "in", self.ids)], order="id"
        )
        last = {row.res_id: row for row in rows}
        for user in self:
            row = last.get(user.id)
            if not row or row.state not in (*FAILURES, "suppressed"):
                continue
            if not user.login_date:
                user.gateway_invitation_note = self.env._("Invitation not delivered: %s", row.answer_words)
            else:
                user.gateway_invitation_note = self.env._(
                    "The last email about this account was not delivered: %s", row.answer_words
                )
