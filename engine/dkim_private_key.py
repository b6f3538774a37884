# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Private keys that sign mail (RFC 6376 §3.3, RFC 8463): made, read from what people paste, used."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from enum import Enum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from .errors import ConfigurationError

# RFC 8301 §3.2: signers use at least 1024 bits and should use 2048; receivers read up to 4096.
SHORTEST_RSA, USUAL_RSA, LONGEST_RSA = 1024, 2048, 4096
_LONGEST_TEXT = 20_000
_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")


class KeyAlgorithm(str, Enum):
    """The words of k= in the DNS."""

    RSA = "rsa"
    ED25519 = "ed25519"


@dataclass(frozen=True)
class DkimPrivateKey:
    """A key that signs.

    Attributes:
        algorithm: what signs.
        bits: of an RSA key; 256 for Ed25519.
        public_bytes: the public part, as the DNS has it before base64.
    """

    algorithm: KeyAlgorithm
    bits: int
    public_bytes: bytes
    _key: RSAPrivateKey | Ed25519PrivateKey = field(repr=False)

    def sign(self, digest: bytes) -> bytes:
        """Return the signature of a SHA-256 digest: PKCS #1 v1.5 for RSA, Ed25519 over the digest (RFC 8463 §3)."""
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(digest, padding.PKCS1v15(), utils.Prehashed(SHA256()))
        return self._key.sign(digest)

    def pem(self) -> str:
        """Return the key as PKCS #8 in PEM, to be sealed."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def record(self) -> str:
        """Return the text of the DNS record that publishes the public part (RFC 6376 §3.6.1, RFC 8463 §4)."""
        return f"v=DKIM1; k={self.algorithm.value}; p={base64.b64encode(self.public_bytes).decode()}"


def make_private_key(algorithm: KeyAlgorithm, bits: int = USUAL_RSA) -> DkimPrivateKey:
    """Return a fresh key. An RSA key of 2048 bits takes a tenth of a second, one of 4096 bits seconds."""
    if algorithm is KeyAlgorithm.ED25519:
        return _of(Ed25519PrivateKey.generate())
    return _of(generate_private_key(public_exponent=65537, key_size=bits))


def read_private_key(text: str, *, is_own: bool = False) -> DkimPrivateKey:
    """Return the key of a PEM text, in PKCS #1 or PKCS #8.

    Args:
        is_own: it was made or checked here before: the slow check of an RSA key's numbers is left out.

    Raises:
        ConfigurationError: it is none that can sign, in words; its field is "private_key".
    """
    text = text.strip()
    labels = _LABEL.findall(text)
    if not text:
        raise _refusal("Paste the private key, with its lines BEGIN and END.")
    if len(text) > _LONGEST_TEXT:
        raise _refusal("This is longer than any private key.")
    if not labels:
        raise _refusal("This is no private key in PEM form: its line “-----BEGIN PRIVATE KEY-----” is missing.")
    if len(labels) > 1:
        raise _refusal("Paste one private key and nothing else.")
    (label,) = labels
    if label.endswith("PUBLIC KEY"):
        raise _refusal("This is a public key. Paste the private key that belongs to it.")
    if label == "CERTIFICATE":
        raise _refusal("This is a certificate. DKIM needs a private key.")
    if label == "ENCRYPTED PRIVATE KEY" or "ENCRYPTED" in text:
        raise _refusal(
            "This key is protected by a passphrase. Take it off first: openssl pkey -in key.pem -out open.pem"
        )
    if label == "OPENSSH PRIVATE KEY":
        raise _refusal("This is a key for SSH. DKIM needs one in PKCS #1 or PKCS #8.")
    try:
        key = serialization.load_pem_private_key(text.encode(), None, unsafe_skip_rsa_key_validation=is_own)
    except UnsupportedAlgorithm as error:
        raise _refusal("DKIM knows RSA and Ed25519 keys; this is neither.") from error
    except (ValueError, TypeError) as error:
        raise _refusal("This private key is damaged, or a part of it is missing.") from error
    if not isinstance(key, (RSAPrivateKey, Ed25519PrivateKey)):
        raise _refusal("DKIM knows RSA and Ed25519 keys; this is neither.")
    found = _of(key)
    if found.bits < SHORTEST_RSA and found.algorithm is KeyAlgorithm.RSA:
        raise _refusal(f"This key has {found.bits} bits. Receivers believe none with less than {SHORTEST_RSA} bits.")
    if found.bits > LONGEST_RSA:
        raise _refusal(f"This key has {found.bits} bits. Receivers read none with more than {LONGEST_RSA} bits.")
    return found


def _of(key: RSAPrivateKey | Ed25519PrivateKey) -> DkimPrivateKey:
    public = key.public_key()
    if isinstance(key, RSAPrivateKey):
        # RFC 6376 §3.6.1 asks for SubjectPublicKeyInfo in its erratum 3017, as everybody publishes it.
        encoded = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        return DkimPrivateKey(KeyAlgorithm.RSA, key.key_size, encoded, key)
    return DkimPrivateKey(KeyAlgorithm.ED25519, 256, public.public_bytes_raw(), key)


def _refusal(words: str) -> ConfigurationError:
    return ConfigurationError(words, field="private_key")
