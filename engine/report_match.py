# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which of the mails that we sent a report is about, and whether that is proved.

Anybody can write a report. What nobody can make up is the signed return path that a mail left with: it stands in the
report's own recipient, or in the copy of the mail that it encloses. A mail that left with one is only reported on by
who knows it. A mail that left with a plain one (its server takes no signed ones) is found by its Message-ID. That
proves little: everybody who got the mail, or a later one of its thread (References), has it, and of a mail that came in
whoever wrote it has chosen it. So it is only believed of recent mail of our own, and what follows can be undone. An
address alone proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .message_kind import MessageKind, RecipientReport
from .subaddress import LIFETIME


@dataclass(frozen=True, slots=True)
class SentCopy:
    """A mail of ours to one recipient, which a report may be about.

    Attributes:
        id: of its row.
        recipient: address that it was sent to, lower-case.
        is_signed: it left with a signed return path.
        is_proved: the report knows that return path.
        doubt: why a report that only knows its Message-ID is not believed, see ``message_id_doubt``; "".
    """

    id: int
    recipient: str
    is_signed: bool = False
    is_proved: bool = False
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class ReportMatch:
    """One recipient's report and the rows that it is about.

    Attributes:
        copies: ids; empty when it is about no mail of ours.
        why: how that was found out, in words without addresses.
        is_proved: by the signed return path; a Message-ID proves nothing, see ``engine.report.learnable``.
    """

    report: RecipientReport
    copies: tuple[int, ...]
    why: str
    is_proved: bool = False


# They change nothing that counts, and come from whoever read the mail, not along its return path.
_HARMLESS = (MessageKind.READ_RECEIPT,)


def message_id_doubt(
    kind: MessageKind, sent: datetime | None, now: datetime, *, is_incoming: bool, is_forged: bool
) -> str:
    """Return why a report that only knows the Message-ID of a mail is not believed, in words; "" when it may be.

    Args:
        kind: of the report.
        sent, now: naive UTC; None when nobody knows when the mail left.
        is_incoming: the mail passes on a message that came in: its writer chose the Message-ID.
        is_forged: the report's sender is shown to be false.
    """
    if is_incoming:
        return "the mail passes on one that came in, whose writer chose its Message-ID"
    if is_forged:
        return "it only knows the Message-ID, and its sender is not who it claims to be"
    # People read when they like; servers give up in time.
    if kind not in _HARMLESS and (sent is None or now - sent > LIFETIME):
        return "it only knows the Message-ID, and the mail left too long ago"
    return ""


def match_reports(
    kind: MessageKind, reports: Sequence[RecipientReport], copies: Sequence[SentCopy]
) -> tuple[ReportMatch, ...]:
    """Return one ReportMatch for each of ``reports``.

    Args:
        copies: rows that share the report's signed return paths or Message-IDs.
    """
    proved = [copy for copy in copies if copy.is_proved]
    if proved:
        candidates, how = proved, "signed return path"
    else:
        believed = [copy for copy in copies if not copy.doubt]
        candidates = [copy for copy in believed if kind in _HARMLESS or not copy.is_signed]
        how = "Message-ID"
    doubt = ""
    if copies and not candidates:
        doubts = [copy.doubt for copy in copies if copy.doubt]
        doubt = doubts[0] if doubts else "the mail left with a signed return path, which the report lacks"
    found = []
    for report in reports:
        named = {report.recipient, report.original_recipient} - {""}
        mine = tuple(copy.id for copy in candidates if copy.recipient in named)
        if mine:
            found.append(ReportMatch(report, mine, f"{how} and recipient", bool(proved)))
        elif doubt:
            found.append(ReportMatch(report, (), doubt))
        elif len(candidates) == len(reports) == 1 and (proved or not named):
            # The recipient's server passed it on to another address (RFC 3464 §2.3.1 lets it hide the first one), or
            # the report names nobody; but the mail went to one recipient.
            found.append(ReportMatch(report, (candidates[0].id,), f"{how}, of a mail to one recipient", bool(proved)))
        elif candidates:
            found.append(ReportMatch(report, (), f"{how}, but the mail was not sent to that recipient"))
        else:
            found.append(ReportMatch(report, (), "no mail of ours has this return path or Message-ID"))
    return tuple(found)
