# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Models with credentials: what a database query would tell about them is refused."""

from odoo import models
from odoo.exceptions import UserError

from .sealed_char import SealedChar


class SppEmailSealedMixin(models.AbstractModel):
    _name = "spp.email.sealed.mixin"
    _description = "Model with Credentials"

    def _refuse_sealed(self, specification):
        field = self._fields.get(specification.partition(":")[0].partition(".")[0])
        if isinstance(field, SealedChar):
            raise UserError(self.env._("A password cannot be grouped, counted or sorted by."))

    def _read_group_groupby(self, alias, groupby_spec, query):
        self._refuse_sealed(groupby_spec)
        return super()._read_group_groupby(alias, groupby_spec, query)

    def _read_group_select(self, aggregate_spec, query):
        self._refuse_sealed(aggregate_spec)
        return super()._read_group_select(aggregate_spec, query)

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        self._refuse_sealed(field_name)
        return super()._order_field_to_sql(alias, field_name, direction, nulls, query)
