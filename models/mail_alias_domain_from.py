# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The Default From of an alias domain: a full address overwrites all, as the guide has it."""

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.from_policy import is_address


class MailAliasDomain(models.Model):
    _inherit = "mail.alias.domain"

    gateway_overwrite_all = fields.Boolean(
        "Overwrite All Senders",
        help="All mail of companies with this domain leaves as the Default From, whatever FROM filters say. Names of "
        "senders are kept, and answers still reach them. Without it the Default From only replaces addresses that the "
        "server does not let through.",
    )
    gateway_default_from_is_full = fields.Boolean(compute="_compute_gateway_default_from_is_full")

    @api.depends("default_from")
    def _compute_gateway_default_from_is_full(self):
        for domain in self:
            domain.gateway_default_from_is_full = "@" in (domain.default_from or "")

    @api.onchange("default_from")
    def _onchange_gateway_default_from(self):
        self.gateway_overwrite_all = "@" in (self.default_from or "")

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._gateway_check_default_from(vals.get("default_from"))
        return super().create([self._gateway_with_switch(vals) for vals in vals_list])

    def write(self, vals):
        if "default_from" in vals and all(domain.default_from == vals["default_from"] for domain in self):
            # Nobody changed it: a database from before keeps what it has.
            return super().write(vals)
        self._gateway_check_default_from(vals.get("default_from"))
        return super().write(self._gateway_with_switch(vals))

    @api.model
    def _gateway_check_default_from(self, value):
        """Refuse a Default From that is neither a name nor an address.

        Raises:
            ValidationError: names the value; Odoo would make something else of it in silence.
        """
        if "@" in (value or "") and not is_address(value.strip()):
            raise ValidationError(
                self.env._(
                    "“%s” is not an email address. The Default From is a name such as “notifications”, or one "
                    "complete address such as notifications@your-domain.org.",
                    value,
                )
            )

    @api.model
    def _gateway_with_switch(self, vals):
        """Return the values with the switch that a new Default From asks for, unless they say it themselves."""
        if "default_from" not in vals or "gateway_overwrite_all" in vals:
            return vals
        return {**vals, "gateway_overwrite_all": "@" in (vals["default_from"] or "")}

    def _gateway_overwrites_all(self):
        """Return whether the Default From of this domain replaces every From; False for no domain."""
        return bool(self.gateway_overwrite_all and self.gateway_default_from_is_full)
