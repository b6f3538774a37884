# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which settings of an alias are kept when they change: Odoo's own notes on it are none."""

from odoo import models


class MailAlias(models.Model):
    _name = "mail.alias"
    _inherit = ["mail.alias", "spp.email.change.mixin"]

    _gateway_kept = (
        "alias_name",
        "alias_domain_id",
        "alias_model_id",
        "alias_force_thread_id",
        "alias_defaults",
        "alias_contact",
        "alias_incoming_local",
        "alias_bounced_content",
    )

    def _gateway_kept_among(self, vals):
        # Odoo makes one for each team or project, whether it gets an address or not.
        if vals.get("alias_name"):
            return self
        # sudo: only whether it has an address.
        named = self.sudo().filtered("alias_name")  # nosemgrep
        return named.with_env(self.env)

    def _gateway_change_name(self):
        return self.alias_full_name or self.alias_name or ""

    def _gateway_change_company(self):
        # A domain of several companies says nothing.
        companies = self.alias_domain_id.company_ids
        return companies if len(companies) == 1 else companies.browse()
