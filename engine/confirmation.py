# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Mail by which a provider asks to confirm an address, a redirection or a sender. Few say that a machine wrote it.

Only asked about mail for addresses that nobody is to write to: a mistake there costs a look at the quarantine.
"""

from __future__ import annotations

import re

from .plain_text import plain_text
from .preview import preview
from .summary import Summary

# Beginnings of "confirm", "verify", "validate", "activate" in the languages of providers' mails; with what follows them
# in German and Dutch, where shorter ones are other words too.
_WORDS = re.compile(
    r"\b(confirm|verif|vérif|valid|activ|authenti|bestätig|verifizier|aktivier|bevestig|verifieer|activeer|conferm|attiv|"
    r"potwierd|weryfik|bekräft|bekreft|bekræft|подтвер|doğrula|onayla)|تأكيد|تحقق|验证|确认|確認|認証",
    re.IGNORECASE,
)
_LINK = re.compile(r"https?://", re.IGNORECASE)
# A number to type in, of 4 to 10 digits on its own.
_CODE = re.compile(r"(?<![\w.,/-])\d{4,10}(?![\w.,/-])")
_LONGEST_TEXT = 20_000


def speaks_of_confirming(summary: Summary) -> bool:
    """Return whether the subject has a word for it. It costs nothing, and most mail has none."""
    return bool(_WORDS.search(summary.subject))


def asks_to_confirm(summary: Summary, content: bytes) -> bool:
    """Return whether a message asks to confirm something: a word for it in the subject, and a link or code in the text.

    Args:
        summary: of the message.
        content: its bytes as received.
    """
    if not speaks_of_confirming(summary):
        return False
    shown = preview(content)
    if _LINK.search(shown.html[:_LONGEST_TEXT]):
        return True
    text = (shown.text or plain_text(shown.html, _LONGEST_TEXT))[:_LONGEST_TEXT]
    return bool(_LINK.search(text) or _CODE.search(text) or _CODE.search(summary.subject))
