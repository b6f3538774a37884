# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Whether a domain signed a message (DKIM, RFC 6376). dkimpy computes; what it would let through is judged here.

What is computed on comes from whoever wrote the message, so that everything has a bound: sizes, numbers, keys, time.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import dkim

from .dkim_key import SHORTEST_KEY, key_record, key_refusal, tags_of
from .dmarc import may_be_aligned
from .errors import GatewayError
from .sender_address import ascii_domain

Texts = Callable[[str], tuple[str, ...]]

HEADER = b"dkim-signature"
MOST_SIGNATURES = 5
# Octets. A message that is larger is not read through; mail servers take 25 to 50 MB.
LARGEST_MESSAGE = 50 * 1024 * 1024
# dkimpy's time grows with the square of these: fields folded without end, spaces without end, names without end.
_LONGEST_HEADER = 128 * 1024
_MOST_FIELDS = 2000
_LONGEST_SIGNATURE = 4096
_MOST_SIGNED_FIELDS = 200
_LONG_SPACE = re.compile(rb"\s{65}")
# RFC 5322 §3.6: these stand once. A second one, put above what was signed, is what mail programs show (RFC 6376 §8.15).
_ONCE = frozenset(
    (b"from", b"sender", b"reply-to", b"to", b"cc", b"message-id", b"in-reply-to", b"references", b"subject", b"date")
    + (b"mime-version", b"content-type", b"content-transfer-encoding")
)
_ARC = (b"arc-seal", b"arc-message-signature", b"arc-authentication-results")
_MOST_INSTANCES = 10
_CHANGED_TEXT = "its text was changed after it was signed"
# Clocks differ; dkimpy allows as much for the future.
_CLOCK_SECONDS = 36_000

