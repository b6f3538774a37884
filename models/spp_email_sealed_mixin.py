# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Models with credentials: what a database query would tell about them is refused."""

from odoo import models
from odoo.exceptions import UserError

from ..engine.seal import MASK
from .sealed_char import SealedChar


class SppEmailSealedMixin(models.AbstractModel):
    _name = "spp.email.sealed.mixin"
    _description = "Model with Credentials"

    def _gateway_proof(self):
        """Return (host, private CA, whether the server must prove who it is): who gets the password."""
        raise NotImplementedError

    def _require_password_again(self, vals, password, before):
        """Refuse to give a stored password to another server than it was entered for.

        Whoever may change where a server is, or whether it must prove who it is, could otherwise have the password
        sent to a server of his own. The system itself (sudo) may: it changes nothing of this on anybody's behalf.

        Args:
            vals: values that were written.
            password: name of the sealed field.
            before: ``_gateway_proof()`` of each record before the values were written.

        Raises:
            UserError: another server would get the password, and no password came with the values.
        """
        if self.env.su or vals.get(password) not in (None, MASK):
            return
        for record in self:
            host, authority, is_proven = record._gateway_proof()
            old_host, old_authority, was_proven = before[record.id]
            if record[password] and (
                host != old_host or authority != old_authority or (was_proven and not is_proven)
            ):
                raise UserError(
                    self.env._(
                        "Enter the password again: it was stored for the server as it was set up, and is not given "
                        "to another one, or to one that need not prove who it is."
                    )
                )

    def _refuse_sealed(self, specification):
        field = self._fields.get(specification.partition(":")[0].partition(".")[0])
        if isinstance(field, SealedChar):
            raise UserError(self.env._("A password cannot be grouped, counted or sorted by."))

    def _read_group_groupby(self, alias, groupby_spec, query):
        self._refuse_sealed(groupby_spec)
        return super()._read_group_groupby(alias, groupby_spec, query)

    def _read_group_select(self, aggregate_spec, query):
        self._refuse_sealed(aggregate_spec)
        return super()._read_group_select(aggregate_spec, query)

    def _order_field_to_sql(self, alias, field_name, direction, nulls, query):
        self._refuse_sealed(field_name)
        return super()._order_field_to_sql(alias, field_name, direction, nulls, query)
