# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Bearer tokens of intakes (RFC 6750): long random secrets, of which only a digest is kept.

A token is ``<prefix>.<secret>``: 12 hex digits that name it, and 256 random bits. A secret of that size cannot be
guessed, so one SHA-256 is enough; a slow password hash for each mail would be a self-made denial of service.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

_PREFIX_BYTES = 6
_SECRET_BYTES = 32
_HEX = frozenset("0123456789abcdef")
# A header longer than this is no token of ours; hashing it would be work for a stranger.
_LONGEST = 100
# Compared with where no token has the prefix, so that the answer takes the same time.
_NOBODY = "0" * 64


@dataclass(frozen=True)
class Bearer:
    """A new token.

    Attributes:
        text: what the caller sends. It is shown once and never stored.
        prefix: finds the stored digest; no secret.
        digest: SHA-256 of ``text``, hex.
    """

    text: str
    prefix: str
    digest: str


def new_bearer(random_bytes: Callable[[int], bytes]) -> Bearer:
    """Return a new token made from ``random_bytes(count)``."""
    prefix = random_bytes(_PREFIX_BYTES).hex()
    secret = base64.urlsafe_b64encode(random_bytes(_SECRET_BYTES)).decode().rstrip("=")
    text = f"{prefix}.{secret}"
    return Bearer(text, prefix, _digest(text))


def read_authorization(header: str) -> str:
    """Return the token in an Authorization header, "" when there is none (RFC 6750 §2.1)."""
    scheme, _space, text = header.strip().partition(" ")
    text = text.strip()
    return text if scheme.lower() == "bearer" and 0 < len(text) <= _LONGEST else ""


def bearer_prefix(text: str) -> str:
    """Return the part that finds the stored digest, "" when ``text`` is no token of ours."""
    prefix, dot, secret = text.partition(".")
    # Hex digits only: a database refuses to look for some characters at all.
    return prefix if dot and secret and len(prefix) == 2 * _PREFIX_BYTES and not set(prefix) - _HEX else ""


def is_bearer(text: str, digest: str) -> bool:
    """Tell, in constant time, whether ``text`` is the token of ``digest``; "" stands for "nobody has this prefix"."""
    return hmac.compare_digest(_digest(text), digest or _NOBODY)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
