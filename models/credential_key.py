# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Where the key that seals credentials comes from: odoo.conf, the environment, or a file named by either."""

import os
from pathlib import Path

from odoo.tools import config

from ..engine.errors import SealError
from ..engine.seal import Sealer, parse_key

OPTION = "spp_email_gateway_key"
VARIABLE = "SPP_EMAIL_GATEWAY_KEY"
# System parameter with the name of the key that seals; its presence says that a key was set once.
SEALED_WITH = "spp_email_gateway.sealed_with"


def sealer() -> Sealer:
    """Return the sealer for the configured ring of keys; an empty ring when no key is configured.

    Several keys are separated by commas or new lines: the first seals, all open.

    Raises:
        SealError: a key file cannot be read, or a key is malformed.
    """
    return Sealer([parse_key(part) for part in _configured().replace(",", "\n").split()])


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
