# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What became of a mail that an administrator sent as a test, in words."""

from __future__ import annotations

from .delivery import RecipientResult
from .enhanced_status import explain_status
from .outcome import OUTBOUND_REASON_WORDS, OutboundState


def describe_result(recipient: str, result: RecipientResult) -> str:
    """Return one line: the reason, what the server's answer means, and the answer itself.

    "ann@example.org: The server accepted it (250 2.0.0 Ok: queued as 4D2)"
    """
    text = " ".join(result.text.split())
    if result.enhanced and text.startswith(result.enhanced):
        text = text[len(result.enhanced) :].strip()
    answer = " ".join(filter(None, (str(result.code or ""), result.enhanced, text)))
    line = f"{recipient}: {OUTBOUND_REASON_WORDS[result.reason]}" + (f" ({answer})" if answer else "")
    if result.state is OutboundState.SENT or not result.code:
        return line
    return f"{line}. {explain_status(result.code, result.enhanced, result.text)}"
