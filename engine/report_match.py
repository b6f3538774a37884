# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which of the mails that we sent a report is about, and whether that is proved.

Anybody can write a report. What nobody can make up is the signed return path that a mail left with: it stands in the
report's own recipient, or in the copy of the mail that it encloses. A mail that left with one is only reported on by
who knows it. A mail that left with a plain one (its server takes no signed ones) is known by its Message-ID, which
only those have who got it. An address alone proves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .message_kind import MessageKind, RecipientReport


@dataclass(frozen=True, slots=True)
class SentCopy:
    """A mail of ours to one recipient, which a report may be about.

    Attributes:
        id: of its row.
        recipient: address that it was sent to, lower-case.
        is_signed: it left with a signed return path.
        is_proved: the report knows that return path.
    """

    id: int
    recipient: str
    is_signed: bool = False
    is_proved: bool = False


@dataclass(frozen=True, slots=True)
class ReportMatch:
    """One recipient's report and the rows that it is about.

    Attributes:
        copies: ids; empty when it is about no mail of ours.
        why: how that was found out, in words without addresses.
    """

    report: RecipientReport
    copies: tuple[int, ...]
    why: str


# They change nothing that counts, and come from whoever read the mail, not along its return path.
_HARMLESS = (MessageKind.READ_RECEIPT,)


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
        candidates = [copy for copy in copies if kind in _HARMLESS or not copy.is_signed]
        how = "Message-ID"
    unsure = bool(copies) and not candidates
    found = []
    for report in reports:
        named = {report.recipient, report.original_recipient} - {""}
        mine = tuple(copy.id for copy in candidates if copy.recipient in named)
        if mine:
            found.append(ReportMatch(report, mine, f"{how} and recipient"))
        elif unsure:
            found.append(ReportMatch(report, (), "the mail left with a signed return path, which the report lacks"))
        elif len(candidates) == len(reports) == 1 and (proved or not named):
            # The recipient's server passed it on to another address (RFC 3464 §2.3.1 lets it hide the first one), or
            # the report names nobody; but the mail went to one recipient.
            found.append(ReportMatch(report, (candidates[0].id,), f"{how}, of a mail to one recipient"))
        elif candidates:
            found.append(ReportMatch(report, (), f"{how}, but the mail was not sent to that recipient"))
        else:
            found.append(ReportMatch(report, (), "no mail of ours has this return path or Message-ID"))
    return tuple(found)
