# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What the transcripts of all protocols have in common: addresses are masked, secrets hidden, the rest is counted."""

from __future__ import annotations

import re

from .transcript_secret import SECRET, Secrets, as_text
from .transcript_stream import Stream

# What comes before the @: quoted, or anything that a server would print as part of it, in any script.
_ADDRESS = re.compile(r'("(?:[^"\\]|\\.){1,128}"|[^\s<>@"(),:;\[\]=]{1,256})@(?=[\w.-]+|\[)')
# SASL's names of mechanisms, RFC 4422 §3.1.
MECHANISM = re.compile(rb"[A-Z0-9_-]{1,20}\Z")


class Mask:
    """Decides what is shown of each line. A protocol writes ``sent`` and ``received``.

    Args:
        keep_addresses: show addresses as they are.
    """

    def __init__(self, keep_addresses: bool):
        self._keep_addresses = keep_addresses
        self._secrets = Secrets()
        self.restart()

    def attach(self, sent: Stream, received: Stream) -> None:
        """Take the streams whose ``content`` is to be set."""
        self._sent, self._received = sent, received

    def restart(self) -> None:
        """Forget what was under way: TLS begins, or the conversation."""

    def sent(self, line: bytes) -> str:
        """Return what is shown of a line that we sent."""
        raise NotImplementedError

    def received(self, line: bytes) -> str:
        """Return what is shown of a line of the server's."""
        raise NotImplementedError

    def sent_content(self, words: str) -> str:
        """Return what is shown of content that we sent."""
        return words

    def received_content(self, words: str) -> str:
        """Return what is shown of content that the server sent."""
        return words

    def plain(self, text: bytes | str) -> str:
        """Return a text with addresses masked and known secrets hidden."""
        text = self._secrets.hide(as_text(text) if isinstance(text, bytes) else text)
        return text if self._keep_addresses else _ADDRESS.sub("***@", text)

    def secret(self, sent: bytes) -> str:
        """Return what is shown of a secret that we sent, and remember it."""
        self._secrets.learn(sent)
        return SECRET

    @staticmethod
    def count(line: bytes) -> str:
        """Return what is shown of a line that is not known to be harmless."""
        return f"[{len(line)} bytes]"
