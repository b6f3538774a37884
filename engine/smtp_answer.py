# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What an SMTP server's answer means for a recipient."""

from __future__ import annotations

import re
import smtplib
import ssl

from .delivery import RecipientResult
from .enhanced_status import split_enhanced
from .errors import ConfigurationError, GatewayError
from .outcome import OutboundReason, OutboundState

LONGEST_TEXT = 1000

_GREYLIST = re.compile(r"gr[ea]y.?list", re.IGNORECASE)
_UNIT = r"(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b"
# postgrey: "Greylisted, see …" with "in 300 seconds"; milter-greylist: "please come back in 00:04:59".
_CLOCK = re.compile(r"\b(?:in|after|for|wait)\s+(\d{1,2}):(\d{2}):(\d{2})\b", re.IGNORECASE)
_WAIT = re.compile(
    rf"\b(?:in|after|for|wait|within)\s+(?:at least\s+|about\s+)?(\d{{1,6}})\s*{_UNIT}"
    rf"(?:\s*(?:and|,)?\s*(\d{{1,6}})\s*{_UNIT})?",
    re.IGNORECASE,
)
_RETRY_WORDS = re.compile(r"again|retry|later|back|wait|gr[ea]y.?list|defer|temporar", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600}

# Permanent by their code, over by tomorrow in fact: Gmail, Exchange Online, Amazon SES.
_LIMIT_OF_OURS = re.compile(
    r"daily (user )?sending (limit|quota)|reached your daily limit|submission ?quota ?exceeded|daily message quota"
    r"|exceeded the (maximum )?(hourly|daily) (limit|quota)",
    re.IGNORECASE,
)
LIMIT_WAIT = 3600

_TOO_LARGE = re.compile(r"(message|mail|size).{0,30}(too (big|large)|exceed)|too large", re.IGNORECASE)

# What the final 250 calls the message; the first that fits.
_REMOTE_IDS = (
    re.compile(r"queued as <?([\w.@+=/-]{1,120})", re.IGNORECASE),  # Postfix, SendGrid, Mailjet, Brevo, Haraka
    re.compile(r"\bid=([\w.-]{4,80})"),  # Exim
    re.compile(r"InternalId=(\d+)", re.IGNORECASE),  # Exchange
    re.compile(r"\bOK\s+\d{9,}\s+([\w.-]{6,80})\s+-\s+gsmtp"),  # Gmail
    re.compile(r"\b([\w-]{6,40}) Message accepted for delivery", re.IGNORECASE),  # sendmail, OpenSMTPD
    re.compile(r"^ok (\d+ qp \d+)", re.IGNORECASE),  # qmail
    re.compile(r"Message Queued \(([\w.-]{6,80})\)", re.IGNORECASE),  # Haraka
    re.compile(r"^Ok ([0-9a-f]{16}-[0-9a-f-]{20,60})\s*$", re.IGNORECASE),  # Amazon SES
)
_MESSAGE_ID = re.compile(r"<([^<>@\s]{1,200}@[^<>@\s]{1,200})>")
_SES_HOST = re.compile(r"email-smtp(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com$", re.IGNORECASE)
_SES_ID = re.compile(r"^[0-9a-f]{16}-[0-9a-f-]{20,60}$", re.IGNORECASE)
_MAILJET_HOST = re.compile(r"(^|\.)mailjet\.com$", re.IGNORECASE)


