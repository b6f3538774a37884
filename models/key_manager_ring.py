# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The keys that OpenSPP's key manager (spp.key.manager of spp_key_management) holds for the gateway."""

import os
import time

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.tools import config

from ..engine.errors import SealError

MODEL = "spp.key.manager"
# Names in the key manager; its providers call the key "<purpose>_<key id>".
PURPOSE, KEY = "credentials", "spp_email_gateway"
# Versions of the key that are asked for at most, the newest first.
MOST_VERSIONS = 20
# Seconds within which a key that is not known is not asked for again.
PATIENCE = 60

# {(database, whether a key was made): (when, keys)} of this process. The manager writes each access into the log,
# and asks a service over the network in some set-ups.
_known = {}


def has_manager(env) -> bool:
    return MODEL in env


def manager_keys(env, *, makes_key) -> tuple[bytes, ...]:
    """Return the manager's keys for the gateway, its current one first.

    Args:
        makes_key: let the manager make a key where it has none. Otherwise what it does not give is not missed.

    Raises:
        SealError: the manager gives no key, and one was asked for.
    """
    name = (env.cr.dbname, makes_key)
    if name not in _known:
        _known[name] = time.monotonic(), _ask(env, makes_key)
    return _known[name][1]


def forget_manager_keys(env) -> bool:
    """Let the manager be asked again; return whether it makes sense, since it was not asked just now."""
    names = [name for name in _known if name[0] == env.cr.dbname]
    if not names or any(time.monotonic() - _known[name][0] < PATIENCE for name in names):
        return False
    for name in names:
        del _known[name]
    return True


def is_derived_from_database(env) -> bool:
    """Return whether the manager protects its keys with nothing that is outside of the database."""
    if not has_manager(env):
        return False
    # sudo: a question about the set-up; no key is read.
    provider = env[MODEL].sudo()._get_provider(PURPOSE)  # nosemgrep: odoo-sudo-without-context
    is_database = provider._name == "spp.key.provider.database"
    return is_database and not (os.environ.get("SPP_MASTER_KEY") or config.get("spp_master_key"))


def _ask(env, makes_key):
    # In a transaction of its own: the manager remembers a key that it makes, also if the transaction that wanted it
    # is rolled back, and what was sealed with that key later could never be opened.
    with env["spp.email.transaction"]._gateway_cursor() as own:
        # The manager gives keys to its own groups and to the system; whoever sends mail is neither.
        manager = api.Environment(own.cr, SUPERUSER_ID, {})[MODEL]
        try:
            provider = manager._get_provider(PURPOSE)
            versions = sorted(provider.list_key_versions(f"{PURPOSE}_{KEY}"), reverse=True)[:MOST_VERSIONS]
            if not versions and not makes_key:
                return ()
            current = bytes(manager.get_key(PURPOSE, KEY))
            older = [bytes(manager.get_key(PURPOSE, KEY, version=version)) for version in versions]
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a provider's service raises
            if not makes_key:
                return ()
            raise SealError(
                "OpenSPP's key manager gives no key for credentials. Look at its provider for the purpose "
                "“credentials”, or configure a key of the gateway's own.",
                field="key",
            ) from error
    return tuple(dict.fromkeys([current, *older]))
