# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What people set on a domain is kept when it changes."""

from odoo import models


class SppEmailDomain(models.Model):
    _name = "spp.email.domain"
    _inherit = ["spp.email.domain", "spp.email.change.mixin"]

    _gateway_kept = (
        "name",
        "active",
        "company_id",
        "sending_addresses",
        "selectors",
        "dkim_is_required",
        "dkim_subdomains",
        "dkim_rotation_months",
    )