def as_text(reply: bytes | str) -> str:
    """The reply as text of bounded length without control characters but line ends."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    text = text[: 4 * LONGEST_TEXT]
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)


def judge(code: int, reply: bytes | str, phase: str, remote_id: str = "") -> RecipientResult:
    """Return what an answer with this code and text, given in this phase, means for the recipients it is about."""
    enhanced, text = split_enhanced(as_text(reply))
    facts = {"phase": phase, "code": code, "enhanced": enhanced, "text": text[:LONGEST_TEXT]}
    if 200 <= code < 300:
        return RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED, remote_id=remote_id, **facts)
    if 400 <= code < 500:
        counts = not is_greylisting(code, enhanced, text)
        return RecipientResult(
            OutboundState.DEFERRED, OutboundReason.TRY_LATER, wait=requested_wait(text), counts=counts, **facts
        )
    if _LIMIT_OF_OURS.search(text):
        wait = requested_wait(text) or LIMIT_WAIT
        return RecipientResult(OutboundState.DEFERRED, OutboundReason.QUOTA, wait=wait, **facts)
    reason = OutboundReason.REFUSED
    if enhanced in ("5.3.4", "5.2.3") or (code in (552, 554, 523) and not enhanced and _TOO_LARGE.search(text)):
        reason = OutboundReason.TOO_LARGE
    elif code in (530, 535, 538) and phase in ("login", "sender"):
        reason = OutboundReason.NO_LOGIN
    return RecipientResult(OutboundState.FAILED, reason, **facts)


def is_greylisting(code: int, enhanced: str, text: str) -> bool:
    """Return whether a temporary refusal only lets strangers wait (RFC 6647): it says nothing against the recipient."""
    return bool(_GREYLIST.search(text)) or (code in (450, 451) and enhanced == "4.7.1")


def requested_wait(text: str) -> int | None:
    """Return the seconds that the server asked to wait ("try again in 5 minutes"), None when it did not."""
    if found := _CLOCK.search(text):
        hours, minutes, seconds = map(int, found.groups())
        return hours * 3600 + minutes * 60 + seconds
    # "blocked for 3 hours" is a wait, "over quota in 2 hours" none: a word about trying must be near.
    found = _WAIT.search(text)
    if not found or not _RETRY_WORDS.search(text):
        return None
    first, unit, second, other = found.groups()
    wait = int(first) * _SECONDS[unit[0].lower()]
    return wait + int(second) * _SECONDS[other[0].lower()] if second else wait


def remote_id(reply: bytes | str) -> str:
    """Return the name that the final 250 gives the message, "" when none can be read."""
    _enhanced, text = split_enhanced(as_text(reply))
    for pattern in _REMOTE_IDS:
        if found := pattern.search(text):
            return found[1].rstrip(".")
    return ""


def provider_message_id(host: str, reply: bytes | str) -> str:
    """Return the Message-ID that a provider puts in the place of ours, with angle brackets; "" when it is not known.

    Answers to the message will name this one.
    """
    _enhanced, text = split_enhanced(as_text(reply))
    if found := _MESSAGE_ID.search(text):
        return f"<{found[1]}>"
    name = remote_id(reply)
    if (region := _SES_HOST.search(host or "")) and _SES_ID.match(name):
        # SES names its first region without the region.
        domain = "email.amazonses.com" if region[1] == "us-east-1" else f"{region[1]}.amazonses.com"
        return f"<{name}@{domain}>"
    if name and "@" not in name and _MAILJET_HOST.search(host or ""):
        return f"<{name}@mailjet.com>"
    return ""


def lost_before_data(text: str, phase: str) -> RecipientResult:
    """The connection broke while the server cannot have had the whole message."""
    return RecipientResult(
        OutboundState.DEFERRED, OutboundReason.CONNECTION_LOST, phase=phase, text=text[:LONGEST_TEXT]
    )


def lost_after_data(text: str) -> RecipientResult:
    """The connection broke when the server may have had the whole message: it may have been accepted."""
    return RecipientResult(
        OutboundState.UNKNOWN, OutboundReason.LOST_AFTER_DATA, phase="message", text=text[:LONGEST_TEXT]
    )


def no_session(error: Exception) -> RecipientResult:
    """Return what it means for a recipient that no session could be opened.

    Always DEFERRED: it is the server's trouble or ours, and says nothing about the recipient.
    """
    facts = {"text": str(error)[:LONGEST_TEXT]}
    reason, phase = OutboundReason.NO_CONNECTION, "connect"
    if isinstance(error, GatewayError):
        phase = error.phase or phase
        facts["code"] = int(error.code[:3]) if error.code[:3].isdigit() and len(error.code) >= 3 else 0
        facts["text"] = f"{error} {error.detail}".strip()[:LONGEST_TEXT]
    elif isinstance(error, smtplib.SMTPAuthenticationError):
        phase = "login"
    elif isinstance(error, ConfigurationError) and error.field in ("user", "password"):
        phase = "login"
    elif isinstance(error, ssl.SSLError) or (isinstance(error, ConfigurationError) and error.field == "certificate"):
        phase = "tls"
    if isinstance(error, smtplib.SMTPResponseException):
        enhanced, text = split_enhanced(as_text(error.smtp_error))
        facts = {"code": error.smtp_code, "enhanced": enhanced, "text": text[:LONGEST_TEXT]}
    if phase in ("resolve", "greeting"):
        phase = "connect"
    if phase == "oauth":
        # No token: nobody can log in. The code is a web server's, and says nothing about the mail server.
        phase, facts["code"] = "login", 0
    # "421 too many connections, try again in 60 seconds" may be all that it says.
    facts["wait"] = requested_wait(facts["text"])
    if phase == "login":
        reason = OutboundReason.NO_LOGIN
    return RecipientResult(OutboundState.DEFERRED, reason, phase=phase, **facts)
