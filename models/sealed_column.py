# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The columns behind SealedChar fields, of all models: sealed and opened as a whole."""

from odoo.tools import SQL
from odoo.tools.sql import column_exists

from ..engine.errors import SealError
from ..engine.seal import MASK, is_sealed
from .credential_key import SEALED_WITH, sealer
from .sealed_char import SealedChar


def seal_columns(env):
    """Seal every credential that lies in clear. Does nothing without a key. Return the number sealed."""
    keys = sealer()
    sealed = 0
    if keys.current_key_id:
        env["ir.config_parameter"].sudo().set_param(SEALED_WITH, keys.current_key_id)  # nosemgrep: a public name
        for field, table, row_id, value in _values(env):
            if not is_sealed(value):
                _update(env, table, field, row_id, keys.seal(value, field.binding))
                sealed += 1
    env.invalidate_all()
    return sealed


def open_columns(env):
    """Write every sealed credential of Odoo's models back in clear, as Odoo keeps it.

    Raises:
        SealError: one cannot be opened with the keys at hand.
    """
    keys = sealer()
    for field, table, row_id, value in _values(env):
        # The gateway's own table goes with the addon.
        if is_sealed(value) and table != env["spp.email.token.key"]._table:
            _update(env, table, field, row_id, keys.open(value, field.binding))
    env["ir.config_parameter"].sudo().search([("key", "=", SEALED_WITH)]).unlink()  # nosemgrep: as above
    env.invalidate_all()


def count_closed(env):
    """Return how many credentials are sealed and cannot be opened with the keys at hand.

    The gateway's own signing keys do not count: they are replaced by themselves.
    """
    keys, closed = sealer(), 0
    for field, table, _row_id, value in _values(env):
        if is_sealed(value) and table != env["spp.email.token.key"]._table:
            try:
                keys.open(value, field.binding)
            except SealError:
                closed += 1
    return closed


def _values(env):
    """Yield (field, table, row id, value as in the column) of every credential of every model."""
    env.flush_all()
    for field, model in _sealed_fields(env):
        if value := _place(field):
            env.cr.execute(SQL("SELECT id, %s FROM %s WHERE %s <> ''", value, SQL.identifier(model._table), value))
            for row_id, text in env.cr.fetchall():
                yield field, model._table, row_id, text


def _sealed_fields(env):
    """Yield (field, model) of every credential that lies in a table."""
    for name in env.registry:
        model = env[name]
        if model._abstract or not model._auto:
            continue
        for field in model._fields.values():
            if isinstance(field, SealedChar):
                yield field, model


def unmask_columns(env):
    """Put credentials into columns where an addon wrote the mask, all that it can read.

    OCA's mail_environment computes these fields, and writes what it reads into the columns when it is uninstalled.
    """
    env.flush_all()
    for field, model in _sealed_fields(env):
        if field.store or field.sparse or not column_exists(env.cr, model._table, field.name):
            continue
        column = SQL.identifier(field.name)
        env.cr.execute(SQL("SELECT id FROM %s WHERE %s = %s", SQL.identifier(model._table), column, MASK))
        for (row_id,) in env.cr.fetchall():
            record = model.browse(row_id)
            value = field.convert_to_column(field.reveal(record), record)
            _update(env, model._table, field, row_id, value)


def _place(field):
    """Return the SQL that reads a field's value as it lies in the table; None where it has no place there."""
    if field.store:
        return SQL.identifier(field.name)
    if field.sparse:
        # What mail_environment keeps where its file says nothing: one of several values of a JSON text.
        return SQL("%s::jsonb ->> %s", SQL.identifier(field.sparse), field.name)
    return None


def _update(env, table, field, row_id, value):
    column = SQL.identifier(field.sparse or field.name)
    if field.sparse:
        kept = SQL("(%s::jsonb || jsonb_build_object(%s, %s))::text", column, field.name, value)
    else:
        kept = SQL("%s", value)
    env.cr.execute(SQL("UPDATE %s SET %s = %s WHERE id = %s", SQL.identifier(table), column, kept, row_id))
