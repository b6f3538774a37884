# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A stored text field that is encrypted in the database and never given back to a client."""

from odoo import fields

from ..engine.seal import MASK, is_sealed
from .credential_key import sealer


class SealedChar(fields.Char):
    """A credential: sealed on its way to the column, opened on its way to a record, masked for everybody else.

    Not a computed field: a computed field without a column would leave the clear text in the old column, and OCA's
    mail_environment turns these very fields into computed ones. The cache may hold either form, since values come
    from the column as well as from assignments. Without a key the value is stored as Odoo stores it, and the health
    check says so.
    """

    copy = False

    def _binding(self) -> str:
        return f"{self.model_name}.{self.name}"

    def convert_to_column(self, value, record, values=None, validate=True):
        value = super().convert_to_column(value, record, values, validate)
        if not value or is_sealed(value):
            return value
        keys = sealer()
        return keys.seal(value, self._binding()) if keys.current_key_id else value

    def convert_to_record(self, value, record):
        value = super().convert_to_record(value, record)
        return sealer().open(value, self._binding()) if is_sealed(value) else value

    def convert_to_read(self, value, record, use_display_name=True):
        return MASK if value else False

    def convert_to_export(self, value, record):
        return MASK if value else ""

    def convert_to_write(self, value, record):
        # The inherited method goes through convert_to_read and would write the mask.
        return self.convert_to_record(self.convert_to_cache(value, record, validate=False), record)

    def convert_to_display_name(self, value, record):
        return MASK if value else False

    def write(self, records, value):
        # A form sends back what it was shown when nothing was typed.
        if value != MASK:
            super().write(records, value)
