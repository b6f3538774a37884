# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What a server's refusal means in plain words, and what helps (RFC 3463, and what large providers write)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .cure import Where
from .cure_table import find_cure

_ENHANCED = re.compile(r"^\s*([245])\.(\d{1,3})\.(\d{1,3})\b(?!\.\d)[\s:\-]*")  # RFC 3463 §2, RFC 2034 §4


@dataclass(frozen=True, slots=True)
class StatusWords:
    """What happened and what to do about it, each one sentence or more; `cure` may be ""."""

    text: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.cure}".strip()


def split_enhanced(reply: str) -> tuple[str, str]:
    """Return the enhanced status of a reply ("5.1.1", "" without one) and its text, the lines joined by blanks."""
    found, texts = "", []
    for line in reply.splitlines():
        match = _ENHANCED.match(line)
        if match and not found:
            found = ".".join(match.groups())
        # RFC 2034 §4: every line of a reply repeats the status.
        texts.append(line[match.end() :].strip() if match else line.strip())
    return found, " ".join(text for text in texts if text)


_NO_ADDRESS = StatusWords(
    "The address does not exist.", "Check its spelling, or ask the recipient for the present address."
)
_NO_DOMAIN = StatusWords(
    "The part of the address after the @ does not exist or takes no mail.", "Check the spelling of the address."
)
_MALFORMED = StatusWords("The server does not take this for an address.", "Correct the address.")
_DISABLED = StatusWords("The mailbox is switched off or takes no mail.", "Ask the recipient for another address.")
_FULL = StatusWords("The recipient's mailbox is full.", "It can be tried again once the recipient has made room.")
_TOO_LARGE = StatusWords(
    "The message is larger than the server takes.", "Send attachments as links, or in several messages."
)
_SENDER = StatusWords(
    "The server does not take mail from this sender address.",
    "Use a sender that the account of the outgoing server may use, and set the server's FROM filter to it.",
)
_RELAY = StatusWords(
    "The outgoing server does not send mail to other domains for us.",
    "Enter the login of the server, or let its administrator allow this machine.",
)
_LOGIN = StatusWords("The server wants a login, or does not accept ours.", "Check user and password of the server.")
_NO_BASIC = StatusWords(
    "Microsoft has switched off passwords for this account (basic authentication).", "Use OAuth for this server."
)
_NO_SMTP = StatusWords(
    "Sending with authentication is switched off for this mailbox or tenant.",
    "An administrator of the provider must allow authenticated SMTP for it.",
)
_BLOCKED = StatusWords(
    "The message was blocked: the address or the reputation of the sending server is not trusted.",
    "Look the sending server's address up in block lists and follow what the answer names.",
)
_SPAM = StatusWords(
    "The message was blocked: it looks like spam or like something harmful.",
    "Change text, links or attachments, or ask the recipient to let our domain pass.",
)
_UNPROVED = StatusWords(
    "The message was blocked: our domain does not prove that it comes from us (SPF, DKIM or DMARC).",
    "Let the administrator of the domain publish SPF and DKIM records for the outgoing server.",
)
_POLICY = StatusWords(
    "The message was blocked by a rule of the receiving server.",
    "What the server said names the rule; its administrator can say more.",
)
_GREYLISTED = StatusWords("The server lets strangers wait for a while (greylisting).", "It is tried again by itself.")
_LIMIT = StatusWords(
    "A sending limit is reached.", "It goes on by itself later; a larger limit is a matter of the provider."
)
_RECIPIENT_LIMIT = StatusWords("The recipient gets more mail than the server takes.", "It is tried again by itself.")
_TOO_MANY = StatusWords("There are too many recipients in one message.", "Send to fewer recipients at once.")
_LOOP = StatusWords("The message went round in circles between servers.", "A forwarding of the recipient leads back.")
_NO_ROUTE = StatusWords(
    "The server could not reach the recipient's server.", "It is tried again by itself while that may help."
)
_EXPIRED = StatusWords("The server gave up after trying for a long time.")
_BUSY = StatusWords("The server has too much to do at the moment.", "It is tried again by itself.")
_DISK = StatusWords("The server has no room left.", "Its administrator must make room.")
_CONTENT = StatusWords("The server cannot take a message of this form.", "Send it in a simpler form.")
_UTF8 = StatusWords(
    "The server cannot take addresses with characters beyond ASCII.",
    "Use another spelling of the address, or a server that offers SMTPUTF8.",
)
_ENCRYPTION = StatusWords("The server wants an encrypted connection.", "Choose TLS or SSL/TLS on the outgoing server.")
_PROTOCOL = StatusWords("The server did not understand us.", "If it happens again, its administrator can say why.")
_LATER = StatusWords("The server asks to try again later.", "It is tried again by itself.")
_REFUSED = StatusWords("The server refused the message.", "What the server said may name the reason.")
_ACCEPTED = StatusWords("The server accepted the message.")

