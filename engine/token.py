# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Signed, expiring tokens for reply addresses, envelope senders and the gateway's own mark.

A token is lower-case base32 without padding, since local parts of addresses may be folded to one case on the way
and must stay below 64 octets (RFC 5321 §4.5.3.1.1): 1 octet of key number, 4 of expiry, 8 of value, 12 of MAC,
40 characters in all.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Mapping
from datetime import datetime, timezone

from .errors import TokenError

_HEAD = struct.Struct(">BIQ")
_MAC_BYTES = 12


class TokenRing:
    """Signs with the newest key and accepts all of the ring.

    Args:
        keys: secret by key number, 1 to 255. The highest number signs.
    """

    def __init__(self, keys: Mapping[int, bytes]):
        if not keys:
            raise ValueError("a token ring needs at least one key")
        self._keys = dict(keys)
        self._newest = max(keys)

    def sign(self, purpose: str, value: int, expires: datetime) -> str:
        """Return a token that carries ``value`` (0 to 2**64-1) for ``purpose`` until ``expires`` (UTC)."""
        head = _HEAD.pack(self._newest, _seconds(expires), value)
        box = head + self._mac(self._newest, purpose, head)
        return base64.b32encode(box).decode().rstrip("=").lower()

    def verify(self, purpose: str, text: str, now: datetime) -> int:
        """Return the value of a token.

        Raises:
            TokenError: malformed, forged, of another purpose, or expired at ``now`` (UTC).
        """
        upper = text.strip().upper()
        try:
            box = base64.b32decode(upper + "=" * (-len(upper) % 8))
        except (binascii.Error, ValueError) as error:
            raise TokenError("The token is malformed.") from error
        if len(box) != _HEAD.size + _MAC_BYTES:
            raise TokenError("The token is malformed.")
        head, mac = box[: _HEAD.size], box[_HEAD.size :]
        number, expires, value = _HEAD.unpack(head)
        if number not in self._keys or not hmac.compare_digest(mac, self._mac(number, purpose, head)):
            raise TokenError("The token is not one of ours.")
        if expires < _seconds(now):
            raise TokenError("The token has expired.")
        return value

    def _mac(self, number: int, purpose: str, head: bytes) -> bytes:
        return hmac.new(self._keys[number], purpose.encode() + b"\0" + head, hashlib.sha256).digest()[:_MAC_BYTES]


def _seconds(moment: datetime) -> int:
    # Odoo's datetimes are naive and in UTC.
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return int(moment.timestamp())
