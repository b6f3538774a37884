# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""System parameters of mail that take numbers, domains or addresses: brought into one form, or refused, by any way."""

from odoo import api, models
from odoo.exceptions import ValidationError

from ..engine.loop import LoopLimit
from ..engine.parameter_value import ParameterError, address_or_domain_list, domain_list, whole_number
from .spp_email_loop import HIGHEST_LIMIT, HOPS_PARAMETER, LIMIT_PARAMETERS, LONGEST_MINUTES, MINUTES_PARAMETER

# (least, most) of each number. 0 means no limit where the guides do not say otherwise.
NUMBERS = {
    MINUTES_PARAMETER: (1, LONGEST_MINUTES),
    HOPS_PARAMETER: (0, 1000),
    **{
        parameter: (1 if limit is LoopLimit.SENDER else 0, HIGHEST_LIMIT)
        for limit, parameter in LIMIT_PARAMETERS.items()
    },
}
DOMAINS = "mail.catchall.domain.allowed"
FILTER = "mail.default.from_filter"
# Checked elsewhere; here only what an address cannot have is taken off.
ADDRESSES = ("mail.force.smtp.from", "mail.dynamic.smtp.from")


class IrConfigParameter(models.Model):
    _inherit = "ir.config_parameter"

    @api.model_create_multi
    def create(self, vals_list):
        return super().create(
            [
                {**vals, "value": self._gateway_value(vals.get("key"), vals["value"])} if vals.get("value") else vals
                for vals in vals_list
            ]
        )

    def write(self, vals):
        if not vals.get("value") and "key" not in vals:
            return super().write(vals)
        for parameter in self:
            key, value = vals.get("key", parameter.key), vals.get("value", parameter.value)
            normal = self._gateway_value(key, value) if value else value
            changed = {"value": normal} if "value" in vals or normal != parameter.value else {}
            super(IrConfigParameter, parameter).write({**vals, **changed})
        return True

    @api.model
    def _gateway_value(self, key, value):
        """Return a value as its parameter keeps it; any other parameter's as it is.

        Raises:
            ValidationError: the parameter does not take it.
        """
        text = str(value)
        try:
            if key in NUMBERS:
                return whole_number(text, *NUMBERS[key])
            if key == DOMAINS:
                return domain_list(text)
            if key == FILTER:
                return address_or_domain_list(text)
        except ParameterError as error:
            raise ValidationError(self._gateway_refusal(key, error.part)) from error
        return text.strip() if key in ADDRESSES else value

    @api.model
    def _gateway_refusal(self, key, part):
        if key in NUMBERS:
            least, most = NUMBERS[key]
            return self.env._(
                "“%(value)s” is not a number for %(key)s, which takes a whole number from %(least)s to %(most)s.",
                value=part,
                key=key,
                least=least,
                most=most,
            )
        if key == DOMAINS:
            return self.env._(
                "“%(value)s” is not a domain. %(key)s takes domains separated by commas, such as "
                "your-domain.org, your-other-domain.org.",
                value=part,
                key=key,
            )
        return self.env._(
            "“%(value)s” is neither a domain nor an email address. %(key)s takes domains and addresses separated by "
            "commas, such as your-domain.org, office@your-other-domain.org.",
            value=part,
            key=key,
        )
