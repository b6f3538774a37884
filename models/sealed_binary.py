# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A stored file that is encrypted in the database and never given back to a client, such as a private key."""

import base64

from odoo import fields

from ..engine.seal import MASK, is_sealed
from .sealed_field import SealedField, is_revealing

# The mask as the content of a file: whoever downloads it gets these characters.
BINARY_MASK = base64.b64encode(MASK.encode())


class SealedBinary(SealedField, fields.Binary):
    """A SealedField whose value is base64, kept in a column as Odoo keeps it (attachment=False); see SealedField."""

    mask = BINARY_MASK
    _masks = (MASK, MASK.encode(), BINARY_MASK, BINARY_MASK.decode())

    def convert_to_column(self, value, record, values=None, validate=True):
        text = bytes(value).decode("ascii", "replace") if isinstance(value, (bytes, memoryview)) else value
        sealed = self._sealed(text, record, values)
        # Odoo looks for pictures that only admins may upload in what was given, not in what is stored.
        if sealed and validate and not is_sealed(text):
            super().convert_to_column(value, record, values, validate)
        return super().convert_to_column(sealed, record, values, validate=False)

    def get_column_update(self, record):
        # The inherited method gives the cache's value as it is.
        return self.convert_to_column(super().get_column_update(record), record, validate=False)

    def convert_to_record(self, value, record):
        value = super().convert_to_record(value, record)
        if not value:
            return value
        if record.env.context.get("bin_size") or record.env.context.get(f"bin_size_{self.name}"):
            # In place of the size, which the form would show.
            return MASK.encode()
        if value in self._masks:
            return BINARY_MASK
        if not is_revealing(record.env):
            return BINARY_MASK
        return self._opened(bytes(value).decode("ascii", "replace"), record).encode()

    def convert_to_read(self, value, record, use_display_name=True):
        return value if value == MASK.encode() else super().convert_to_read(value, record, use_display_name)
