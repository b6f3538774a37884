# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a person is shown of a message: its text and the list of its attachments. Nothing in it is trusted."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass
from email.message import EmailMessage, Message

# A message of 10,000 parts is an attack or a mistake; the preview shows the first ones.
MOST_PARTS = 200
# Longer texts are cut: a browser chokes on more, and the bytes can be downloaded.
LONGEST_TEXT = 500_000
# Odoo's cleaner needs time that grows with the square of what a hostile sender writes.
LONGEST_HTML = 50_000


@dataclass(frozen=True)
class Attachment:
    name: str
    media_type: str
    size: int


@dataclass(frozen=True)
class Preview:
    """The first text and the first HTML body, either may be "", and the attachments. The HTML is as received:
    whoever shows it must sanitise it and forbid remote content."""

    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()


def preview(content: bytes) -> Preview:
    """Return what can be shown of a message given as received, whatever the bytes are."""
    try:
        return _preview(content)
    except (RecursionError, ValueError, LookupError) as error:
        # The standard library's parser recurses into nested parts, and believes names of charsets.
        return Preview(f"This message cannot be shown ({type(error).__name__}). Download it to see its source.")


def _preview(content: bytes) -> Preview:
    message = email.message_from_bytes(content, policy=email.policy.compat32)
    text = html = ""
    attachments = []
    for count, part in enumerate(_leaves(message)):
        if count >= MOST_PARTS:
            break
        media_type = part.get_content_type()
        name = _name(part)
        if media_type == "text/plain" and not text and not name:
            text = _text(part)
        elif media_type == "text/html" and not html and not name:
            html = _text(part)
        else:
            attachments.append(Attachment(name or "(no name)", media_type, len(_bytes(part))))
    return Preview(text[:LONGEST_TEXT], html[:LONGEST_HTML], tuple(attachments))


def _leaves(message: Message | EmailMessage):
    """Yield the parts that hold content, depth first. An explicit stack: nesting is chosen by the sender."""
    stack = [message]
    while stack:
        part = stack.pop()
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            stack.extend(reversed(part.get_payload()))
        else:
            yield part


def _name(part: Message) -> str:
    try:
        name = part.get_filename()
    except (ValueError, LookupError, TypeError):  # malformed RFC 2231 parameters
        return "(unreadable name)"
    return str(name or "")


def _bytes(part: Message) -> bytes:
    if part.is_multipart():  # message/rfc822
        return b"".join(inner.as_bytes() for inner in part.get_payload() if isinstance(inner, Message))
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: Message) -> str:
    payload = _bytes(part)
    for charset in (part.get_content_charset(), "utf-8"):
        try:
            return payload.decode(charset or "utf-8").replace("\0", "")
        except (UnicodeDecodeError, LookupError):
            continue
    return payload.decode("latin-1").replace("\0", "")
