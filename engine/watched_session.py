# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A session that somebody else opened, with what the gateway's own sessions tell: beginnings and results."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable, Iterable, Sequence
from email.message import EmailMessage
from typing import Any

from .delivery import RecipientResult
from .dkim_signing import DkimSigner, UnsignedError, domain_of_from
from .outcome import OutboundReason, OutboundState
from .smtp_answer import judge, lost_after_data

Begin = Callable[[str, Sequence[str], EmailMessage], None]


class WatchedSession:
    """A session of another addon. Everything but ``send_message`` goes to the session itself.

    Attributes:
        on_begin: called with envelope sender, recipients and message before the server is told anything.
        on_wait: called with the seconds that the session took.
        sign_sender: makes the envelope sender what the server is told.
        signer: says which mail must not leave unsigned; nothing can be signed here.
        results: {address: RecipientResult} of the last message.
    """

    remote_message_id = ""
    content = b""

    def __init__(self, session: Any):
        self._session = session
        self.on_begin: Begin | None = None
        self.on_wait: Callable[[float], None] | None = None
        self.sign_sender: Callable[[str], str] | None = None
        self.signer: DkimSigner | None = None
        self.results: dict[str, RecipientResult] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @property
    def is_open(self) -> bool:
        return getattr(self._session, "sock", True) is not None

    def send_message(self, message: EmailMessage, from_addr: str, to_addrs: Sequence[str], *rest, **named):
        """Send by the session; what it raises is raised on, and said in ``results``."""
        self.results = {}
        if self.sign_sender:
            from_addr = self.sign_sender(from_addr)
        if self.on_begin:
            self.on_begin(from_addr, to_addrs, message)
        if self.signer:
            self._refuse_unsigned(message, to_addrs)
        began = time.monotonic()
        try:
            refused = self._session.send_message(message, from_addr, to_addrs, *rest, **named)
        except Exception as error:
            self.results = results_of_error(error, to_addrs)
            raise
        finally:
            if self.on_wait:
                # Nearly all of it: what it is to compute was done before.
                self.on_wait(time.monotonic() - began)
        self.results = {
            address: judge(*refused[address], "recipient")
            if refused and address in refused
            else RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED, "message", 250)
            for address in to_addrs
        }
        return refused

    def _refuse_unsigned(self, message, to_addrs):
        try:
            self.signer.refuse_unsigned(domain_of_from(str(message["From"] or "")))
        except UnsignedError as error:
            result = RecipientResult(OutboundState.DEFERRED, OutboundReason.NOT_SIGNED, text=str(error), counts=False)
            self.results = dict.fromkeys(to_addrs, result)
            raise smtplib.SMTPDataError(451, f"4.7.0 {error}".encode()) from error


def results_of_error(error: BaseException, recipients: Iterable[str]) -> dict[str, RecipientResult]:
    """Return the results of a transaction that ended with ``error``, on a session that says nothing more.

    A connection that breaks may have broken after the message was handed over: the outcome is unknown.
    """
    recipients = list(recipients)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        refused = error.recipients
        return {address: judge(*refused.get(address, (550, b"")), "recipient") for address in recipients}
    if isinstance(error, smtplib.SMTPSenderRefused):
        result = judge(error.smtp_code, error.smtp_error, "sender")
    elif isinstance(error, smtplib.SMTPDataError):
        result = judge(error.smtp_code, error.smtp_error, "message")
    elif isinstance(error, smtplib.SMTPResponseException):
        result = judge(error.smtp_code, error.smtp_error, "data")
    elif isinstance(error, smtplib.SMTPNotSupportedError):
        result = RecipientResult(OutboundState.FAILED, OutboundReason.REFUSED, "sender", text=str(error))
    else:
        result = lost_after_data(f"{type(error).__name__}: {error}")
    return dict.fromkeys(recipients, result)


def watched(session: Any) -> Any:
    """Return a session that calls ``on_begin`` and fills ``results``: itself if it does."""
    return session if hasattr(session, "results") and hasattr(session, "on_begin") else WatchedSession(session)
