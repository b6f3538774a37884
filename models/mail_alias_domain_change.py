# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which settings of an alias domain are kept when they change, and which domain a company uses."""

from odoo import models


class MailAliasDomain(models.Model):
    _name = "mail.alias.domain"
    _inherit = ["mail.alias.domain", "spp.email.change.mixin"]

    _gateway_kept = (
        "name",
        "sequence",
        "bounce_alias",
        "catchall_alias",
        "default_from",
        "gateway_overwrite_all",
        "gateway_reply_signing",
        "gateway_reply_policy",
        "gateway_sender_policy",
        "gateway_automatic_policy",
        "gateway_catchall_policy",
    )


class ResCompany(models.Model):
    _name = "res.company"
    _inherit = ["res.company", "spp.email.change.mixin"]

    _gateway_kept = ("alias_domain_id",)

    def _gateway_change_company(self):
        return self