# What providers say goes before what their codes should mean: 5.7.1 and 5.0.0 are used for everything.
_BY_TEXT = (
    # Microsoft says it with 5.7.139, which means other things too.
    (r"SmtpClientAuthentication is disabled|5\.7\.57", _NO_SMTP),
    (r"5\.7\.139|basic auth\w* is disabled|BasicAuthBlocked|5\.7\.30\b", _NO_BASIC),
    (r"gr[ea]y.?list", _GREYLISTED),
    (r"receiving (mail|messages) (at a rate|too)|receiving rate", _RECIPIENT_LIMIT),
    (r"daily (user )?(sending|message|mail)[\w ]*(limit|quota)|submission ?quota|sending (rate|limit|quota)"
     r"|throttling failure|too many messages|hourly (limit|quota)|rate limit|unusual rate"
     r"|limit on the number of messages", _LIMIT),
    (r"over ?quota|quota exceeded|exceed\w* (\w+ )?(storage|quota)|mailbox (is )?full|out of storage"
     r"|insufficient (mailbox|storage)|not enough space", _FULL),
    (r"(message|mail|size).{0,30}(too (big|large)|exceeds?)|too large|max\w* message size", _TOO_LARGE),
    (r"auth\w* (is )?required|must authenticate|not authenticated|authentication (failed|unsuccessful)"
     r"|bad credentials|invalid login", _LOGIN),
    (r"must issue a starttls|tls required|encryption (is )?(required|needed)", _ENCRYPTION),
    (r"relay(ing)? (access )?(is )?(denied|not permitted|not allowed|prohibited)|unable to relay|not relay"
     r"|no relay", _RELAY),
    (r"\bSPF\b|\bDKIM\b|\bDMARC\b|unauthenticated (e?mail|sender)|sender (is )?unauthenticated", _UNPROVED),
    (r"spamhaus|spamcop|barracuda|block ?list|black ?list|\brbl\b|dnsbl|listed (at|by|on|in)|poor reputation"
     r"|bad reputation|low reputation|reverse (dns|hostname)|\bPTR\b|banned sending ip|client host .*blocked",
     _BLOCKED),
    (r"\bspam\b|virus|malware|phish|content rejected|suspicious|unsolicited", _SPAM),
    (r"send ?as ?denied|not owned by user|sender address rejected|not allowed to send (as|from)"
     r"|from address .*(not|verified)|address (is )?not verified|sender (address )?.*not (allowed|permitted|valid)",
     _SENDER),
    (r"too many recipients", _TOO_MANY),
    (r"too many hops|mail loop|routing loop|hop count", _LOOP),
    (r"(user|mailbox|recipient|address|account)[\w\s<>@.\-]{0,80}"
     r"(unknown|not found|doesn'?t exist|does not exist|no longer|unavailable|invalid|not known|rejected)"
     r"|(no such|unknown|invalid) (user|mailbox|recipient|address|person)|recipient ?not ?found|not a valid mailbox"
     r"|unrouteable address|no mailbox", _NO_ADDRESS),
    (r"(account|mailbox|user)\b.{0,40}(disabled|inactive|suspended|deactivated|blocked)", _DISABLED),
    (r"(domain|host)\b.{0,60}(not found|unknown|does not exist|no mx)|name or service not known|nullmx|null mx",
     _NO_DOMAIN),
)  # fmt: skip
_BY_TEXT = tuple((re.compile(pattern, re.IGNORECASE), words) for pattern, words in _BY_TEXT)

