# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Tells what an incoming message is: the step of the pipeline that all others rely on."""

from __future__ import annotations

from dataclasses import replace

from .automatic import sign_of_a_machine, submission_keyword
from .automatic_reply import sign_by_header, sign_by_subject
from .message_kind import MESSAGE_KIND_WORDS, Classification, MessageKind
from .pipeline import Facts, Step, Verdict
from .report_reading import Report, read_bounce_for_people, read_report
from .reporter import may_report, may_report_by_words, sign_of_a_reporter
from .summary import Summary
from .trace import TraceStep

_LIST_FIELDS = ("List-Id", "List-Post", "List-Unsubscribe", "List-Help", "List-Subscribe", "List-Archive")
_LIST_PRECEDENCE = ("list", "bulk")


def classify(content: bytes, summary: Summary) -> Classification:
    """Return what a message is; never fails on any bytes.

    Standards come first: RFC 5965, 8098, 8460, 7489, 3464. Then what mail servers write for people, then RFC 3834's
    answers, RFC 2919's and 2369's lists, and other programs. What shows none of these is a person's.

    Args:
        content: the bytes as received.
        summary: of the same message.
    """
    sign = sign_of_a_machine(summary)
    if report := read_report(content, summary, sign=sign):
        return _of_report(report, sign)
    if sign_of_a_reporter(summary) and (report := read_bounce_for_people(content, summary)):
        return _of_report(report, sign)
    if answer := _answer(summary, sign):
        return answer
    if (may_report(summary) or may_report_by_words(summary)) and (report := read_bounce_for_people(content, summary)):
        return _of_report(report, sign)
    return classify_no_report(summary)


def classify_no_report(summary: Summary) -> Classification:
    """Return what a message is that is known to be no report: the header and the subject say it.

    Args:
        summary: of the message.
    """
    sign = sign_of_a_machine(summary)
    if answer := _answer(summary, sign):
        return answer
    if found := _sign_of_a_list(summary):
        return _plain(MessageKind.MAILING_LIST, "signs of a mailing list", found, sign or found)
    if sign:
        return _plain(MessageKind.AUTO_GENERATED, "signs of an automatic message", sign, sign)
    step = TraceStep("signs of an automatic message", "none", "treated as written by a person")
    return Classification(steps=(step,))


def find_kind(content: bytes) -> Step:
    """Return the step that sets the facts ``kind`` (Classification) and ``automatic`` (why it may not be answered)."""

    def step(message: Summary, facts: Facts) -> Verdict:
        found = classify(content, message)
        facts["kind"], facts["automatic"] = found, found.automatic
        return Verdict(found.steps)

    return step


def _answer(message: Summary, sign: str) -> Classification | None:
    by_header = sign_by_header(message)
    answer = by_header or sign_by_subject(message)
    if not answer:
        return None
    found = _plain(MessageKind.AUTOMATIC_REPLY, "signs of an automatic reply", answer, sign or answer)
    return replace(found, is_by_words=not by_header)


def _sign_of_a_list(message: Summary) -> str:
    if submission_keyword(message) == "auto-replied":
        return ""
    for name in _LIST_FIELDS:
        if message.has_header(name):
            return name
    precedence = message.header("Precedence").strip().lower()
    return f"Precedence: {precedence}" if precedence in _LIST_PRECEDENCE else ""


def _of_report(report: Report, sign: str) -> Classification:
    words = MESSAGE_KIND_WORDS[report.kind].lower()
    steps = [TraceStep("signs of a report", report.sign, f"{words}, it is never answered")]
    for number, one in enumerate(report.reports[:5], 1):
        found = ", ".join(filter(None, (one.action.value, one.status, str(one.code or ""), one.reason.value)))
        steps.append(
            TraceStep(f"recipient {number} of the report", found, "the address is dead" if one.is_hard else "")
        )
    return Classification(
        kind=report.kind,
        steps=tuple(steps),
        automatic=sign or report.sign,
        reports=report.reports,
        original_ids=report.original_ids,
        feedback_type=report.feedback_type,
        is_by_words=report.is_by_words,
    )


def _plain(kind: MessageKind, looked_at: str, found: str, automatic: str) -> Classification:
    return Classification(kind, (TraceStep(looked_at, found, "it is never answered"),), automatic)
