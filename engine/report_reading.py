# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Reads a message that may be a report about another mail: standards first, then what servers write for people."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from .automatic import is_null_return_path
from .bounce_reason import BounceReason
from .bounce_text import LONGEST, TextReport, block_about, find_code, is_failure_text, notice_of, read_bounce_text
from .delivery_report import from_fields, from_text, kind_of
from .delivery_status import DeliveryStatus, RecipientStatus, find_status, read_delivery_status
from .disposition import read_disposition
from .dmarc_report import has_name_of_a_report
from .feedback_report import NO_COMPLAINTS, read_feedback_report
from .message_kind import MessageKind, RecipientReport, ReportAction
from .original_message import ORIGINALS, original_fields, original_ids
from .provider_notice import read_provider_notice
from .report_address import found_addresses, listed_addresses, typed_address
from .report_part import Part, bounded, media_type, parameter, read_fields, split_head, walk_parts
from .reporter import POSTMASTER, SURE_SIGNS, has_subject_of_a_report, is_machine, may_report, sign_of_a_reporter
from .summary import Summary, sole_address

_DELIVERY = frozenset(("message/delivery-status", "message/global-delivery-status"))
_RECEIPT = frozenset(("message/disposition-notification", "message/global-disposition-notification"))
_FEEDBACK = "message/feedback-report"
_TEXTS = frozenset(("text/plain", "text/html"))
_MOST_TEXTS = 6
_FIELDS_INLINE = re.compile(r"^[ \t]*(?:final-recipient|original-recipient)[ \t]*:", re.IGNORECASE | re.MULTILINE)
# RFC 7489 §7.2.1.1; the report itself is packed.
_DMARC_SUBJECT = re.compile(r"report[ _-]domain\s*:\s*\S+.{0,200}submitter\s*:", re.IGNORECASE)
# Of reporters that write a subject of their own; the name of the file must say it then (RFC 7489 §7.2.1.1).
_DMARC_WORDS = re.compile(r"dmarc.{0,80}report|report.{0,80}dmarc", re.IGNORECASE)
_PACKED = re.compile(r"application/(?:(?:x-)?(?:zip|gzip)(?:-compressed)?|octet-stream|xml|tlsrpt\+\w+)|text/xml")
# Microsoft's feedback programme for Outlook.com: no fields, the mail itself, and this subject.
_JMRP_SUBJECT = re.compile(r"^\s*complaint about message from [0-9a-f.:]{3,45}\s*$", re.IGNORECASE)
_JMRP_FIELD = "x-hmxmroriginalrecipient"
_OPT_OUT_SUBJECT = re.compile(r"^\s*unsubscribe\s*$", re.IGNORECASE)
# A list server tells whoever is no member that it did not take the mail.
_LIST_REFUSAL = re.compile(
    r"not (?:a )?(?:member|subscri\w+) (?:of|to) (?:this|the) (?:mailing )?list|non-?members? (?:are|may|can)",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"\s*(?:re|fwd?|aw|wg|tr|rv|enc|vs|sv)\s*:", re.IGNORECASE)
