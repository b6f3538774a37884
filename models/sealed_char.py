# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A stored text field that is encrypted in the database and never given back to a client."""

from odoo import fields
from odoo.exceptions import UserError
from odoo.tools import OrderedSet

from ..engine.seal import MASK, is_sealed
from .credential_key import SEALED_WITH, sealer

# Context key under which a record gives the clear text. The permit is an object and no value: nothing that is written
# in a template, a server action or an RPC call can name it.
_REVEAL = "spp_email_reveal"
_PERMIT = object()


def revealing(records):
    """Return ``records`` so that their sealed fields give the clear text, for use in the server process only."""
    return records.with_context(**{_REVEAL: _PERMIT})


class SealedChar(fields.Char):
    """A credential: sealed on its way to the column, masked for everybody, given in clear to revealing() only.

    Not a computed field: a computed field without a column would leave the clear text in the old column, and OCA's
    mail_environment turns these very fields into computed ones. The cache may hold either form, since values come
    from the column as well as from assignments. Without a key the value is stored as Odoo stores it, and the health
    check says so.
    """

    copy = False
    # Set by base_sparse_field on fields that lie in a serialized one.
    sparse = None

    @property
    def binding(self) -> str:
        """Name of the place that a sealed value belongs to."""
        # What mail_environment keeps where its file says nothing is the value of the field itself.
        name = self.name.removeprefix("x_").removesuffix("_env_default") if self.sparse else self.name
        return f"{self.model_name}.{name}"

    def reveal(self, record):
        """Return the clear text for use, False when there is none.

        Raises:
            SealError: it cannot be opened with the keys at hand.
        """
        return revealing(record)[self.name]

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

    def convert_to_column_insert(self, value, record, values=None, validate=True):
        # Values of create() are validated, those of the cache are not.
        if validate:
            self._refuse_sealed(value, record)
        return super().convert_to_column_insert(value, record, values, validate)

    def write(self, records, value):
        # A form sends back what it was shown when nothing was typed.
        if value == MASK:
            return None
        self._refuse_sealed(value, records)
        return super().write(records, value)

    def _refuse_sealed(self, value, record):
        """A sealed value that is typed in was taken from somewhere: it must not be opened for whoever brings it."""
        if is_sealed(value):
            raise UserError(record.env._("This is not a password."))

    def convert_to_record(self, value, record):
        value = super().convert_to_record(value, record)
        if not value or value == MASK:
            return value
        # Whatever reads a field of a record goes through here: templates and server actions of people too.
        if record.env.context.get(_REVEAL) is not _PERMIT:
            return MASK
        return sealer().open(value, self.binding) if is_sealed(value) else value

    # ------------------------------------------------------------------
    # Computed by OCA's mail_environment, from its file or from a sparse field of this class
    # ------------------------------------------------------------------

    def compute_value(self, records):
        # The compute method copies one sealed field into another: the mask would be all that arrives.
        return super().compute_value(revealing(records))

    def determine_inverse(self, records):
        return super().determine_inverse(revealing(records))

    def _compute_sparse(self, records):
        for record in records:
            value = record[self.sparse].get(self.name)
            record[self.name] = sealer().open(value, self.binding) if is_sealed(value) else value

    def _inverse_sparse(self, records):
        for record in records:
            values = record[self.sparse]
            values[self.name] = self.convert_to_column(self.reveal(record), record) or None
            record[self.sparse] = {name: value for name, value in values.items() if value is not None}

    def convert_to_read(self, value, record, use_display_name=True):
        return MASK if value else False

    def convert_to_export(self, value, record):
        return MASK if value else ""

    def convert_to_write(self, value, record):
        # The inherited method would give what convert_to_record gives: the mask.
        return self.convert_to_cache(value, record, validate=False) or False

    def convert_to_display_name(self, value, record):
        return MASK if value else False

    def condition_to_sql(self, field_expr, operator, value, model, alias, query):
        # A search that compares answers one question about the value after the other.
        values = value if isinstance(value, (list, tuple, set, frozenset, OrderedSet)) else [value]
        if operator not in ("=", "!=", "in", "not in") or any(values):
            raise UserError(model.env._("A password can only be searched for being set or not."))
        return super().condition_to_sql(field_expr, operator, value, model, alias, query)
