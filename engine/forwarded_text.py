# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A message that a person forwarded within their own: the block of fields above the copied text."""

from __future__ import annotations

import re
from itertools import islice

from .from_policy import is_address

# The block stands near the top; what is further down is the history of a conversation.
_MOST_LINES = 200
_LONGEST_LINE = 500
# Lines below From in which another field has to follow.
_NEAR = 6
# What mail programs call the fields, in the languages of those who use this most: "From" and its like, then the others.
_FROM = frozenset(
    "from de von van från fra od da lähettäjä kimden от من 发件人 寄件者 差出人 expéditeur expediteur avsender "
    "absender afsender remitente mittente remetente nadawca".split()
)
_OTHERS = frozenset(
    "sent date to cc subject envoyé envoye à objet gesendet datum an betreff enviado fecha para asunto data assunto "
    "verzonden aan onderwerp skickat till ämne sendt til emne wysłano do temat inviato a oggetto gönderilen kime konu "
    "дата кому тема إلى الموضوع تاريخ التاريخ 发送时间 收件人 主题 日時 宛先 件名".split()
)
_FIELD = re.compile(r"[>|*_ \t]*([^\W\d_]{1,20})[*_ \t]{0,4}[:：][*_ \t]*(.*)")
_ADDRESS = re.compile(r"(?:<|\[|mailto:|^|[\s(;])([^\s<>\[\]():;,\"]{1,64}@[^\s<>\[\]():;,\"]{1,255})")
# Above a forwarded copy, and not above an answered one.
_SEPARATORS = re.compile(
    r"-{2,20} ?(forwarded|message transféré|weitergeleitete|mensaje reenviado|mensagem encaminhada|doorgestuurd|"
    r"messaggio inoltrato|vidarebefordrat|videresendt|przekazana)\b|begin forwarded message|début du message réexpédié|"
    r"anfang der weitergeleiteten|inicio del mensaje reenviado|inizio messaggio inoltrato",
    re.IGNORECASE,
)
_PREFIX = re.compile(
    r"\s*\[?(fwd?|wg|tr|rv|enc|i|doorst|vs|vb|pd|tl|ilt|yml|转发|轉寄|إعادة توجيه)\]?\s*[:：]", re.IGNORECASE
)


def forwarded_by_hand(subject: str, text: str) -> tuple[str, str]:
    """Return (name, address) of who wrote the copied message; the address lower-case; ("", "") when it is none.

    It is what a person's mail program wrote into their text, so that anybody can write the same: to be believed of
    nobody but a forwarder that was named.

    Args:
        subject: decoded.
        text: of the message, without markup.
    """
    lines = [line[:_LONGEST_LINE] for line in islice(text[: _MOST_LINES * _LONGEST_LINE].splitlines(), _MOST_LINES)]
    is_forward = bool(_PREFIX.match(subject))
    for number, line in enumerate(lines):
        is_forward = is_forward or bool(_SEPARATORS.search(line))
        found = _FIELD.fullmatch(line)
        if not found or found[1].lower() not in _FROM:
            continue
        below = (_FIELD.fullmatch(other) for other in lines[number + 1 : number + 1 + _NEAR])
        if not any(other and other[1].lower() in _OTHERS for other in below):
            continue
        # The first block counts, also where it names no address: the next one is of an older message.
        return _named(found[2]) if is_forward else ("", "")
    return "", ""


def _named(value: str) -> tuple[str, str]:
    found = _ADDRESS.search(value)
    address = found[1].lower().rstrip(".") if found else ""
    if not is_address(address) or "." not in address.rpartition("@")[2]:
        return "", ""
    name = value[: found.start(1)].removesuffix("mailto:").strip(" <[(\"'*\t")
    return name, address
