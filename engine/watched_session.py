# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A session that somebody else opened, with what the gateway's own sessions tell: beginnings and results."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from typing import Any

from .delivery import RecipientResult
from .smtp_refusal import results_of_error, results_of_refusals

Begin = Callable[[str, Sequence[str], EmailMessage], None]


class WatchedSession:
    """Odoo's own sessions, for the configuration file's server and client certificates, and those of other addons.

    Everything but ``send_message`` goes to the session itself.

    Attributes:
        on_begin: called with envelope sender, recipients and message before the server is told anything.
        results: {address: RecipientResult} of the last message.
    """

    def __init__(self, session: Any):
        self._session = session
        self.on_begin: Begin | None = None
        self.results: dict[str, RecipientResult] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @property
    def is_open(self) -> bool:
        return getattr(self._session, "sock", True) is not None

    def send_message(self, message: EmailMessage, from_addr: str, to_addrs: Sequence[str], *rest, **named):
        """Send by the session; what it raises is raised on, and said in ``results``."""
        self.results = {}
        if self.on_begin:
            self.on_begin(from_addr, to_addrs, message)
        try:
            refused = self._session.send_message(message, from_addr, to_addrs, *rest, **named)
        except Exception as error:
            self.results = results_of_error(error, to_addrs)
            raise
        self.results = results_of_refusals(to_addrs, refused or {})
        return refused

    def end(self) -> None:
        """Say good-bye; a server that does not answer is left."""
        try:
            self._session.quit()
        except (smtplib.SMTPException, OSError):
            self.close()

    def close(self) -> None:
        close = getattr(self._session, "close", None)
        if close:
            close()


def watched(session: Any) -> Any:
    """Return a session that calls ``on_begin`` and fills ``results``: itself if it does."""
    return session if hasattr(session, "results") and hasattr(session, "on_begin") else WatchedSession(session)
