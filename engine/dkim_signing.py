# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Signing what leaves (DKIM, RFC 6376): the last change to a message's bytes. dkimpy computes, `cryptography` signs.

Each key of the From's domain puts a signature of its own on top, so that receivers that know only RSA find one.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email import policy
from typing import Any

import dkim
from dkim.canonicalization import CanonicalizationPolicy, correct_empty_body, strip_trailing_lines

from .dkim_private_key import DkimPrivateKey
from .sender_address import ascii_domain

# Signed also where they are missing, so that nobody can add one: a second From or Subject is what mail programs show
# (RFC 6376 §8.15).
_ALWAYS = (b"from", b"to", b"cc", b"subject", b"reply-to")
# Signed once more than they stand, where they stand: an MTA may add a missing Date or Message-ID (RFC 6409 §8), and a
# mailing list its own fields.
_WHERE_PRESENT = (
    (b"date", b"message-id", b"sender", b"in-reply-to", b"references")
    + (b"mime-version", b"content-type", b"content-transfer-encoding")
    # RFC 8058 §4: one-click unsubscription counts only where both are signed.
    + (b"list-unsubscribe", b"list-unsubscribe-post", b"list-id", b"list-help", b"list-post", b"list-archive")
    + (b"auto-submitted",)
)
# Amazon SES puts these anew, and a signature over them would break there.
_PUT_ANEW_BY_SES = (b"date", b"message-id")
_SES_HOST = re.compile(r"email-smtp(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com", re.IGNORECASE)
_LONGEST_FROM = 2000
_RELAXED = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
# dkimpy tells its log what was signed; nobody may read that there.
_NOBODY = logging.Logger("nobody", logging.CRITICAL + 1)
_NOBODY.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class SigningKey:
    """A key with the name under which the DNS has it; `id` is its record's."""

    id: int
    domain: str
    selector: str
    private: DkimPrivateKey


@dataclass(frozen=True)
class DomainSigning:
    """How mail of one domain is signed.

    Attributes:
        keys: each signs; () for none.
        is_required: mail that cannot be signed does not leave.
        problem: why a key that ought to sign does not, in words; "".
    """

    keys: Sequence[SigningKey] = ()
    is_required: bool = False
    problem: str = ""


class UnsignedError(Exception):
    """Mail of a domain that leaves only signed could not be signed. Its text is for people."""


class DkimSigner:
    """Signs the messages of one session.

    Args:
        find: returns the DomainSigning of a domain (ASCII form) of a From; asked once for each domain. What it raises
            passes through.
        now: seconds since 1970.

    Attributes:
        problems: {domain: words} of what left without a signature that it ought to have.
        signed: how many messages got one.
        owner: whose the next message is, for ``find``, whose answers hold for one owner.
    """

    def __init__(self, find: Callable[[str], DomainSigning], now: Callable[[], float] = time.time):
        self._find = find
        self._now = now
        self._known: dict[tuple[Any, str], DomainSigning] = {}
        self.owner: Any = None
        self.problems: dict[str, str] = {}
        self.signed = 0

    def signs(self, domain: str) -> bool:
        """Return whether mail of a From's domain gets a signature."""
        return bool(domain) and bool(self._signing(domain).keys)

    def sign(self, content: bytes, host: str = "") -> bytes:
        """Return the message with its signatures on top; unchanged where its domain has no key.

        Args:
            content: the bytes as they go over the wire, with CRLF line ends.
            host: name of the server that gets it.

        Raises:
            UnsignedError: the domain asks that its mail leaves only signed, and this cannot be.
        """
        domain = from_domain(content)
        signing = self._signing(domain) if domain else DomainSigning()
        problem = signing.problem
        if signing.keys:
            try:
                fields = _signatures(content, signing.keys, int(self._now()), host)
            except Exception as error:  # noqa: BLE001 - dkimpy and cryptography on any bytes: mail is not lost for it
                problem = f"the message could not be signed ({type(error).__name__})"
            else:
                self.signed += 1
                return fields + content
        if signing.is_required:
            words = problem or "no key of it may sign now"
            raise UnsignedError(f"Mail of this domain leaves only signed (DKIM), and {words}.")
        if problem:
            self.problems[domain] = problem
        return content

    def refuse_unsigned(self, domain: str) -> None:
        """Say that mail of a domain goes another way, past this signer.

        Raises:
            UnsignedError: the domain asks that its mail leaves only signed.
        """
        signing = self._signing(domain) if domain else DomainSigning()
        problem = "another addon's connection sends it, where the gateway cannot sign"
        if signing.is_required:
            raise UnsignedError(f"Mail of this domain leaves only signed (DKIM), and {problem}.")
        if signing.keys:
            self.problems[domain] = problem

    def _signing(self, domain: str) -> DomainSigning:
        key = (self.owner, domain)
        if key not in self._known:
            self._known[key] = self._find(domain)
        return self._known[key]


