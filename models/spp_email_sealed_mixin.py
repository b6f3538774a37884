# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Models with credentials: rows are sealed for their own id, and what a query would tell about them is refused."""

from odoo import api, models
from odoo.exceptions import UserError
from odoo.orm.model_classes import add_field

from .sealed_char import SealedChar
from .sealed_field import SealedField


class SppEmailSealedMixin(models.AbstractModel):
    _name = "spp.email.sealed.mixin"
    _description = "Model with Credentials"

    # Text fields that other addons may declare, which become sealed ones as soon as they do.
    _gateway_secrets = ()

    @api.model
    def _post_model_setup__(self):
        for name in self._gateway_secrets:
            if name in self._fields and not isinstance(self._fields[name], SealedField):
                self._seal_field(name)
        return super()._post_model_setup__()

    def _seal_field(self, name):
        """Put a sealed field in the place of another addon's field.

        No field of ours is declared for it: without the other addon it would make a column of its own. The other
        addon's field object may be shared with registries that have no gateway, so it is left as it is.
        """
        model_class = self.env.registry[self._name]
        definitions = [
            field
            for definition in reversed(model_class._model_classes__)
            if isinstance(definition, models.MetaModel)
            for field in definition._field_definitions
            if field.name == name
        ]
        field = SealedChar(_base_fields__=tuple(definitions), copy=False)
        add_field(model_class, name, field)
        field.prepare_setup()
        field.setup(self)

    def _create(self, data_list):
        # A sealed value belongs to its row, so the id has to be known before the row is written.
        names = [name for name, field in self._fields.items() if isinstance(field, SealedField) and field.store]
        numbered = [data for data in data_list if any(data["stored"].get(name) for name in names)]
        if numbered:
            self.env.cr.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
                (self._table, len(numbered)),
            )
            for data, (number,) in zip(numbered, self.env.cr.fetchall(), strict=True):
                data["stored"]["id"] = number
        records = super()._create(data_list)
        for data in numbered:
            del data["stored"]["id"]
        return records

    def _refuse_sealed(self, specification):
        field = self._fields.get(specification.partition(":")[0].partition(".")[0])
        if isinstance(field, SealedField):
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
