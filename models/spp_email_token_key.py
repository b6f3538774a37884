# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The ring of keys that sign reply addresses, envelope senders and the own mark."""

import base64
import os

from odoo import api, fields, models, tools

from ..engine.token import TokenRing
from .sealed_char import SealedChar


class SppEmailTokenKey(models.Model):
    """Kept in the database, so that every host that shares it accepts what another one signed."""

    _name = "spp.email.token.key"
    _description = "Email Gateway Signing Key"
    _order = "number desc"
    _rec_name = "number"

    number = fields.Integer(required=True, readonly=True)
    material = SealedChar(required=True, readonly=True, groups="base.group_system")

    _number_unique = models.UniqueIndex("(number)")
    _number_range = models.Constraint("CHECK(number BETWEEN 1 AND 255)", "A key number is 1 to 255.")

    @api.model
    @tools.ormcache()
    def _ring(self):
        """Return the ring of all keys. The first key is made when the addon is installed."""
        # sudo: signing is part of every worker's job, whoever it acts for; the keys leave this method only as ring.
        keys = self.sudo().search([], limit=255)  # nosemgrep: odoo-sudo-without-context
        reveal = self._fields["material"].reveal
        return TokenRing({key.number: base64.b64decode(reveal(key)) for key in keys})

    @api.model
    def _add_key(self):
        """Add a fresh key, which signs from now on; tokens of the older ones stay valid."""
        newest = self.search([], limit=1).number
        key = self.create({"number": newest + 1, "material": base64.b64encode(os.urandom(32)).decode()})
        self.env.registry.clear_cache()
        return key
