# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Text whose charset Python does not know: without help such a message could not be read at all."""

from __future__ import annotations

import codecs
from email.message import EmailMessage


def name_known_charsets(message: EmailMessage) -> list[str]:
    """Give every text part with an unknown charset one that can be read; return the unknown names.

    UTF-8 where the bytes are valid, else Latin-1, which reads every byte.
    """
    unknown = []
    for part in message.walk():
        charset = part.get_content_charset()
        if part.get_content_maintype() != "text" or not charset or _is_known(charset):
            continue
        unknown.append(charset)
        payload = part.get_payload(decode=True)
        try:
            payload.decode("utf-8")
        except (UnicodeDecodeError, AttributeError):
            part.set_param("charset", "iso-8859-1")
        else:
            part.set_param("charset", "utf-8")
    return unknown


def _is_known(charset: str) -> bool:
    try:
        # Python has codecs that are no charsets, such as rot13 and zip.
        return codecs.lookup(charset)._is_text_encoding
    except (LookupError, ValueError):
        return False
