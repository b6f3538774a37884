# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What an encrypted connection shows of itself: version, cipher, and the certificate with its chain."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from cryptography import x509
from cryptography.x509.oid import NameOID

# Below this a person should know, while there is time to have it renewed.
WARN_DAYS = 21
_MOST_NAMES = 5
_MOST_CHAIN = 10


@dataclass(frozen=True, slots=True)
class Certificate:
    """Attributes:
    names: host names and addresses that it is for, the common name only where there are none.
    issuer: whoever signed it, by common name or else organization; "" where it names neither.
    expires: with time zone.
    """

    names: tuple[str, ...]
    subject: str
    issuer: str
    expires: datetime

    def days_left(self, now: datetime) -> int:
        """Return the whole days until it expires, negative when it has."""
        return (self.expires - now).days


@dataclass(frozen=True, slots=True)
class Encryption:
    """`chain` begins with the server's own certificate; it is empty where none could be read."""

    version: str
    cipher: str
    chain: tuple[Certificate, ...]


def read_certificate(der: bytes) -> Certificate | None:
    """Return what stands in a certificate given as DER, None where it cannot be read."""
    try:
        found = x509.load_der_x509_certificate(der)
        subject, issuer = _name(found.subject), _name(found.issuer)
        return Certificate(_names(found) or ((subject,) if subject else ()), subject, issuer, _expiry(found))
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        # Certificates of devices break the rules; what could be asked of the connection stands all the same.
        return None


def read_encryption(sock: ssl.SSLSocket) -> Encryption:
    """Return what a socket shows on which the handshake is over."""
    cipher = sock.cipher()
    chain = [found for found in map(read_certificate, _chain(sock)[:_MOST_CHAIN]) if found]
    return Encryption(sock.version() or "", cipher[0] if cipher else "", tuple(chain))


def describe_encryption(encryption: Encryption, *, is_verified: bool, now: datetime) -> tuple[str, str]:
    """Return (what was found, a warning or ""), in words.

    Args:
        is_verified: the certificate was checked.
        now: with time zone.
    """
    words = [f"{encryption.version}, {encryption.cipher}."]
    if not encryption.chain:
        return f"{words[0]} The certificate could not be read.", "" if is_verified else _UNCHECKED
    own = encryption.chain[0]
    shown = ", ".join(own.names[:_MOST_NAMES]) + ("…" if len(own.names) > _MOST_NAMES else "")
    days = own.days_left(now)
    until = f"{own.expires:%Y-%m-%d}"
    words.append(f"Certificate for {shown or 'nobody'}, issued by {own.issuer or 'nobody'}, until {until}.")
    words.append(f"Chain: {' → '.join(_called(found) for found in encryption.chain)}.")
    warnings = []
    if not is_verified:
        warnings.append(_UNCHECKED)
    if days < 0:
        warnings.append(f"The certificate has expired {_days(-days)} ago.")
    elif days < WARN_DAYS:
        warnings.append(f"The certificate expires in {_days(days)}: have it renewed, or nothing is read or sent then.")
    return " ".join(words), " ".join(warnings)


_UNCHECKED = "The certificate was not checked, as chosen: somebody on the way could pose as the server."


def _days(days: int) -> str:
    return f"{days} day" if days == 1 else f"{days} days"


def _called(found: Certificate) -> str:
    return found.subject or (found.names[0] if found.names else "?")


def _chain(sock: ssl.SSLSocket) -> Sequence[bytes]:
    """The chain as DER, the server's own first; as verified, else as sent."""
    # Public since Python 3.13; before that the same methods stand on the object within, and return objects.
    inner = sock if hasattr(sock, "get_unverified_chain") else getattr(sock, "_sslobj", None)
    is_verified = sock.context.verify_mode is not ssl.CERT_NONE
    ask = getattr(inner, "get_verified_chain" if is_verified else "get_unverified_chain", None)
    try:
        chain = ask() if ask else None
    except (ssl.SSLError, ValueError):
        chain = None
    if not chain:
        own = sock.getpeercert(binary_form=True)
        return [own] if own else []
    return [one if isinstance(one, bytes) else ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain]


def _expiry(found: x509.Certificate) -> datetime:
    # cryptography before 42 knows the naive one only.
    if hasattr(found, "not_valid_after_utc"):
        return found.not_valid_after_utc
    return found.not_valid_after.replace(tzinfo=timezone.utc)


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    hosts = names.get_values_for_type(x509.DNSName)
    return (*hosts, *(str(address) for address in names.get_values_for_type(x509.IPAddress)))


def _name(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        if found := name.get_attributes_for_oid(oid):
            return " ".join(str(found[0].value).split())[:100]
    return ""
