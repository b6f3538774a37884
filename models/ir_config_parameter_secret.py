# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""System parameters that are secrets of Odoo's addons google_gmail and microsoft_outlook: sealed and masked."""

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine.seal import MASK, Place, is_sealed
from .credential_key import SEALED_WITH, opened
from .sealed_field import is_revealing, sealed_for

SECRET_PARAMETERS = ("google_gmail_client_secret", "microsoft_outlook_client_secret")


def parameter_place(key):
    """Return what the value of a system parameter is sealed for: its key, which is looked up without its id."""
    return Place("ir.config_parameter", "value", key)


class IrConfigParameter(models.Model):
    """A value of these keys is never in the cache: the query that fetches or compares it finds the mask."""

    _inherit = "ir.config_parameter"

    @api.model
    def get_param(self, key, default=False):
        value = super().get_param(key, default)
        if key not in SECRET_PARAMETERS or not self._get_param(key):
            return value
        if not is_revealing(self.env):
            return MASK
        return opened(self.env, value, parameter_place(key)) if is_sealed(value) else value

    def _field_to_sql(self, alias, field_expr, query=None):
        value = super()._field_to_sql(alias, field_expr, query)
        if field_expr != "value":
            return value
        return SQL(
            "CASE WHEN %(key)s IN %(keys)s AND %(value)s <> '' THEN %(mask)s ELSE %(value)s END",
            key=SQL.identifier(alias, "key"),
            keys=SECRET_PARAMETERS,
            value=value,
            mask=MASK,
        )

    @api.model_create_multi
    def create(self, vals_list):
        secret = [vals.get("key") in SECRET_PARAMETERS for vals in vals_list]
        if not any(secret):
            return super().create(vals_list)
        vals_list = [
            {**vals, "value": self._gateway_sealed(vals["key"], vals.get("value"))} if is_secret else vals
            for vals, is_secret in zip(vals_list, secret, strict=True)
        ]
        parameters = super().create(vals_list)
        parameters.invalidate_recordset(["value"])
        return parameters

    def write(self, vals):
        self._gateway_refuse_rename(vals)
        secrets = self.filtered(lambda one: one.key in SECRET_PARAMETERS) if "value" in vals else self.browse()
        if not secrets:
            return super().write(vals)
        # What was shown and sent back is kept.
        for parameter in secrets if vals["value"] != MASK else ():
            values = {**vals, "value": self._gateway_sealed(parameter.key, vals["value"])}
            super(IrConfigParameter, parameter).write(values)
        secrets.invalidate_recordset(["value"])
        return super(IrConfigParameter, self - secrets).write(vals) if self - secrets else True

    @api.ondelete(at_uninstall=False)
    def _unlink_except_sealed_with(self):
        # Without it a missing key would no longer be an error, and passwords would be stored in clear unnoticed.
        if any(one.key == SEALED_WITH for one in self) and not is_revealing(self.env):
            raise UserError(self.env._("This parameter says that passwords are sealed. It cannot be deleted."))

    def _gateway_refuse_rename(self, vals):
        """Refuse to give a secret another key, under which it would not open, or another value this one."""
        fixed = (*SECRET_PARAMETERS, SEALED_WITH)
        if "key" in vals and any(
            one.key != vals["key"] and (one.key in fixed or vals["key"] in SECRET_PARAMETERS) for one in self
        ):
            raise UserError(self.env._("This parameter cannot be renamed. Delete it, and create the other one."))

    def _gateway_sealed(self, key, value):
        value = str(value or "").strip()
        if not value:
            return value
        if value == MASK or is_sealed(value):
            raise UserError(self.env._("This is not a password."))
        return sealed_for(self.env, value, parameter_place(key))
