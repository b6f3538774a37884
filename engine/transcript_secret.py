# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Secrets that a conversation has seen go by, and whatever a server makes of them when it repeats them."""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import suppress
from urllib.parse import quote

SECRET = "[secret]"  # noqa: S105
# Shorter ones would blot out words of the server's everywhere; they are hidden as words of their own.
_SHORTEST = 4
# A token is 2 to 4 kB; what is longer is no secret of ours.
_LONGEST = 16 * 1024
_MOST = 16


class Secrets:
    """Learns what was sent to prove who we are, and hides it in what is shown afterwards, in any usual encoding."""

    def __init__(self):
        self._known: set[bytes] = set()
        self._pattern: re.Pattern | None = None

    def learn(self, sent: bytes) -> None:
        """Learn the argument of a login that is or holds a password or token: as it is, and what it means in base64."""
        sent = sent.strip()
        if not sent or len(self._known) > _MOST or len(sent) > _LONGEST:
            return
        self._add(sent)
        try:
            meaning = base64.b64decode(sent, validate=True)
        except (binascii.Error, ValueError):
            return
        # RFC 4616: identity, user, password. RFC 7628 and XOAUTH2: parts with ^A between them, "auth=Bearer token".
        if b"Bearer " in meaning:
            self._add(meaning.rpartition(b"Bearer ")[2].partition(b"\1")[0])
        self._add(meaning.rpartition(b"\0")[2])

    def hide(self, text: str) -> str:
        """Return the text without what was learnt."""
        return self._pattern.sub(SECRET, text) if self._pattern else text

    def _add(self, secret: bytes) -> None:
        if not secret.strip() or secret in self._known:
            return
        self._known.add(secret)
        forms = sorted({form for known in self._known for form in _forms(known)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(forms), re.IGNORECASE)


def as_text(data: bytes) -> str:
    """Return what is shown of bytes of a conversation: one line, nothing but printable characters."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _forms(secret: bytes) -> set[str]:
    """Regular expressions of what a secret looks like: clear, quoted, for URLs, in hexadecimal, in base64."""
    clear = {as_text(secret)}
    # As quoted strings hold it, as URLs do, and as a server of another character set repeats it.
    clear.add(as_text(secret.replace(b"\\", rb"\\").replace(b'"', rb"\"")))
    clear |= {quote(secret), quote(secret, safe="")}
    with suppress(UnicodeError):
        clear.add(as_text(secret.decode().encode("latin-1")))
    encoded = {secret.hex(), secret.hex(" "), secret.hex(":")}
    if len(secret) >= _SHORTEST:
        for before in range(3):
            # Within a longer text the secret begins at any of three places of a group of base64.
            text = base64.b64encode(bytes(before) + secret).decode()
            start = {0: 0, 1: 2, 2: 3}[before]
            end = len(text) - {0: 0, 1: 3, 2: 2}[(before + len(secret)) % 3]
            encoded |= {text[start:end], text[start:end].replace("+", "-").replace("/", "_")}
        return {re.escape(form) for form in clear | encoded if form}
    return {rf"(?<!\w){re.escape(form)}(?!\w)" for form in clear | encoded if form}