_UNDELIVERED = re.compile(
    r"undeliver|deliver|returned mail|failure|failed|bounce|non.?remis|unzustell|error", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: see Classification for the attributes; `sign` is what decided, in words."""

    kind: MessageKind
    sign: str
    reports: tuple[RecipientReport, ...] = ()
    original_ids: tuple[str, ...] = ()
    feedback_type: str = ""
    is_by_words: bool = False


@dataclass(slots=True)
class _Reading:
    """A message taken apart, once for all readers."""

    message: Summary
    parts: list[Part]
    reporter: str
    text: str = ""
    original: dict[str, str] = field(default_factory=dict)

    @property
    def is_machine(self) -> bool:
        """A person may forward the parts of a report, or write to a list; such a mail is no report."""
        return bool(self.reporter) or is_machine(self.message)

    def first(self, types) -> Part | None:
        return next((part for part in self.parts if part.media_type in types), None)

    def ids(self, *named: str) -> tuple[str, ...]:
        return original_ids(self.message, self.original, self.text, named)


def read_report(content: bytes, message: Summary, *, sign: str) -> Report | None:
    """Return what a message reports; None when it is no report.

    Args:
        content: the bytes as received.
        message: summary of the same.
        sign: why it may not be answered; "" for what looks like a person's message.
    """
    reporter = sign_of_a_reporter(message)
    is_candidate = (
        sign
        or reporter
        or message.has_header("TLS-Report-Domain")
        or _JMRP_SUBJECT.match(message.subject)
        or _DMARC_SUBJECT.search(message.subject)
        or _DMARC_WORDS.search(message.subject)
    )
    if not is_candidate:
        return None
    parts = walk_parts(content).parts
    if reporter or is_machine(message):
        parts = _opened(parts)
    reading = _Reading(message, parts, reporter, _text_of(parts), original_fields(parts))
    for reader in (_feedback, _receipt, _administrative, _delivery, _provider, _inline):
        if found := reader(reading):
            return found
    return None


def read_bounce_for_people(content: bytes, message: Summary) -> Report | None:
    """Return what a report says that follows no standard; None when it is none.

    The header must show a mail server, or a null return path and words that leave no doubt.
    """
    reporter = sign_of_a_reporter(message)
    parts = walk_parts(content).parts
    reading = _Reading(message, parts, reporter, _text_of(parts), original_fields(parts))
    not_meant = frozenset(listed_addresses(message.email_to) + [sole_address(message.email_from)])
    failed = listed_addresses(message.header("X-Failed-Recipients"))
    text = read_bounce_text(reading.text, message.subject, message.email_from, not_meant)
    if failed:
        blocks = tuple((one, block_about(text.notice, one, failed)) for one in failed)
        text = TextReport(blocks, text.notice, True, text.is_delay)
    elif not text.is_failure and not text.is_delay and not (reporter and _UNDELIVERED.search(message.subject)):
        return None
    has_original = bool(reading.original) or notice_of(reading.text) != reading.text[:LONGEST]
    # Where the report names nobody, the mail that came back does, if it had one recipient.
    to = listed_addresses(reading.original.get("to", ""), 2)
    only = to[0] if len(to) == 1 else ""
    is_undelivered = bool(_UNDELIVERED.search(message.subject)) and not _ANSWER.match(message.subject)
    # Administrators write as postmaster too.
    is_told = has_subject_of_a_report(message) or bool(text.recipients and find_code(text.notice))
    is_told = is_told or bool(is_undelivered and has_original and text.recipients)
    is_server = bool(reporter) and (reporter != POSTMASTER or is_machine(message) or is_told)
    is_sure = is_server or (
        bool(text.recipients or only)
        and text.is_failure
        and (
            bool(reading.original and (text.recipients or is_undelivered))
            or bool(_LIST_REFUSAL.search(text.notice))
            or (is_undelivered and (has_original or bool(find_status(text.notice))))
            or (has_subject_of_a_report(message) and may_report(message))
        )
    )
    if not is_sure:
        return None
    found = text.recipients or ((only, ""),)
    reports = tuple(from_text(text, recipient, block) for recipient, block in found)
    if not text.recipients:
        # A guess, and the mail may have gone on from there: nobody's address is dead by it.
        reports = tuple(replace(one, is_hard=False) for one in reports)
    is_null = is_null_return_path(message)
    sign = f"{reporter or ('null return path' if is_null else 'a fitting header')}, and the words of a delivery report"
    # A subject such as "Crop failure" is not even words of a delivery.
    is_by_words = reporter not in SURE_SIGNS and not (is_null and (text.is_failure or text.is_delay))
    return Report(kind_of(reports), sign, reports, reading.ids(), is_by_words=is_by_words)


def _opened(parts: list[Part]) -> list[Part]:
    """Take a report out of the mail that a filter wrapped around it, to put a notice of its own before it."""
    inner = [part for part in parts if part.media_type == "message/rfc822"]
    if len(inner) != 1 or any(part.media_type.startswith("message/") for part in parts if part is not inner[0]):
        return parts
    fields = read_fields(split_head(inner[0].body)[0])
    is_report = media_type(fields.get("content-type", "")) == "multipart/report"
    return walk_parts(inner[0].body).parts if is_report else parts


def _feedback(reading: _Reading) -> Report | None:
    part = reading.first((_FEEDBACK,)) if reading.is_machine else None
    declared = parameter(reading.message.header("Content-Type"), "report-type").lower() == "feedback-report"
    if part or declared:
        found = read_feedback_report(part.text() if part else reading.text)
        kind = MessageKind.OTHER_REPORT if found.feedback_type in NO_COMPLAINTS else MessageKind.ABUSE_COMPLAINT
        # RFC 5965 §3.2: the field is optional, and providers hide it; the mail complained of has the address then.
        people = found.recipients or _recipients_of_original(reading)
        reports = tuple(_about(one, ReportAction.COMPLAINED, BounceReason.COMPLAINT) for one in people)
        if kind is MessageKind.OTHER_REPORT:
            reports = ()
        return Report(kind, _FEEDBACK, reports, reading.ids(), found.feedback_type)
    if reading.original and (_JMRP_SUBJECT.match(reading.message.subject) or _JMRP_FIELD in reading.original):
        reports = tuple(
            _about(one, ReportAction.COMPLAINED, BounceReason.COMPLAINT) for one in _recipients_of_original(reading)
        )
        return Report(
            MessageKind.ABUSE_COMPLAINT, "a complaint with the mail enclosed", reports, reading.ids(), "abuse"
        )
    if _OPT_OUT_SUBJECT.match(reading.message.subject) and reading.message.has_header("Auto-Submitted"):
        # A mail program unsubscribes its user by the address in List-Unsubscribe (RFC 2369 §3.2).
        person = sole_address(reading.message.email_from)
        reports = (_about(person, ReportAction.COMPLAINED, BounceReason.COMPLAINT),) if person else ()
        return Report(MessageKind.ABUSE_COMPLAINT, "a mail program unsubscribes", reports, reading.ids(), "opt-out")
    return None


def _receipt(reading: _Reading) -> Report | None:
    part = reading.first(_RECEIPT) if reading.is_machine else None
    declared = parameter(reading.message.header("Content-Type"), "report-type").lower() == "disposition-notification"
    if not part and not declared:
        return None
    found = read_disposition(part.text() if part else reading.text)
    recipient = found.final or found.original or sole_address(reading.message.email_from)
    notice = notice_of(reading.text)
    if found.disposition == "deleted" and is_failure_text(notice):
        # RFC 5429 §2.2: how Sieve's reject, and Dovecot for a full mailbox, say that they did not take a mail.
        row = RecipientStatus(recipient, found.original, ReportAction.FAILED)
        refusal = from_fields(row, notice, [recipient])
        return Report(MessageKind.DELIVERY_FAILURE, "refused by a receipt", (refusal,), reading.ids(found.original_id))
    report = RecipientReport(recipient, ReportAction.DELIVERED, found.original, reason=BounceReason.DELIVERED)
    sign = f"disposition notification: {found.disposition or 'no type'}"
    return Report(MessageKind.READ_RECEIPT, sign, (report,), reading.ids(found.original_id))


def _administrative(reading: _Reading) -> Report | None:
    message = reading.message
    kind = parameter(message.header("Content-Type"), "report-type").lower()
    # RFC 8460 §5.3.
    if kind == "tlsrpt" or (message.has_header("TLS-Report-Domain") and message.has_header("TLS-Report-Submitter")):
        return Report(MessageKind.OTHER_REPORT, "TLS report")
    packed = [part for part in reading.parts if _PACKED.match(part.media_type)]
    if packed and (_DMARC_SUBJECT.search(message.subject) or any(has_name_of_a_report(part) for part in packed)):
        return Report(MessageKind.OTHER_REPORT, "DMARC aggregate report")
    return None


def _delivery(reading: _Reading) -> Report | None:
    parts = [part for part in reading.parts if part.media_type in _DELIVERY]
    if not parts or not reading.is_machine:
        return None
    found = read_delivery_status("\n\n".join(bounded(part.text()) for part in parts[:3]))
    return _from_status(reading, found, parts[0].media_type)


def _inline(reading: _Reading) -> Report | None:
    """The fields of a notification that stand in a text, where a server forgot to mark the part."""
    if not reading.is_machine or not _FIELDS_INLINE.search(reading.text):
        return None
    lines = "\n".join(line.lstrip() if _FIELDS_INLINE.match(line) else line for line in reading.text.split("\n"))
    found = _from_status(reading, read_delivery_status(lines), "fields of RFC 3464 in the text")
    # Who pastes a report into a form's text is no mail server.
    is_sure = reading.reporter in SURE_SIGNS or is_null_return_path(reading.message)
    return replace(found, is_by_words=not is_sure) if found else None


def _from_status(reading: _Reading, found: DeliveryStatus, sign: str) -> Report | None:
    if not found.recipients:
        return None
    notice = notice_of(reading.text)
    failed = listed_addresses(reading.message.header("X-Failed-Recipients"))
    others = [row.final or row.original for row in found.recipients]
    fallback = _fallback(reading, notice, failed) if "" in others else ""
    reports = tuple(from_fields(row, notice, [one for one in others if one], fallback) for row in found.recipients)
    return Report(kind_of(reports), sign, reports, reading.ids(found.original_id))


def _provider(reading: _Reading) -> Report | None:
    part = reading.first(_TEXTS)
    found = read_provider_notice(part.payload()) if part and reading.message.headers else None
    if found is None:
        return None
    if found.action is ReportAction.COMPLAINED:
        reports = tuple(_about(one.final, found.action, BounceReason.COMPLAINT) for one in found.recipients)
        ids = reading.ids(found.original_id)
        return Report(MessageKind.ABUSE_COMPLAINT, "notice in JSON", reports, ids, found.feedback_type)
    others = [one.final for one in found.recipients]
    reports = tuple(from_fields(one, "", others) for one in found.recipients)
    if not reports:
        return None
    return Report(kind_of(reports), "notice in JSON", reports, reading.ids(found.original_id))


def _about(address: str, action: ReportAction, reason: BounceReason) -> RecipientReport:
    return RecipientReport(address, action, reason=reason)


def _recipients_of_original(reading: _Reading) -> list[str]:
    for name in (_JMRP_FIELD, "x-original-to", "to"):
        found = listed_addresses(reading.original.get(name, ""), 20)
        if found:
            return found
    return []


def _fallback(reading: _Reading, notice: str, failed: list[str]) -> str:
    """An address for a group that names a program or a file: what the server says it was expanded from."""
    if failed:
        return failed[0]
    not_meant = {*listed_addresses(reading.message.email_to), sole_address(reading.message.email_from)}
    found = next((one for one in found_addresses(notice) if one not in not_meant), "")
    return found or typed_address(reading.original.get("to", ""))


def _text_of(parts: list[Part]) -> str:
    """The text of the parts for people: plain text, and HTML only where there is no plain text."""
    plain = [part for part in parts if part.media_type == "text/plain"]
    texts = plain or [part for part in parts if part.media_type == "text/html"]
    # What has another name may be a report all the same, from a server that mislabels it.
    if not texts:
        texts = [part for part in parts if part.media_type not in ORIGINALS and part.media_type.startswith("text/")]
    return bounded("\n\n".join(part.text() for part in texts[:_MOST_TEXTS]))
