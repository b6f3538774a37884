# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What became of a mail that an administrator sent as a test, in words, and where no session kept answers for us."""

from __future__ import annotations

import re
import smtplib

from .delivery import RecipientResult
from .errors import GatewayError
from .outcome import OUTBOUND_REASON_WORDS, OutboundReason, OutboundState

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\s+")  # RFC 3463 §2


def results_of(
    error: BaseException | None, recipients: tuple[str, ...], refused: dict[str, tuple[int, bytes]] | None = None
) -> dict[str, RecipientResult]:
    """Return {recipient: RecipientResult} by what a session returned or raised, where it keeps no answers itself.

    Args:
        error: what was raised, None when nothing was. Odoo wraps what smtplib raises; what was wrapped is looked at.
        refused: smtplib's dictionary of single refusals, when others were accepted.
    """
    refusals = {address.lower(): answer for address, answer in (refused or {}).items()}
    cause = error
    while cause is not None and not isinstance(cause, (smtplib.SMTPException, GatewayError, OSError)):
        cause = cause.__cause__ or cause.__context__
    if error is None:
        accepted = RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED)
        return {one: _answered("recipient", *refusals[one]) if one in refusals else accepted for one in recipients}
    if isinstance(cause, smtplib.SMTPRecipientsRefused):
        refusals = {address.lower(): answer for address, answer in cause.recipients.items()}
        return {one: _answered("recipient", *refusals.get(one, (550, b""))) for one in recipients}
    if isinstance(cause, smtplib.SMTPResponseException):
        phases = {smtplib.SMTPSenderRefused: "sender", smtplib.SMTPAuthenticationError: "login"}
        result = _answered(phases.get(type(cause), "data"), cause.smtp_code, cause.smtp_error)
    elif isinstance(cause, GatewayError):
        result = RecipientResult(
            OutboundState.FAILED if cause.permanent else OutboundState.DEFERRED,
            OutboundReason.NO_LOGIN if cause.phase == "login" else OutboundReason.NO_CONNECTION,
            cause.phase,
            text=str(cause),
        )
    elif isinstance(cause, (smtplib.SMTPServerDisconnected, OSError)):
        # The last dot may have been heard.
        result = RecipientResult(OutboundState.UNKNOWN, OutboundReason.LOST_AFTER_DATA, "data", text=str(cause))
    else:
        result = RecipientResult(OutboundState.FAILED, OutboundReason.NOT_BUILT, text=str(cause or error))
    return dict.fromkeys(recipients, result)


def _answered(phase: str, code: int, answer: bytes | str) -> RecipientResult:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    enhanced = _ENHANCED.match(text)
    permanent = code >= 500
    reason = OutboundReason.REFUSED if permanent else OutboundReason.TRY_LATER
    if phase == "login":
        reason = OutboundReason.NO_LOGIN
    return RecipientResult(
        OutboundState.FAILED if permanent else OutboundState.DEFERRED,
        reason,
        phase,
        code,
        enhanced[1] if enhanced else "",
        text[enhanced.end() :] if enhanced else text,
    )


def describe_result(recipient: str, result: RecipientResult) -> str:
    """Return one line: "ann@example.org: The server accepted it (250 2.0.0 Ok: queued as 4D2)"."""
    answer = " ".join(filter(None, (str(result.code or ""), result.enhanced)))
    text = " ".join(result.text.split())
    if result.enhanced and text.startswith(result.enhanced):
        text = text[len(result.enhanced) :].strip()
    answer = " ".join(filter(None, (answer, text)))
    return f"{recipient}: {OUTBOUND_REASON_WORDS[result.reason]}" + (f" ({answer})" if answer else "")
