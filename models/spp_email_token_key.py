# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The ring of keys that sign reply addresses, envelope senders and the own mark."""

import base64
import os

from odoo import api, fields, models, tools

from ..engine.errors import SealError
from ..engine.token import TokenRing
from .credential_key import sealer
from .sealed_char import SealedChar


class SppEmailTokenKey(models.Model):
    """Kept in the database, so that every host that shares it accepts what another one signed."""

    _name = "spp.email.token.key"
    _inherit = ["spp.email.sealed.mixin"]
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
        """Return the ring of all keys that can be opened.

        After the credential key was replaced none can: a fresh one is made, and marks and tokens signed before are
        no longer known as ours.

        Raises:
            SealError: there is no credential key to open or seal them with.
        """
        # sudo: signing is part of every worker's job, whoever it acts for; the keys leave this method only as ring.
        keys = self.sudo().search([], limit=255)  # nosemgrep: odoo-sudo-without-context
        opened, failure = {}, None
        for key in keys:
            try:
                opened[key.number] = base64.b64decode(self._fields["material"].reveal(key))
            except SealError as error:
                failure = error
        if failure and not opened:
            if not sealer(self.env).current_key_id:
                raise failure
            with self.env["spp.email.transaction"]._gateway_cursor() as env:
                material = env[self._name].sudo()._add_key()  # nosemgrep: as above
                opened[material.number] = base64.b64decode(self._fields["material"].reveal(material))
        return TokenRing(opened)

    @api.model
    def _add_key(self):
        """Add a fresh key, which signs from now on; tokens of the older ones stay valid."""
        newest = self.search([], limit=1).number
        key = self.create({"number": newest + 1, "material": base64.b64encode(os.urandom(32)).decode()})
        self.env.registry.clear_cache()
        return key
