# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A stand-in for OpenSPP's key manager: no code of it, only its interface as far as the gateway calls it.

The interface is that of spp_key_management: ``spp.key.manager`` with ``get_key(purpose, key_id, version=None)``, which
gives 32 bytes to the system and to its own groups, makes a key where there is none, and remembers it in the process
whatever becomes of the transaction; ``_get_provider(purpose)``, whose model has ``list_key_versions(key_id)``, newest
first, by the provider's own name of the key.
"""

import os
from contextlib import contextmanager

from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.orm.model_classes import add_to_registry

from ..models import key_manager_ring

# {provider's name of the key: keys, oldest first}
KEYS = {}
# What get_key was asked for.
ASKED = []


class KeyManager(models.AbstractModel):
    _name = "spp.key.manager"
    _description = "Key Management Service (stand-in)"
    _module = None

    @api.model
    def get_key(self, purpose, key_id, version=None):
        if not self.env.su:
            raise AccessError(self.env._("Access denied: a permission for key operation 'read' is missing."))
        ASKED.append((purpose, key_id, version))
        return self._get_provider(purpose).get_data_key(f"{purpose}_{key_id}", version)

    @api.model
    def rotate_key(self, purpose, key_id):
        return self._get_provider(purpose).rotate_key(f"{purpose}_{key_id}")

    @api.model
    def _get_provider(self, purpose):
        return self.env["spp.key.provider.database"]


class DatabaseKeyProvider(models.AbstractModel):
    _name = "spp.key.provider.database"
    _description = "Database Key Provider (stand-in)"
    _module = None

    @api.model
    def get_data_key(self, key_id, version=None):
        if version:
            if not 0 < version <= len(KEYS.get(key_id, ())):
                raise UserError(self.env._("This version of the encryption key is not found."))
            return KEYS[key_id][version - 1]
        return KEYS.setdefault(key_id, [os.urandom(32)])[-1]

    @api.model
    def rotate_key(self, key_id):
        KEYS.setdefault(key_id, []).append(os.urandom(32))
        return len(KEYS[key_id])

    @api.model
    def list_key_versions(self, key_id):
        return list(range(len(KEYS.get(key_id, ())), 0, -1))


@contextmanager
def key_manager(env):
    """Context: the stand-in is in the registry, without a key."""
    names = (KeyManager._name, DatabaseKeyProvider._name)
    for store in (KEYS, ASKED, key_manager_ring._known):
        store.clear()
    try:
        for model in (KeyManager, DatabaseKeyProvider):
            add_to_registry(env.registry, model)
        env.registry._setup_models__(env.cr, list(names))
        yield env[KeyManager._name].sudo()
    finally:
        for name in names:
            env.registry.models.pop(name, None)
            for parent in env.registry.models.values():
                parent._inherit_children.discard(name)
        env.registry._setup_models__(env.cr, [])
        for store in (KEYS, ASKED, key_manager_ring._known):
            store.clear()
