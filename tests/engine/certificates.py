# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A certification authority that lives as long as the test run."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import os
import ssl
import tempfile
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@functools.cache
def authority():
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name("Test CA"))
        .issuer_name(_name("Test CA"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def without_system_authorities():
    """To be entered by test classes: reading the system's authorities takes 20 ms for each context."""
    return mock.patch.object(ssl.SSLContext, "load_default_certs")


def authority_pem() -> str:
    return authority()[1].public_bytes(serialization.Encoding.PEM).decode()


@functools.cache
def server_context(host: str = "127.0.0.1", *, days: int = 10, self_signed: bool = False) -> ssl.SSLContext:
    """What a server needs to be `host`; with negative `days` its certificate has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer, issuer = (key, _name(host)) if self_signed else (authority()[0], authority()[1].subject)
    now = datetime.datetime.now(datetime.timezone.utc)
    try:
        name = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        name = x509.DNSName(host)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(host))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=20))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "server.pem")
        with open(path, "wb") as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        context.load_cert_chain(path)
    return context
