# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What smtplib's answers and exceptions say about each recipient, for sessions that are not the gateway's own."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterable

from .delivery import RecipientResult
from .errors import GatewayError
from .outcome import OutboundReason, OutboundState

# RFC 3463 §2: class, subject and detail, at the beginning of the text (RFC 2034 §4).
ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
LOGIN_CODES = (530, 534, 535, 538)


def result_of_reply(code: int, text: bytes | str, phase: str) -> RecipientResult:
    """Return what a refusing reply means: 4xx may pass, everything else is final (RFC 5321 §4.2.1)."""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    found = ENHANCED.match(words)
    passes = 400 <= code < 500
    return RecipientResult(
        OutboundState.DEFERRED if passes else OutboundState.FAILED,
        OutboundReason.TRY_LATER if passes else OutboundReason.REFUSED,
        phase,
        code,
        found.group(1) if found else "",
        words[found.end() :].strip() if found else words.strip(),
    )


def results_of_refusals(
    recipients: Iterable[str], refused: dict[str, tuple[int, bytes]]
) -> dict[str, RecipientResult]:
    """Return the results of a transaction that smtplib calls done: all but ``refused`` were accepted."""
    return {
        address: result_of_reply(*refused[address], "recipient")
        if address in refused
        else RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED, "message", 250)
        for address in recipients
    }


def results_of_error(error: BaseException, recipients: Iterable[str]) -> dict[str, RecipientResult]:
    """Return the results of a transaction that ended with ``error``, on a session that says nothing more.

    A connection that breaks may have broken after the message was handed over: the outcome is unknown.
    """
    recipients = list(recipients)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        refused = error.recipients
        return {address: result_of_reply(*refused.get(address, (550, b"")), "recipient") for address in recipients}
    if isinstance(error, smtplib.SMTPSenderRefused):
        result = result_of_reply(error.smtp_code, error.smtp_error, "sender")
    elif isinstance(error, smtplib.SMTPDataError):
        result = result_of_reply(error.smtp_code, error.smtp_error, "message")
    elif isinstance(error, smtplib.SMTPResponseException):
        result = result_of_reply(error.smtp_code, error.smtp_error, "data")
    elif isinstance(error, smtplib.SMTPNotSupportedError):
        result = RecipientResult(OutboundState.FAILED, OutboundReason.REFUSED, "sender", text=str(error))
    else:
        result = RecipientResult(
            OutboundState.UNKNOWN, OutboundReason.LOST_AFTER_DATA, "message", text=f"{type(error).__name__}: {error}"
        )
    return dict.fromkeys(recipients, result)


def result_of_connection(error: BaseException) -> RecipientResult:
    """Return what a session that could not be had means for whoever waits for it: it may pass, whatever it is.

    A wrong password or a server's wrong name is put right by a person, and the mail leaves then.
    """
    phase = getattr(error, "phase", "") or "connect"
    code, text = 0, str(error)
    if isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code
        text = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        phase = "login" if isinstance(error, smtplib.SMTPAuthenticationError) or code in LOGIN_CODES else "connect"
    elif isinstance(error, GatewayError) and error.code.isdigit():
        code = int(error.code) if len(error.code) == 3 else 0
    reason = OutboundReason.NO_LOGIN if phase == "login" else OutboundReason.NO_CONNECTION
    return RecipientResult(OutboundState.DEFERRED, reason, phase, code, text=str(text))
