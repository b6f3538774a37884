# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Credentials at rest: sealed with AES-256-GCM and bound to the place where they are kept.

A sealed value is text: ``sealed:1:<key id>:<base64 of nonce and ciphertext>``. The key id names the key that made
it, so that a ring of keys can be rotated. The binding (model and field) is authenticated: a value copied into
another column does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import SealError

PREFIX = "sealed:1:"
# What a person sees instead of a credential, and what a form may send back unchanged.
MASK = "••••••••"
_NONCE_BYTES = 12  # NIST SP 800-38D §5.2.1.1


def new_key(random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """Return a new key as text, 256 bits in URL-safe base64, as a configuration file takes it."""
    return base64.urlsafe_b64encode(random_bytes(32)).decode()


def parse_key(text: str) -> bytes:
    """Return the 32 bytes of a key given as text.

    Raises:
        SealError: it is not 32 bytes of base64.
    """
    try:
        key = base64.urlsafe_b64decode(text.strip().encode())
    except (binascii.Error, ValueError) as error:
        raise SealError("The credential key is not base64 text.", field="key") from error
    if len(key) != 32:
        raise SealError("The credential key must be 32 bytes (256 bits) in base64.", field="key")
    return key


def key_id(key: bytes) -> str:
    """Return 8 hex digits that name a key without telling it."""
    return hashlib.sha256(b"spp_email_gateway key id" + key).hexdigest()[:8]


def is_sealed(value: object) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)


class Sealer:
    """Seals with the first key of the ring and opens with whichever made the value."""

    def __init__(self, keys: Sequence[bytes], random_bytes: Callable[[int], bytes] = os.urandom):
        self._keys = {key_id(key): key for key in keys}
        self._current = key_id(keys[0]) if keys else ""
        self._random_bytes = random_bytes

    @property
    def current_key_id(self) -> str:
        """Name of the key that seals new values, "" when there is none."""
        return self._current

    def seal(self, plain: str, binding: str) -> str:
        """Return ``plain`` sealed for ``binding``, "model.field".

        Raises:
            SealError: there is no key.
        """
        if not self._current:
            raise SealError("There is no credential key to seal with.", field="key")
        nonce = self._random_bytes(_NONCE_BYTES)
        box = AESGCM(self._keys[self._current]).encrypt(nonce, plain.encode(), binding.encode())
        return f"{PREFIX}{self._current}:{base64.b64encode(nonce + box).decode()}"

    def open(self, sealed: str, binding: str) -> str:
        """Return the clear text of a sealed value.

        Raises:
            SealError: the key that made it is not at hand, or the value was altered or moved.
        """
        name, _colon, box = sealed.removeprefix(PREFIX).partition(":")
        if name not in self._keys:
            raise SealError(
                f"This credential was sealed with key {name}, which is not configured. "
                "Put the key back into odoo.conf, the environment or the key file.",
                field="key",
            )
        try:
            raw = base64.b64decode(box.encode(), validate=True)
            return AESGCM(self._keys[name]).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], binding.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SealError("This credential was altered or moved and cannot be opened. Enter it anew.") from error
