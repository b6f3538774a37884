# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What happens on install and uninstall: nothing is sent, fetched, flagged or lost by either."""

from odoo.exceptions import UserError
from odoo.tools import SQL

from .engine.errors import SealError
from .engine.seal import is_sealed
from .models.credential_key import sealer
from .models.sealed_char import SealedChar


def post_init_hook(env):
    """Make the first signing key, seal what lies in clear, and leave existing servers working as they did."""
    env["spp.email.token.key"]._add_key()
    # Odoo never verified certificates of mailboxes, and spoke clear text where SSL/TLS was off. Existing mailboxes
    # go on like that, with a warning on the form; new ones are verified.
    env.cr.execute("UPDATE fetchmail_server SET gateway_use_starttls = FALSE, gateway_skip_verification = TRUE")
    env.cr.execute("UPDATE fetchmail_server SET gateway_action = 'create' WHERE object_id IS NOT NULL")
    seal_columns(env)


def uninstall_hook(env):
    """Give the credentials back as Odoo keeps them.

    Raises:
        UserError: a credential cannot be opened; uninstalling would lose it.
    """
    try:
        for field, table, row_id, value in _values(env):
            if is_sealed(value):
                _update(env, table, field, row_id, sealer().open(value, field._binding()))
    except SealError as error:
        raise UserError(
            env._(
                "The stored passwords cannot be opened, so uninstalling would lose them. %s "
                "To uninstall without them, empty the passwords first.",
                error,
            )
        ) from error


def seal_columns(env):
    """Seal every credential that lies in clear. Does nothing without a key. Return the number sealed."""
    keys = sealer()
    sealed = 0
    if keys.current_key_id:
        for field, table, row_id, value in _values(env):
            if not is_sealed(value):
                _update(env, table, field, row_id, keys.seal(value, field._binding()))
                sealed += 1
    env.invalidate_all()
    return sealed


def _values(env):
    """Yield (field, table, row id, value as in the column) of every credential of every model."""
    env.flush_all()
    for model in env.values():
        if model._abstract or not model._auto:
            continue
        for field in model._fields.values():
            # An extension may compute the field (mail_environment): then there is no column of ours.
            if isinstance(field, SealedChar) and field.store:
                column = SQL.identifier(field.name)
                table = SQL.identifier(model._table)
                env.cr.execute(SQL("SELECT id, %s FROM %s WHERE %s <> ''", column, table, column))
                for row_id, value in env.cr.fetchall():
                    yield field, model._table, row_id, value


def _update(env, table, field, row_id, value):
    env.cr.execute(
        SQL("UPDATE %s SET %s = %s WHERE id = %s", SQL.identifier(table), SQL.identifier(field.name), value, row_id)
    )
