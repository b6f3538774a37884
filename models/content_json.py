# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A field of the journal that holds what a message says."""

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tools import OrderedSet


class ContentJson(fields.Json):
    """Given to those only who may see the content of the record: asked wherever a value comes to a record."""

    def convert_to_record(self, value, record):
        value = super().convert_to_record(value, record)
        return value if not value or record._may_see_content() else False

    def condition_to_sql(self, field_expr, operator, value, model, alias, query):
        # A search answers one question about the value after the other, also where the value itself is not shown.
        values = value if isinstance(value, (list, tuple, set, frozenset, OrderedSet)) else [value]
        if not model.env.su and (operator not in ("=", "!=", "in", "not in") or any(values)):
            raise AccessError(model.env._("What messages say is not searched."))
        return super().condition_to_sql(field_expr, operator, value, model, alias, query)