# RFC 3463 §3, RFC 7505 §4 (null MX), RFC 7372 §3.1 (authentication), RFC 6710/6531 (SMTPUTF8), RFC 7293.
_BY_STATUS = {
    "1.0": _NO_ADDRESS, "1.1": _NO_ADDRESS, "1.2": _NO_DOMAIN, "1.3": _MALFORMED, "1.4": _NO_ADDRESS,
    "1.5": _ACCEPTED, "1.6": _NO_ADDRESS, "1.7": _SENDER, "1.8": _SENDER, "1.9": _UTF8, "1.10": _NO_DOMAIN,
    "2.0": _DISABLED, "2.1": _DISABLED, "2.2": _FULL, "2.3": _TOO_LARGE, "2.4": _POLICY,
    "3.0": _BUSY, "3.1": _DISK, "3.2": _BUSY, "3.3": _CONTENT, "3.4": _TOO_LARGE, "3.5": _BUSY,
    "4.0": _NO_ROUTE, "4.1": _NO_ROUTE, "4.2": _NO_ROUTE, "4.3": _NO_ROUTE, "4.4": _NO_ROUTE, "4.5": _BUSY,
    "4.6": _LOOP, "4.7": _EXPIRED,
    "5.0": _PROTOCOL, "5.1": _PROTOCOL, "5.2": _PROTOCOL, "5.3": _TOO_MANY, "5.4": _PROTOCOL, "5.5": _PROTOCOL,
    "6.0": _CONTENT, "6.1": _CONTENT, "6.2": _CONTENT, "6.3": _CONTENT, "6.5": _CONTENT, "6.7": _UTF8,
    "6.9": _UTF8,
    "7.0": _POLICY, "7.1": _POLICY, "7.2": _POLICY, "7.3": _POLICY, "7.4": _ENCRYPTION, "7.5": _PROTOCOL,
    "7.8": _LOGIN, "7.9": _LOGIN, "7.10": _ENCRYPTION, "7.11": _ENCRYPTION, "7.13": _DISABLED,
    "7.17": _NO_ADDRESS, "7.20": _UNPROVED, "7.21": _UNPROVED, "7.22": _UNPROVED, "7.23": _UNPROVED,
    "7.24": _UNPROVED, "7.25": _BLOCKED, "7.26": _UNPROVED, "7.27": _SENDER, "7.28": _LIMIT, "7.29": _UNPROVED,
    "7.57": _NO_SMTP, "7.60": _SENDER, "7.139": _NO_BASIC,
}  # fmt: skip

# RFC 5321 §4.2.3, where there is neither text nor status to go by.
_BY_CODE = {
    421: _BUSY, 450: _LATER, 451: _LATER, 452: _BUSY, 454: _LATER, 432: _LOGIN,
    500: _PROTOCOL, 501: _PROTOCOL, 502: _PROTOCOL, 503: _PROTOCOL, 504: _PROTOCOL, 521: _NO_DOMAIN,
    530: _LOGIN, 534: _LOGIN, 535: _LOGIN, 538: _ENCRYPTION, 550: _REFUSED, 551: _NO_ADDRESS, 552: _FULL,
    553: _MALFORMED, 554: _REFUSED, 555: _PROTOCOL, 556: _NO_DOMAIN,
}  # fmt: skip


# RFC 3463 §3.2 and §3.3: about a mailbox, too large or full, which texts of one kind often mix up.
_PLAIN = {"1.1", "1.2", "1.3", "1.6", "2.2", "2.3", "3.4", "7.57"}


def explain_status(code: int, enhanced: str = "", text: str = "") -> StatusWords:
    """Return what a server's answer means.

    Args:
        code: SMTP code, 0 when unknown.
        enhanced: RFC 3463 status; taken from the beginning of `text` when "".
        text: the server's words.
    """
    if not enhanced:
        enhanced, text = split_enhanced(text)
    if enhanced.startswith("2.") or (not enhanced and 200 <= code < 300):
        return _ACCEPTED
    status = enhanced.partition(".")[2]
    if known := find_cure(f"{code or ''} {enhanced} {text}", "", Where.SENDING):
        return StatusWords(known.cause, known.cure)
    if status in _PLAIN and not (status == "1.1" and _is_about_sending(text)):
        return _BY_STATUS[status]
    for pattern, words in _BY_TEXT:
        if pattern.search(f"{enhanced} {text}"):
            # A limit of the recipient, not of ours: Gmail's 4.2.1 and 5.2.1.
            return _RECIPIENT_LIMIT if words is _LIMIT and status.startswith("2.") else words
    if enhanced == "4.7.1" and code in {0, 450, 451}:
        return _GREYLISTED
    return (
        _BY_STATUS.get(status)
        or _BY_CODE.get(code)
        or (_LATER if code // 100 == 4 or enhanced.startswith("4.") else _REFUSED)
    )


def _is_about_sending(text: str) -> bool:
    return any(words in (_LIMIT, _RELAY) and pattern.search(text) for pattern, words in _BY_TEXT)
