# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""From what a delivery report says to one RecipientReport for each recipient."""

from __future__ import annotations

import re

from .bounce_reason import BounceReason
from .bounce_text import TextReport, block_about, find_code, find_remote, find_words
from .bounce_verdict import judge_bounce, status_of
from .bounce_words import find_reasons
from .delivery_status import RecipientStatus, find_status, is_general
from .message_kind import MessageKind, RecipientReport, ReportAction
from .smtp_stage import find_stage, says_user_unknown
from .storable import storable

_LONGEST_TEXT = 1_000
# Exchange Online puts words of its own before those that it was answered with: "Remote server returned … -> 550 …".
_RELAYED = re.compile(r"^(?P<own>\s*[45]\d\d [45]\.\d{1,3}\.\d{1,3} ).{1,400}? -> (?=[45]\d\d\b)")
# Statuses of the reporting server's own: the answer that it got says more than "gave up" (RFC 3463 §3.5, x.4.7).
# What the remote server answered is why; the field is how the reporting server sums it up.
_OWN_STATUS = re.compile(r"\s*[45]\d\d[ -]{1,2}#?([45]\.[0-7]\.\d{1,3})\b(?<!\.0\.0)")
_GIVEN_UP = re.compile(r"^[45]\.4\.7$")


def kind_of(reports: tuple[RecipientReport, ...]) -> MessageKind:
    """Return the kind of a report on several recipients: one failure makes it a failure."""
    actions = {report.action for report in reports}
    if ReportAction.FAILED in actions:
        return MessageKind.DELIVERY_FAILURE
    if ReportAction.DELAYED in actions:
        return MessageKind.DELIVERY_DELAY
    return MessageKind.DELIVERY_SUCCESS


def from_fields(found: RecipientStatus, notice: str, others: list[str], fallback: str = "") -> RecipientReport:
    """Return the report on one recipient of a notification with fields.

    Args:
        found: the fields.
        notice: the text for people in the same notification.
        others: all recipients of it.
        fallback: the address where the fields name a program or a file.
    """
    recipient = found.final or found.original or fallback
    block = block_about(notice, recipient, others) if recipient else notice
    return _report(
        recipient=recipient,
        original=found.original,
        action=found.action or ReportAction.FAILED,
        field_status=found.status,
        words=found.diagnostic,
        block=block,
        remote=found.remote,
        head=_head(notice, others),
    )


def from_text(text: TextReport, recipient: str, block: str) -> RecipientReport:
    """Return the report on one recipient of a notification without fields."""
    block = block or text.notice
    # The answer goes before the rest, unless the rest says that there is such a mailbox.
    is_there = find_reasons(block)[:1] in ((BounceReason.MAILBOX_FULL,), (BounceReason.MAILBOX_DISABLED,))
    return _report(
        recipient=recipient,
        original="",
        action=ReportAction.DELAYED if text.is_delay else ReportAction.FAILED,
        field_status="",
        words=find_words(block) if find_code(block) and not is_there else "",
        block=block,
        remote="",
        head=_head(text.notice, [address for address, _block in text.recipients]),
    )


def _report(
    *,
    recipient: str,
    original: str,
    action: ReportAction,
    field_status: str,
    words: str,
    block: str,
    remote: str,
    head: str,
) -> RecipientReport:
    words = _RELAYED.sub(r"\g<own>", words)
    answer = words or find_words(block)
    status = _status(field_status, answer, block)
    code = find_code(words) or find_code(block)
    reason, is_hard = BounceReason.DELIVERED, False
    if action in (ReportAction.FAILED, ReportAction.DELAYED):
        verdict = judge_bounce(
            words,
            status,
            code,
            find_stage(block, words),
            is_own_verdict=says_user_unknown(block),
            more_words=block if find_reasons(words) or find_reasons(block) else head,
        )
        reason, is_hard = verdict.reason, verdict.is_hard and action is ReportAction.FAILED
        if not status:
            status = status_of(verdict, code, is_temporary=action is ReportAction.DELAYED)
    return RecipientReport(
        recipient=recipient,
        action=action,
        original_recipient=original,
        status=status,
        code=code,
        reason=reason,
        is_hard=is_hard,
        text=storable(" ".join(answer.split()), _LONGEST_TEXT),
        remote_server=storable(remote or find_remote(block), 255),
    )


def _head(notice: str, others: list[str]) -> str:
    """What stands before all recipients, and so is about each of them."""
    low = notice.lower()
    return notice[: min((place for place in map(low.find, others) if place >= 0), default=0)]


def _status(field_status: str, answer: str, block: str) -> str:
    """The remote server's own, else the field, unless it says no more than its class and the text says more."""
    if own := _OWN_STATUS.match(answer):
        return own[1]
    if not is_general(field_status) and not _GIVEN_UP.match(field_status):
        return field_status
    for text in (answer, block):
        said = find_status(text)
        if said and not is_general(said) and said[0] != "2":
            return said
    return field_status or find_status(answer) or find_status(block)
