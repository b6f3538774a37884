# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A message and its envelope in the form in which they go over the wire."""

from __future__ import annotations

import copy
import io
import secrets
from email.generator import BytesGenerator
from email.message import EmailMessage
from email.utils import getaddresses

import idna

# The same for every message of this process: a field that was parsed before costs nothing. Parts within parts need
# others.
_BOUNDARIES = tuple(f"{'=' * 15}{secrets.token_hex(12)}==" for _number in range(4))


class _Generator(BytesGenerator):
    @classmethod
    def _make_boundary(cls, text=None):
        """Return a boundary that does not occur in ``text``, without Python's regular expression for each message."""
        found = text or b""
        for boundary in _BOUNDARIES:
            # RFC 2046 §5.1: it must not appear in what it parts. Whoever got a mail of ours knows it.
            if boundary.encode() not in found:
                return boundary
        return super()._make_boundary(text)


def flatten(message: EmailMessage, *, utf8: bool = False, seven_bit: bool = False) -> bytes:
    """Return the message as it goes over the wire, without Bcc, with CRLF line ends.

    Args:
        utf8: addresses and header fields may stay in UTF-8 (RFC 6532).
        seven_bit: bodies are put into base64 or quoted-printable.
    """
    if "Bcc" in message or "Resent-Bcc" in message:
        message = copy.copy(message)
        del message["Bcc"]
        del message["Resent-Bcc"]
    policy = message.policy
    if seven_bit:
        policy = policy.clone(cte_type="7bit")
    if utf8:
        policy = policy.clone(utf8=True)
    with io.BytesIO() as target:
        _Generator(target, policy=policy).flatten(message, linesep="\r\n")
        return target.getvalue()


def envelope_of(message, from_addr, to_addrs) -> tuple[str, list[str]]:
    """Return sender and recipients, from the header fields where smtplib's caller gave none (RFC 5322 §3.6.2)."""
    resent = "Resent-" if "Resent-Date" in message else ""
    if from_addr is None:
        from_addr = getaddresses([str(message[f"{resent}Sender"] or message[f"{resent}From"] or "")])[0][1]
    if to_addrs is None:
        fields = [str(message[f"{resent}{name}"] or "") for name in ("To", "Cc", "Bcc")]
        to_addrs = [address for _name, address in getaddresses(fields) if address]
    elif isinstance(to_addrs, str):
        to_addrs = [to_addrs]
    return from_addr, list(dict.fromkeys(to_addrs))


def on_the_wire(address: str) -> str:
    """The address with its domain in ASCII where that is possible: then most servers can take it (RFC 5891)."""
    local, _at, domain = address.rpartition("@")
    if domain.isascii() or not local.isascii():
        return address
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
    except idna.IDNAError:
        return address


def is_broken(address: str) -> bool:
    """Whether an address cannot be named to a server: a line end in it would be a command of its own."""
    return not address.isprintable() and any(
        ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in address
    )
