# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What became of one recipient in one SMTP transaction."""

from __future__ import annotations

from dataclasses import dataclass

from .outcome import OutboundReason, OutboundState


@dataclass(frozen=True, slots=True)
class RecipientResult:
    """The answer of a server about one recipient, or what happened instead of one.

    Attributes:
        state: SENT, DEFERRED (it may be tried again), FAILED, or UNKNOWN (it may have been accepted).
        phase: connect, tls, login, sender (MAIL), recipient (RCPT), data (DATA), message (what follows the last dot).
        code: SMTP code; 0 when there was no answer.
        enhanced: RFC 3463 status "5.1.1"; "" when the server gave none.
        text: the server's own words, or what broke.
        remote_id: queue id of the final 250, if one could be read.
        wait: seconds that the server asked to wait before the next attempt; None when it did not.
        counts: whether the attempt counts as a failure; greylisting does not.
        remote_message_id: Message-ID that the provider gave the message in place of ours; answers will name it.
    """

    state: OutboundState
    reason: OutboundReason
    phase: str = ""
    code: int = 0
    enhanced: str = ""
    text: str = ""
    remote_id: str = ""
    wait: int | None = None
    counts: bool = True
    remote_message_id: str = ""
