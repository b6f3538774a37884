# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Credentials at rest: sealed with AES-256-GCM and bound to the place where they are kept.

A sealed value is text: ``sealed:2:<key id>:<base64 of nonce and ciphertext>``. The key id names the key that made
it, so that a ring of keys can be rotated. The place (model, field and row) is authenticated: a value copied to
another row or column does not open. ``sealed:1:`` is the older form, bound to model and field only; it is still
opened and never made.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import SealError, UnknownKeyError

PREFIX = "sealed:2:"
_OLD_PREFIX = "sealed:1:"
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
    return isinstance(value, str) and value.startswith((PREFIX, _OLD_PREFIX))


def has_old_form(sealed: str) -> bool:
    """Return whether a sealed value is bound to its field only, and would open in any row."""
    return sealed.startswith(_OLD_PREFIX)


def sealed_with(sealed: str) -> str:
    """Return the name of the key that made a sealed value."""
    return sealed[len(PREFIX) :].partition(":")[0]


@dataclass(frozen=True)
class Place:
    """Where a credential is kept: what a sealed value is bound to.

    Attributes:
        model: name of the model.
        field: name of the field.
        row: what names the row for good: its id, or the key of a system parameter.
    """

    model: str
    field: str
    row: str

    def binding(self, sealed: str = PREFIX) -> bytes:
        """Return what is authenticated with a value in the form of ``sealed``."""
        if sealed.startswith(_OLD_PREFIX):
            return f"{self.model}.{self.field}".encode()
        return f"{self.model}.{self.field},{self.row}".encode()


class Sealer:
    """Seals with the first key of the ring and opens with whichever made the value."""

    def __init__(self, keys: Sequence[bytes], random_bytes: Callable[[int], bytes] = os.urandom):
        self._keys = {key_id(key): key for key in keys}
        self._current = key_id(keys[0]) if keys else ""
        self._random_bytes = random_bytes

    def __repr__(self):
        return f"Sealer({', '.join(self._keys)})"

    @property
    def current_key_id(self) -> str:
        """Name of the key that seals new values, "" when there is none."""
        return self._current

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Names of all keys of the ring, the one that seals first."""
        return tuple(self._keys)

    def is_current(self, sealed: str) -> bool:
        """Return whether a sealed value has today's form and the key that seals new ones."""
        return sealed.startswith(PREFIX) and sealed_with(sealed) == self._current

    def seal(self, plain: str, place: Place) -> str:
        """Return ``plain`` sealed for ``place``.

        Raises:
            SealError: there is no key.
        """
        if not self._current:
            raise SealError("There is no credential key to seal with.", field="key")
        nonce = self._random_bytes(_NONCE_BYTES)
        box = AESGCM(self._keys[self._current]).encrypt(nonce, plain.encode(), place.binding())
        return f"{PREFIX}{self._current}:{base64.b64encode(nonce + box).decode()}"

    def open(self, sealed: str, place: Place) -> str:
        """Return the clear text of a sealed value.

        Raises:
            UnknownKeyError: the key that made it is not at hand.
            SealError: the value was altered or moved.
        """
        name = sealed_with(sealed)
        if name not in self._keys:
            raise UnknownKeyError(
                f"This credential was sealed with key {name}, which is not configured. "
                "Put the key back into odoo.conf, the environment or the key file.",
                field="key",
            )
        box = sealed[len(PREFIX) + len(name) + 1 :]
        try:
            raw = base64.b64decode(box.encode(), validate=True)
            plain = AESGCM(self._keys[name]).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.binding(sealed))
            return plain.decode()
        except (InvalidTag, ValueError) as error:
            raise SealError("This credential was altered or moved and cannot be opened. Enter it anew.") from error
