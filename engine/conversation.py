# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which conversation a message belongs to, so that its messages are worked on in order."""

from __future__ import annotations

import hashlib
import re

from .summary import Summary

_MESSAGE_ID = re.compile(r"<[^<>\s]+>")
# What a hostile References field may cost.
_LONGEST_REFERENCES = 65_536


def conversation(summary: Summary) -> str:
    """Return the name (32 hex digits) of the conversation of a message.

    It is made of the Message-ID that began it: the first one in References (RFC 5322 §3.6.4), else In-Reply-To, else
    the message's own. Copies of one message are in one conversation, whatever way they came.
    """
    for name in ("references", "in-reply-to", "message-id"):
        found = _MESSAGE_ID.search(summary.header(name)[:_LONGEST_REFERENCES])
        if found:
            return _digest(found[0])
    return _digest(summary.digest)


def replied_to(summary: Summary) -> str:
    """Return the Message-ID of In-Reply-To of a message that has no References, "" otherwise.

    Such a message knows only its predecessor; who knows that one knows the conversation.
    """
    if _MESSAGE_ID.search(summary.header("references")[:_LONGEST_REFERENCES]):
        return ""
    found = _MESSAGE_ID.search(summary.header("in-reply-to")[:_LONGEST_REFERENCES])
    return found[0] if found else ""


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