# dkimpy tells its log domains and hashes; nobody may read them there.
_NOBODY = logging.Logger("nobody", logging.CRITICAL + 1)
_NOBODY.addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature field, as far as it concerns the sender.

    Attributes:
        index: place among all such fields, from the top.
        domain: d=, ASCII form.
        selector: s=.
    """

    index: int
    domain: str
    selector: str

    @property
    def key_name(self) -> str:
        """Where the DNS has its key."""
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """Attributes:
    signature: what was checked.
    is_valid: the domain signed this message as it is.
    is_known: False when it could not be found out, as the DNS did not answer.
    is_contradicted: the key is there, and does not fit what came: not merely old, or taken back.
    problem: why it is not valid or not known, in words; "".
    """

    signature: Signature
    is_valid: bool = False
    is_known: bool = True
    is_contradicted: bool = False
    problem: str = ""


class SignedMessage:
    """A message whose signatures are asked about.

    Args:
        content: the bytes as received.
        now: seconds since 1970, of the time when the message came.
    """

    def __init__(self, content: bytes, now: float):
        self._content = content
        self._now = now
        self._message: dkim.DKIM | None = None
        self._head = b""
        self._begin = 0
        # Why no signature of it is looked at, in words; "".
        self.problem = self._read()

    @property
    def from_values(self) -> list[bytes]:
        """The From fields as those who sign see them."""
        return [value for name, value in self._fields() if name.lower() == b"from"]

    def signatures(self, domain: str) -> list[Signature]:
        """Return the signatures that may speak for ``domain``, those of the very domain first."""
        if self.problem:
            return []
        found = []
        fields = [value for name, value in self._fields() if name.lower() == HEADER]
        for index, value in enumerate(fields):
            if len(value) > _LONGEST_SIGNATURE or _LONG_SPACE.search(value):
                continue
            tags = tags_of(value)
            signer = ascii_domain(_text(tags.get(b"d", b"")))
            selector = ascii_domain(_text(tags.get(b"s", b"")))
            if selector and may_be_aligned(domain, signer):
                found.append(Signature(index, signer, selector))
        return sorted(found, key=lambda one: (one.domain != domain, one.index))[:MOST_SIGNATURES]

    def check(self, signature: Signature, texts: Texts) -> SignatureCheck:
        """Return whether a signature holds. Never fails on any message.

        Args:
            texts: returns the TXT records of a name, or raises GatewayError.
        """
        value = [value for name, value in self._fields() if name.lower() == HEADER][signature.index]
        problem = self._refusal(tags_of(value))
        if problem:
            return SignatureCheck(signature, problem=problem)
        try:
            key = key_record(texts(signature.key_name))
        except GatewayError as error:
            return SignatureCheck(signature, is_known=False, problem=str(error))
        tags = tags_of(value)
        problem = key_refusal(key, tags)
        if problem:
            return SignatureCheck(signature, problem=problem)
        self._message.body = self._body_for(tags)
        try:
            is_valid = bool(self._message.verify(signature.index, dnsfunc=lambda name, timeout=0: key.encode()))
        except Exception as error:  # noqa: BLE001 - dkimpy was given hostile bytes; whatever it trips over proves nothing
            words = _words(error)
            return SignatureCheck(signature, is_contradicted=words == _CHANGED_TEXT, problem=words)
        problem = "" if is_valid else "what was signed was changed, or another key signed it"
        return SignatureCheck(signature, is_valid, is_contradicted=not is_valid, problem=problem)

    def chain(self, texts: Texts) -> list[tuple[int, str, str]]:
        """Return (instance, sealing domain, Authentication-Results) of a valid ARC chain (RFC 8617), the last first.

        [] when there is none, or it does not hold.

        Raises:
            GatewayError: the DNS did not answer.
        """
        seals = [value for name, value in self._fields() if name.lower() in _ARC]
        if self.problem or not seals or len(seals) > 3 * _MOST_INSTANCES:
            return []
        if any(len(value) > 2 * _LONGEST_SIGNATURE or _LONG_SPACE.search(value) for value in seals):
            return []
        message = dkim.ARC(self._head, logger=_NOBODY, minkey=SHORTEST_KEY)
        is_simple = any(tags_of(value).get(b"c", b"").endswith(b"/simple") for value in seals)
        message.body = self._body if is_simple else _compressed(self._body)

        def key_of(name, timeout=0):
            key = key_record(texts(name.decode("ascii", "replace").rstrip(".")))
            return "" if key_refusal(key, {}) else key.encode()

        try:
            status, sets, _reason = message.verify(dnsfunc=key_of)
        except GatewayError:
            raise
        except Exception:  # noqa: BLE001 - as in check
            return []
        if status != dkim.CV_Pass:
            return []
        return [
            (one["instance"], ascii_domain(_text(one["as-domain"])), _text(one["aar-value"]).partition(";")[2])
            for one in sets
        ]

    # ------------------------------------------------------------------
    # Reading
    # ------------------------------------------------------------------

    def _body_for(self, tags: dict[bytes, bytes]) -> bytes:
        is_relaxed = tags.get(b"c", b"").strip().lower().endswith(b"/relaxed")
        return _compressed(self._body) if is_relaxed else self._body

    @cached_property
    def _body(self) -> bytes:
        """The body as signatures are computed with; copied only once one is: who asks for names needs none."""
        return _even_body(self._content[self._begin :])

    def _fields(self):
        return self._message.headers if self._message else ()

    def _read(self) -> str:
        if len(self._content) > LARGEST_MESSAGE:
            return "it is too large to be read through"
        end = re.search(rb"\r?\n\r?\n", self._content[: _LONGEST_HEADER + 4])
        if not end:
            return "its header is too long, or has no end"
        head = self._content[: end.end()]
        if b"\r" in head.replace(b"\r\n", b""):
            # RFC 5322 §2.3. Python ends a line there, and dkimpy does not: they would see different From fields.
            return "its header has a carriage return without a line feed"
        if b"\0" in head:
            return "its header has a zero byte"
        if head.count(b"\n") > _MOST_FIELDS:
            return "its header has too many lines"
        if not re.search(rb"(?im)^dkim-signature[ \t]*:|^arc-seal[ \t]*:", head):
            return "it is not signed"
        try:
            # The body is put in below: dkimpy takes it apart line by line together with the header.
            message = dkim.DKIM(head, logger=_NOBODY, minkey=SHORTEST_KEY)
        except Exception:  # noqa: BLE001 - hostile bytes, as in check: it trips over a field that begins with a blank
            return "its header is malformed"
        names = [name.lower() for name, _value in message.headers]
        twice = sorted(name for name in _ONCE if names.count(name) > 1)
        if twice:
            return f"its field {twice[0].decode()} stands more than once"
        self._message, self._head, self._begin = message, head, end.end()
        return ""

    def _refusal(self, tags: dict[bytes, bytes]) -> str:
        """Return why a signature is no proof before anything is computed; ""."""
        algorithm = tags.get(b"a", b"").lower()
        if algorithm == b"rsa-sha1":
            # RFC 8301 §3.1.
            return "it is signed with SHA-1, which no longer proves anything"
        if b"l" in tags:
            # RFC 6376 §8.2: whatever stands behind those octets is not signed, and may be all that is seen.
            return "only a part of its text is signed (l=)"
        signed = [name.strip().lower() for name in tags.get(b"h", b"").split(b":")]
        if b"from" not in signed:
            # RFC 6376 §5.4; dkimpy does not ask for it.
            return "its From field is not signed"
        if len(signed) > _MOST_SIGNED_FIELDS:
            return "too many fields are signed"
        expiry = tags.get(b"x", b"").strip()
        if expiry and (not re.fullmatch(rb"\d{1,12}", expiry) or int(expiry) < self._now - _CLOCK_SECONDS):
            return "its signature has expired"
        return ""


def _even_body(body: bytes) -> bytes:
    """Return a body with the line ends that signatures are computed with."""
    return body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _compressed(body: bytes) -> bytes:
    """Return a body whose spaces are compressed, as "relaxed" has it.

    dkimpy looks for spaces at the ends of lines first, in time that grows with the square of their number: a megabyte
    of spaces would hold the process for hours. Done before, in time that grows with the body, the result is the same.
    """
    return re.sub(rb"[\t ]+", b" ", body)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace").strip()


def _words(error: Exception) -> str:
    text = str(error)
    if "body hash mismatch" in text:
        return _CHANGED_TEXT
    if "x= value is past" in text:
        return "its signature has expired"
    return "its signature is malformed"
