# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What all stored fields have in common that are encrypted in the database and never given back to a client."""

import builtins
import sys

from odoo.exceptions import UserError
from odoo.tools import OrderedSet

from ..engine.errors import SealError
from ..engine.seal import MASK, Place, is_sealed
from .credential_key import note_sealing, opened, sealer, was_sealed

# Context key under which a record gives the clear text. The permit is an object and no value: nothing that is written
# in a template, a server action or an RPC call can name it.
_REVEAL = "spp_email_reveal"
# While a field is computed the mask is a value: what is there and does not open.
_COMPUTING = "spp_email_computing"


class _Permit:
    """The permit of one call: it ends with the function that asked for it, and where code begins that people write.

    A context goes wherever its records go: into automation rules and computed fields that run because a token is
    stored or a key is rotated. So the permit is no property of the context alone.

    Attributes:
        depth, code: place on the stack of the function that asked, and what it is.
    """

    __slots__ = ("code", "depth")

    def __init__(self, frame):
        self.depth, self.code = _depth(frame), frame.f_code

    def holds(self, frame):
        """Return whether the function that asked is still at work behind ``frame``, with no evaluated code between."""
        for _above in range(_depth(frame) - self.depth):
            if _is_evaluated(frame):
                return False
            frame = frame.f_back
        return frame.f_code is self.code and not _is_evaluated(frame)


def _depth(frame):
    depth = 0
    while frame := frame.f_back:
        depth += 1
    return depth


def _is_evaluated(frame):
    """Return whether a frame is that of code that people write, which runs with builtins of its own."""
    return frame.f_builtins is not vars(builtins)


def revealing(records):
    """Return ``records`` so that their sealed fields give the clear text, while the calling function is at work."""
    return records.with_context(**{_REVEAL: _Permit(sys._getframe(1))})


def computing(records):
    """Return ``records`` for a method that computes sealed fields from others, as ``revealing``."""
    permit = _Permit(sys._getframe(1))
    return records.with_context(**{_REVEAL: permit, _COMPUTING: permit})


def is_revealing(env, name=_REVEAL):
    """Return whether an Environment comes from ``revealing``, and its permit holds here."""
    permit = env.context.get(name)
    return isinstance(permit, _Permit) and permit.holds(sys._getframe(1))


def refuse_evaluated(env, package=""):
    """Refuse the code of server actions, templates and fields, which people write, to call the calling function.

    Such code runs with builtins of its own. It may call what sends and fetches, which asks for credentials itself.

    Args:
        package: beginning of the name of the modules that may call, where a function could be handed over to be called
            (``mapped``); "" for any.

    Raises:
        UserError: the caller of the calling function is evaluated code, or of no such module.
    """
    caller = sys._getframe(2)
    if _is_evaluated(caller) or not caller.f_globals.get("__name__", "").startswith(package):
        raise UserError(env._("Passwords are not given to code of server actions and templates."))


def sealed_for(env, plain, place):
    """Return a credential as it is stored: sealed for its place, or in clear where there never was a key.

    Raises:
        UserError: the key that sealed the others is missing.
    """
    keys = sealer(env)
    if keys.current_key_id:
        if not place.row:
            raise TypeError(f"no row to seal {place.model}.{place.field} for; inherit spp.email.sealed.mixin")
        note_sealing(env, keys)
        return keys.seal(plain, place)
    # Once values are sealed, a key that went missing must not make new ones lie in clear unnoticed.
    if was_sealed(env):
        raise UserError(
            env._(
                "The credential key is missing, so this password cannot be stored. Put the key back into "
                "odoo.conf, the environment or the key file, and restart."
            )
        )
    return plain


class SealedField:
    """A credential: sealed on its way to the column, masked for everybody, given in clear to revealing() only.

    Not a computed field: a computed field without a column would leave the clear text in the old column, and OCA's
    mail_environment turns these very fields into computed ones. The cache may hold either form, since values come
    from the column as well as from assignments. Without a key the value is stored as Odoo stores it, and the health
    check says so. The model inherits spp.email.sealed.mixin.
    """

    copy = False
    # Set by base_sparse_field on fields that lie in a serialized one.
    sparse = None
    # What clients are shown, and may send back unchanged.
    mask = MASK
    _masks = (MASK,)

    def place(self, row):
        """Return the Place of the value in ``row``: the id of a record, 0 when there is none yet."""
        # What mail_environment keeps where its file says nothing is the value of the field itself.
        name = self.name.removeprefix("x_").removesuffix("_env_default") if self.sparse else self.name
        return Place(self.model_name, name, str(row or ""))

    def reveal(self, record):
        """Return the clear text for use, False when there is none.

        Raises:
            SealError: it cannot be opened with the keys at hand.
        """
        refuse_evaluated(record.env, "odoo.addons.spp_email_gateway.")
        value = revealing(record)[self.name]
        if value in self._masks:
            raise SealError("This credential cannot be opened with the keys at hand. Enter it anew.", field="key")
        return value

    def _sealed(self, value, record, values=None):
        """Return the text for the column: sealed, in clear where there never was a key; None in place of the mask."""
        if value in self._masks:
            # A dialogue is saved by one call and acts in the next one: it remembers that nothing was typed.
            return MASK if record._transient else None
        if not value or is_sealed(value):
            return value
        # A new row's id is known beforehand: spp.email.sealed.mixin draws it.
        return sealed_for(record.env, value, self.place((values or {}).get("id") or record._origin.id))

    def _opened(self, value, record):
        return opened(record.env, value, self.place(record._origin.id)) if is_sealed(value) else value

    def convert_to_column_insert(self, value, record, values=None, validate=True):
        # Values of create() are validated, those of the cache are not.
        if validate:
            self._refuse_sealed(value, record)
        return super().convert_to_column_insert(value, record, values, validate)

    def write(self, records, value):
        # A form sends back what it was shown when nothing was typed.
        if value in self._masks:
            if is_revealing(records.env, _COMPUTING):
                self._update_cache(records, value)
            return None
        self._refuse_sealed(value, records)
        return super().write(records, value)

    def _refuse_sealed(self, value, record):
        """A sealed value that is typed in was taken from somewhere: it must not be opened for whoever brings it."""
        if is_sealed(value.decode("ascii", "replace") if isinstance(value, bytes) else value):
            raise UserError(record.env._("This is not a password."))

    def convert_to_read(self, value, record, use_display_name=True):
        return self.mask if value else False

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
