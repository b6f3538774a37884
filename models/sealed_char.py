# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A stored text field that is encrypted in the database and never given back to a client."""

from odoo import fields
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine.errors import SealError
from ..engine.seal import MASK, is_sealed
from .credential_key import SEALED_WITH, sealer


class SealedChar(fields.Char):
    """A credential: sealed on its way to the column, opened on its way to a record, masked for everybody else.

    Not a computed field: a computed field without a column would leave the clear text in the old column, and OCA's
    mail_environment turns these very fields into computed ones. The cache may hold either form, since values come
    from the column as well as from assignments. Without a key the value is stored as Odoo stores it, and the health
    check says so.
    """

    copy = False

    @property
    def binding(self) -> str:
        """Name of the place that a sealed value belongs to."""
        return f"{self.model_name}.{self.name}"

    def convert_to_column(self, value, record, values=None, validate=True):
        value = super().convert_to_column(value, record, values, validate)
        if value == MASK:
            return None
        if not value or is_sealed(value):
            return value
        keys = sealer()
        if keys.current_key_id:
            return keys.seal(value, self.binding)
        # Once values are sealed, a key that went missing must not make new ones lie in clear unnoticed.
        if record.env["ir.config_parameter"].sudo().get_param(SEALED_WITH):  # nosemgrep: a key's public name
            raise UserError(
                record.env._(
                    "The credential key is missing, so this password cannot be stored. Put the key back into "
                    "odoo.conf, the environment or the key file, and restart."
                )
            )
        return value

    def convert_to_record(self, value, record):
        value = super().convert_to_record(value, record)
        if not is_sealed(value):
            return value
        try:
            return sealer().open(value, self.binding)
        except SealError:
            # All that a client gets goes through here: a form that dies of a lost key is a form in which nobody can
            # enter the password anew. Whoever needs the credential itself calls reveal().
            return MASK

    def reveal(self, record):
        """Return the clear text for use.

        Raises:
            SealError: it cannot be opened with the keys at hand.
        """
        value = record[self.name]
        if value != MASK:
            return value
        record.flush_recordset([self.name])
        rows = record.env.execute_query(
            SQL("SELECT %s FROM %s WHERE id = %s", SQL.identifier(self.name), SQL.identifier(record._table), record.id)
        )
        return sealer().open(rows[0][0], self.binding)

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
        return None if value == MASK else super().write(records, value)
