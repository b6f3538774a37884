# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Where the keys that seal credentials come from: odoo.conf, the environment, or a file named by either; and OpenSPP's
key manager, where it is installed.
"""

import os
from pathlib import Path

from odoo.tools import config

from ..engine.errors import SealError, UnknownKeyError
from ..engine.seal import Sealer, parse_key
from .key_manager_ring import forget_manager_keys, has_manager, manager_keys

OPTION = "spp_email_gateway_key"
VARIABLE = "SPP_EMAIL_GATEWAY_KEY"
# What stands in the ring for the keys of OpenSPP's key manager.
MANAGER = "key-manager"
# System parameter with the name of the key that seals; its presence says that a key was set once.
SEALED_WITH = "spp_email_gateway.sealed_with"


def sealer(env) -> Sealer:
    """Return the sealer for the configured ring of keys; an empty ring when no key is configured.

    Several keys are separated by commas or new lines: the first seals, all open. Where OpenSPP's key manager is
    installed, the word ``key-manager`` stands for its keys; without the word they come last, so that they seal where
    nothing else is configured.

    Raises:
        SealError: a key file cannot be read, a key is malformed, or the key manager gives none.
    """
    words = configured_words()
    if not has_manager(env):
        return Sealer([parse_key(word) for word in words if word != MANAGER])
    keys = []
    for word in words if MANAGER in words else [*words, MANAGER]:
        if word == MANAGER:
            # A key that nobody asks to seal with is not made.
            keys += manager_keys(env, makes_key=not keys)
        else:
            keys.append(parse_key(word))
    return Sealer(keys)


def opened(env, sealed, place):
    """Return the clear text of a sealed value.

    Raises:
        SealError: it cannot be opened with the keys at hand.
    """
    try:
        return sealer(env).open(sealed, place)
    except UnknownKeyError:
        # Another process may have had the key manager make a new one.
        if not forget_manager_keys(env):
            raise
        return sealer(env).open(sealed, place)


def was_sealed(env) -> bool:
    """Return whether a credential of this database was ever sealed, so that a missing key is an error."""
    return bool(env["ir.config_parameter"].sudo().get_param(SEALED_WITH))  # nosemgrep: a key's public name


def note_sealing(env, keys):
    """Remember for good that credentials of this database are sealed, in the transaction that seals the first."""
    if was_sealed(env):
        return
    # By SQL: it happens while the rows of another model are being written.
    env.cr.execute(
        "INSERT INTO ir_config_parameter (key, value, create_uid, create_date, write_uid, write_date)"
        " VALUES (%(key)s, %(value)s, 1, now() AT TIME ZONE 'UTC', 1, now() AT TIME ZONE 'UTC')"
        " ON CONFLICT (key) DO NOTHING",
        {"key": SEALED_WITH, "value": keys.current_key_id},
    )
    env.registry.clear_cache("stable")


def configured_words() -> list[str]:
    """Return the parts of the configured ring of keys, in order.

    Raises:
        SealError: a key file cannot be read.
    """
    return _configured().replace(",", "\n").split()


def _configured() -> str:
    # The environment wins: containers set it, while odoo.conf may be baked into their image.
    for text, path in (
        (os.environ.get(VARIABLE), os.environ.get(f"{VARIABLE}_FILE")),
        (config.get(OPTION), config.get(f"{OPTION}_file")),
    ):
        if text:
            return str(text)
        if path:
            try:
                return Path(path).read_text(encoding="ascii")
            except (OSError, UnicodeDecodeError) as error:
                raise SealError("The file with the credential key cannot be read.", field="key") from error
    return ""
