# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""All credentials as they lie in the database: sealed, sealed anew, counted and opened as a whole."""

from collections import Counter
from dataclasses import dataclass, field

from odoo.tools import SQL
from odoo.tools.sql import column_exists

from ..engine.errors import SealError
from ..engine.seal import MASK, Place, has_old_form, is_sealed, sealed_with
from .credential_key import SEALED_WITH, opened, sealer
from .ir_config_parameter_secret import SECRET_PARAMETERS, parameter_place
from .sealed_field import SealedField, revealing

# Addon whose tables go when the gateway goes.
OWN_MODULE = "spp_email_gateway"


@dataclass(frozen=True)
class Credential:
    """One credential as it lies in the database.

    Attributes:
        place: what it is sealed for.
        text: sealed, or in clear.
        table, row_id, column: where it lies; the column is text, JSON as text, or bytes.
        name: name of its value in JSON, "" where the column holds nothing else.
        is_bytes: whether the column's type is bytea.
    """

    place: Place
    text: str = field(repr=False)
    table: str
    row_id: int
    column: str
    name: str = ""
    is_bytes: bool = False

    def replace(self, cr, text):
        """Write another value; return whether the one that was read was still there."""
        column, table = SQL.identifier(self.column), SQL.identifier(self.table)
        # Compared here and not in a condition: statements are logged with their parameters.
        old = _as_text(self.column, self.name, self.is_bytes)
        cr.execute(SQL("SELECT %s FROM %s WHERE id = %s FOR UPDATE", old, table, self.row_id))
        if [self.text] != [value for (value,) in cr.fetchall()]:
            return False
        new = SQL("%s", text)
        if self.is_bytes:
            new = SQL("convert_to(%s, 'UTF8')", text)
        elif self.name:
            new = SQL("(%s::jsonb || jsonb_build_object(%s, %s))::text", column, self.name, text)
        statement = SQL("UPDATE %s SET %s = %s WHERE id = %s", table, column, new, self.row_id)
        # What is written in clear, by an uninstallation, goes past Odoo's log of statements.
        (cr if is_sealed(text) else cr._obj).execute(statement.code, statement.params)
        return True


def credentials(env):
    """Yield every Credential of every model, and of the system parameters."""
    env.flush_all()
    for field_, model in _sealed_fields(env):
        column, name = (field_.sparse, field_.name) if field_.sparse else (field_.name, "")
        if not field_.store and not name:
            continue
        is_bytes = field_.type == "binary"
        for row_id, text in _rows(env, model._table, _as_text(column, name, is_bytes)):
            yield Credential(field_.place(row_id), text, model._table, row_id, column, name, is_bytes)
    query = "SELECT id, value, key FROM ir_config_parameter WHERE key IN %s AND value <> ''"
    env.cr.execute(query, (SECRET_PARAMETERS,))
    for row_id, text, key in env.cr.fetchall():
        yield Credential(parameter_place(key), text, "ir_config_parameter", row_id, "value")


def seal_columns(env):
    """Seal every credential that lies in clear, or in the older form that is bound to no row; nothing without a key.

    Returns:
        int: number of credentials that were sealed.
    """
    keys = sealer(env)
    sealed = 0
    if keys.current_key_id:
        # revealing: the server's own hand on a parameter that nobody may delete; its value is a key's public name.
        revealing(env["ir.config_parameter"].sudo()).set_param(SEALED_WITH, keys.current_key_id)  # nosemgrep
        for credential in credentials(env):
            if not is_sealed(credential.text) or has_old_form(credential.text):
                sealed += seal_anew(env.cr, keys, credential)
    env.invalidate_all()
    return sealed


def seal_anew(cr, keys, credential):
    """Seal a credential with today's key and form; return whether it was done.

    What cannot be opened stays as it is: its key may come back.
    """
    try:
        plain = keys.open(credential.text, credential.place) if is_sealed(credential.text) else credential.text
    except SealError:
        return False
    return credential.replace(cr, keys.seal(plain, credential.place))


def open_columns(env):
    """Write every sealed credential of Odoo's models back in clear, as Odoo keeps it.

    Raises:
        SealError: one cannot be opened with the keys at hand.
    """
    for credential in credentials(env):
        # The gateway's own tables go with the addon; what is typed into dialogues is of no use any more.
        if is_sealed(credential.text) and not _is_passing(env, credential):
            credential.replace(env.cr, opened(env, credential.text, credential.place))
    revealing(env["ir.config_parameter"].sudo()).search([("key", "=", SEALED_WITH)]).unlink()  # nosemgrep: as above
    env.registry.clear_cache("stable")
    env.invalidate_all()


def _is_passing(env, credential):
    model = env.registry[credential.place.model]
    return model._original_module == OWN_MODULE or model._transient


def count_keys(env):
    """Return a Counter of all credentials by (name of the key, what there is to say).

    The key's name is "" for what lies in clear. To say is "" when all is well, "old" for the form that is bound to no
    row, "closed" for what cannot be opened with the keys at hand.
    """
    keys, counts = sealer(env), Counter()
    for credential in credentials(env):
        if not is_sealed(credential.text):
            counts["", ""] += 1
            continue
        remark = "old" if has_old_form(credential.text) else ""
        try:
            keys.open(credential.text, credential.place)
        except SealError:
            remark = "closed"
        counts[sealed_with(credential.text), remark] += 1
    return counts


def count_closed(env):
    """Return how many credentials are sealed and cannot be opened with the keys at hand.

    The gateway's own signing keys do not count, which are replaced by themselves, nor what was typed into dialogues.
    """
    closed = 0
    for credential in credentials(env):
        is_replaced = credential.place.model == "spp.email.token.key" or env[credential.place.model]._transient
        if is_sealed(credential.text) and not is_replaced:
            try:
                opened(env, credential.text, credential.place)
            except SealError:
                closed += 1
    return closed


def unmask_columns(env):
    """Put credentials into columns where an addon wrote the mask, all that it can read.

    OCA's mail_environment computes these fields, and writes what it reads into the columns when it is uninstalled.
    """
    env.flush_all()
    for field_, model in _sealed_fields(env):
        if field_.store or field_.sparse or not column_exists(env.cr, model._table, field_.name):
            continue
        column, table = SQL.identifier(field_.name), SQL.identifier(model._table)
        env.cr.execute(SQL("SELECT id FROM %s WHERE %s = %s", table, column, MASK))
        for (row_id,) in env.cr.fetchall():
            record = model.browse(row_id)
            value = field_.convert_to_column(field_.reveal(record), record)
            env.cr.execute(SQL("UPDATE %s SET %s = %s WHERE id = %s", table, column, value, row_id))


def _sealed_fields(env):
    """Yield (field, model) of every credential that lies in a table."""
    for name in env.registry:
        model = env[name]
        if model._abstract or not model._auto:
            continue
        for field_ in model._fields.values():
            if isinstance(field_, SealedField):
                yield field_, model


def _as_text(column, name, is_bytes):
    """Return the SQL that reads a value as it lies in the table."""
    if is_bytes:
        return SQL("convert_from(%s, 'UTF8')", SQL.identifier(column))
    if name:
        # What mail_environment keeps where its file says nothing: one of several values of a JSON text.
        return SQL("(%s::jsonb ->> %s)", SQL.identifier(column), name)
    return SQL.identifier(column)


def _rows(env, table, value):
    # Dialogues remember the mask where nothing was typed.
    query = SQL("SELECT id, %s FROM %s WHERE %s NOT IN ('', %s) ORDER BY id", value, SQL.identifier(table), value, MASK)
    env.cr.execute(query)
    return env.cr.fetchall()
