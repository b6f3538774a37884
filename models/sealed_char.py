# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A stored text field that is encrypted in the database and never given back to a client."""

from odoo import fields

from ..engine.errors import SealError
from ..engine.seal import MASK
from .sealed_field import SealedField, computing, is_revealing, revealing

__all__ = ["SealedChar", "revealing"]


class SealedChar(SealedField, fields.Char):
    """A SealedField of one line; see there."""

    def convert_to_column(self, value, record, values=None, validate=True):
        return self._sealed(super().convert_to_column(value, record, values, validate), record, values)

    def convert_to_record(self, value, record):
        value = super().convert_to_record(value, record)
        if not value or value == MASK:
            return value
        # Whatever reads a field of a record goes through here: templates and server actions of people too.
        return self._opened(value, record) if is_revealing(record.env) else MASK

    # ------------------------------------------------------------------
    # Computed by OCA's mail_environment, from its file or from a sparse field of this class
    # ------------------------------------------------------------------

    def compute_value(self, records):
        # The compute method copies one sealed field into another: the mask would be all that arrives.
        return super().compute_value(computing(records))

    def determine_inverse(self, records):
        return super().determine_inverse(revealing(records))

    def _compute_sparse(self, records):
        for record in records:
            try:
                record[self.name] = self._opened(record[self.sparse].get(self.name), record)
            except SealError:
                # mail_environment computes all of its fields at once: without this no form would open any more.
                # reveal() takes the mask for what it is.
                record[self.name] = MASK

    def _inverse_sparse(self, records):
        for record in records:
            values = record[self.sparse]
            values[self.name] = self.convert_to_column(self.reveal(record), record) or None
            record[self.sparse] = {name: value for name, value in values.items() if value is not None}
