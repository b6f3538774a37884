# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which published keys prove something (RFC 6376 §3.6.1, RFC 8301)."""

from __future__ import annotations

import base64

from dkim.crypto import UnparsableKeyError, parse_public_key
from dkim.util import InvalidTagValueList, parse_tag_value

# RFC 8301 §3.2: 1024 to 4096 bits. A key of 16,384 bits costs seconds, and its owner sends many messages.
SHORTEST_KEY = 1024
_LONGEST_KEY, _LONGEST_EXPONENT = 4096, 64
_LONGEST_KEY_TEXT = 1000


def tags_of(value: bytes) -> dict[bytes, bytes]:
    """Return the tags of a signature or key record; {} when it is malformed (RFC 6376 §3.2)."""
    try:
        return parse_tag_value(value)
    except (InvalidTagValueList, ValueError, AttributeError):
        # dkimpy's own error, and what an empty name or value makes of it.
        return {}


def key_record(texts: tuple[str, ...]) -> str:
    """Return the record that holds a key, "" for none. Of several the first is taken (RFC 6376 §3.6.2.2)."""
    return next((text for text in texts if "p=" in text), "")


def key_refusal(key: str, tags: dict[bytes, bytes]) -> str:
    """Return why a key proves nothing, in words; "" when it may be used.

    Args:
        key: see key_record.
        tags: of the signature.
    """
    if not key:
        return "its domain publishes no such key"
    if len(key) > _LONGEST_KEY_TEXT:
        return "its key is longer than 4096 bits"
    if not key.isascii():
        return "its key cannot be read"
    record = tags_of(key.encode())
    if not record.get(b"p", b"").strip():
        # RFC 6376 §3.6.1: an empty p= takes the key back.
        return "its key was revoked"
    flags = [flag.strip() for flag in record.get(b"t", b"").split(b":")]
    if b"y" in flags:
        # RFC 6376 §3.6.1: to be treated as if it were not signed.
        return "its domain only tries signing out (t=y)"
    identity = tags.get(b"i", b"").rpartition(b"@")[2].strip().lower()
    if b"s" in flags and identity and identity != tags.get(b"d", b"").strip().lower():
        return "its key is not for domains below its own (t=s)"
    algorithm = record.get(b"k", b"rsa").strip().lower()
    if algorithm == b"ed25519":
        return "it is signed with Ed25519, which is not read here"
    if algorithm != b"rsa":
        return "its key is of an unknown kind"
    hashes = [one.strip().lower() for one in record.get(b"h", b"").split(b":") if one.strip()]
    if hashes and b"sha256" not in hashes:
        return "its key is not for SHA-256"
    return _size_refusal(record[b"p"])


def _size_refusal(encoded: bytes) -> str:
    try:
        key = parse_public_key(base64.b64decode(b"".join(encoded.split())))
        modulus, exponent = key["modulus"], key["publicExponent"]
        bits, exponent_bits = modulus.bit_length(), exponent.bit_length()
    except (UnparsableKeyError, ValueError, KeyError, IndexError, TypeError, AttributeError):
        # dkimpy's own error, and what its reader of ASN.1 trips over.
        return "its key cannot be read"
    if bits < SHORTEST_KEY:
        return "its key is shorter than 1024 bits"
    # An exponent as long as the modulus costs a second a signature; everybody's is 65537.
    return "its key is longer than 4096 bits" if bits > _LONGEST_KEY or exponent_bits > _LONGEST_EXPONENT else ""
