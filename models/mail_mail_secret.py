# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Of which emails no copy is kept: they let their reader log in, or are about what only a team reads."""

from odoo import api, fields, models

from ..engine.login_link import holds_login_link


class MailMail(models.Model):
    _inherit = "mail.mail"

    gateway_is_secret = fields.Boolean(
        "Holds a Way to Log In", readonly=True, help="No copy of it is kept as it is sent."
    )

    gateway_is_confidential = fields.Boolean(
        "Confidential", readonly=True, help="About a message that only a team reads. No copy is kept as it is sent."
    )

    @api.model_create_multi
    def create(self, vals_list):
        """Note it while it is known: the caller says so in the context, or body and record do."""
        mails = super().create(vals_list)
        is_secret = bool(self.env.context.get("gateway_secret"))
        secret = mails.filtered(lambda mail: is_secret or mail._gateway_seems_secret())
        if secret:
            secret.gateway_is_secret = True
        return mails

    def _gateway_seems_secret(self):
        """Emails about a user are invitations, codes and links; all others are known by their links."""
        self.ensure_one()
        return self.model == "res.users" or holds_login_link(self.body_html)