def from_domain(content: bytes) -> str:
    """Return the domain (ASCII form) of a message's From, of its first address; "" when it has none."""
    found = re.search(rb"(?im)^from[ \t]*:((?:.*)(?:\r?\n[ \t].*)*)", content[: _end_of_header(content)])
    if not found or len(found[1]) > _LONGEST_FROM:
        return ""
    return domain_of_from(re.sub(rb"\r?\n", b"", found[1]).decode("utf-8", "replace").strip())


def domain_of_from(value: str) -> str:
    """Return the domain (ASCII form) of a From field's value; "" when it names no address."""
    try:
        addresses = policy.SMTP.header_factory("From", value).addresses
    except (ValueError, IndexError, AttributeError, TypeError):
        # The standard library's reader trips over odd fields, in one of its ways.
        return ""
    return ascii_domain(addresses[0].domain) if addresses else ""


def parents_of(domain: str) -> list[str]:
    """Return the domains above one, the closest first, without the top level. At most eight."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(1, len(labels) - 1)][:8]


def _end_of_header(content: bytes) -> int:
    end = content.find(b"\r\n\r\n")
    return end + 2 if end >= 0 else len(content)


def _signatures(content: bytes, keys: Sequence[SigningKey], now: int, host: str) -> bytes:
    end = _end_of_header(content)
    # dkimpy takes the body apart line by line together with the header; it is put in below.
    message = _Message(content[:end] + b"\r\n", logger=_NOBODY)
    digest = base64.b64encode(hashlib.sha256(_relaxed_body(content[end + 2 :])).digest())
    names = _names([name.lower() for name, _value in message.headers], is_ses=bool(_SES_HOST.fullmatch(host or "")))
    # The first key's signature stands on top, where receivers that look at a few of them begin.
    return b"".join(message.field(key, digest, names, now) for key in keys)


def _relaxed_body(body: bytes) -> bytes:
    """Return a body in its canonical form (RFC 6376 §3.4.4).

    dkimpy's two searches for spaces take 30 ms a megabyte, and without end where there are spaces without end.
    """
    body = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    return correct_empty_body(strip_trailing_lines(body.replace(b" \r\n", b"\r\n")))


def _names(present: list[bytes], *, is_ses: bool) -> list[bytes]:
    """Return the names of h=: every field as often as it stands, and once more."""
    names = []
    for name in (*_ALWAYS, *_WHERE_PRESENT):
        count = present.count(name)
        if (count or name in _ALWAYS) and not (is_ses and name in _PUT_ANEW_BY_SES):
            names += [name] * (count + 1)
    return names


class _Pen:
    """A key as dkimpy's signing with Ed25519 wants it: something that signs a digest."""

    def __init__(self, key: DkimPrivateKey):
        self._key = key

    def sign(self, digest: bytes) -> _Pen:
        self.signature = self._key.sign(digest)
        return self


class _Message(dkim.DKIM):
    """A message that dkimpy puts into canonical form. Its own RSA is slow, and takes a time that depends on the key."""

    def field(self, key: SigningKey, body_digest: bytes, names: list[bytes], now: int) -> bytes:
        """Return one DKIM-Signature field with its line end."""
        # That branch of dkimpy gives the digest to the key, whichever kind it is; a= says which.
        self.signature_algorithm = b"ed25519-sha256"
        self.hasher = hashlib.sha256
        tags = [
            (b"v", b"1"),
            (b"a", key.private.algorithm.value.encode() + b"-sha256"),
            (b"c", _RELAXED.to_c_value()),
            (b"d", key.domain.encode()),
            (b"s", key.selector.encode()),
            (b"t", str(now).encode()),
            (b"h", b" : ".join(names)),
            (b"bh", body_digest),
            # As dkimpy: b= is folded onto a line of its own.
            (b"b", b"0" * 60),
        ]
        return b"DKIM-Signature: " + self.gen_header(tags, names, _RELAXED, b"DKIM-Signature", _Pen(key.private))
