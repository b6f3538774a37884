# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail that is really signed, and the DNS records of who signed it."""

from __future__ import annotations

import base64
import time
from functools import cache

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@cache
def key_pair(bits=1024, number=1) -> tuple[bytes, str]:
    """Return a private key as PEM and the DNS record of its public key. Made once a process for each number."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


def letter(sender="Ann <ann@example.org>", body=b"hello\r\n", head=b"") -> bytes:
    return b"\r\n".join(
        (
            head + b"From: " + sender.encode(),
            b"To: box@gateway.test",
            b"Subject: A question",
            f"Message-ID: <{time.time_ns()}@example.org>".encode(),
            b"Date: Mon, 04 May 2026 12:00:00 +0000",
            b"",
            body,
        )
    )


class _Signer(dkim.DKIM):
    """Signs with tags that dkimpy does not put in by itself."""

    def __init__(self, message, tags, **options):
        super().__init__(message, **options)
        self._tags = tags

    def gen_header(self, fields, include_headers, canon_policy, header_name, pk, standardize=False):
        fields = [*fields[:-1], *self._tags, fields[-1]]
        return super().gen_header(fields, include_headers, canon_policy, header_name, pk, standardize)


def signed(
    message=None,
    domain="example.org",
    selector="s1",
    key=None,
    *,
    tags=(),
    fields=(b"from", b"to", b"subject", b"message-id", b"date"),
    canonical=(b"relaxed", b"relaxed"),
    algorithm=b"rsa-sha256",
    length=False,
    identity=None,
) -> bytes:
    """Return a message with a DKIM-Signature on top.

    Args:
        tags: further (name, value) of the signature, as bytes.
    """
    message = message or letter()
    signer = _Signer(message, tuple(tags), signature_algorithm=algorithm)
    field = signer.sign(
        selector.encode(),
        domain.encode(),
        key or key_pair()[0],
        include_headers=list(fields),
        canonicalize=canonical,
        length=length,
        identity=identity,
    )
    return field + message


def zone(record=None, domain="example.org", selector="s1", dmarc=None) -> dict:
    """Return the records of tests.engine.name_server.NameServer for a domain that signs."""
    text = record if record is not None else key_pair()[1]
    pieces = " ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200)) or '""'
    records = {(f"{selector}._domainkey.{domain}", "TXT"): [pieces]}
    if dmarc:
        records[f"_dmarc.{domain}", "TXT"] = [f'"{dmarc}"']
    return records
