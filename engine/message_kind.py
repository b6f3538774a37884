# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What an incoming message is, and what a report in it says about each recipient: the words all parts share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .bounce_reason import BounceReason
from .trace import TraceStep


class MessageKind(str, Enum):
    """What a message is. The values are stored."""

    PERSON = "person"
    AUTOMATIC_REPLY = "automatic_reply"
    AUTO_GENERATED = "auto_generated"
    MAILING_LIST = "mailing_list"
    DELIVERY_FAILURE = "delivery_failure"
    DELIVERY_DELAY = "delivery_delay"
    DELIVERY_SUCCESS = "delivery_success"
    READ_RECEIPT = "read_receipt"
    ABUSE_COMPLAINT = "abuse_complaint"
    OTHER_REPORT = "other_report"


MESSAGE_KIND_WORDS = {
    MessageKind.PERSON: "Person",
    MessageKind.AUTOMATIC_REPLY: "Automatic Reply",
    MessageKind.AUTO_GENERATED: "Sent by a Program",
    MessageKind.MAILING_LIST: "Mailing List",
    MessageKind.DELIVERY_FAILURE: "Delivery Failure",
    MessageKind.DELIVERY_DELAY: "Delivery Delay",
    MessageKind.DELIVERY_SUCCESS: "Delivery Success",
    MessageKind.READ_RECEIPT: "Read Receipt",
    MessageKind.ABUSE_COMPLAINT: "Abuse Complaint",
    MessageKind.OTHER_REPORT: "Other Report",
}

# Written about another mail, by a machine: never routed as a new record.
REPORTS = frozenset(
    {
        MessageKind.DELIVERY_FAILURE,
        MessageKind.DELIVERY_DELAY,
        MessageKind.DELIVERY_SUCCESS,
        MessageKind.READ_RECEIPT,
        MessageKind.ABUSE_COMPLAINT,
        MessageKind.OTHER_REPORT,
    }
)


class ReportAction(str, Enum):
    """What a report says happened (RFC 3464 §2.3.3); a complaint is our addition. The values are stored."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    COMPLAINED = "complained"


REPORT_ACTION_WORDS = {
    ReportAction.FAILED: "Failed",
    ReportAction.DELAYED: "Delayed",
    ReportAction.DELIVERED: "Delivered",
    ReportAction.COMPLAINED: "Complained",
}


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """What a report says about one recipient.

    Attributes:
        recipient: final address, lower-case; "" when the report names none.
        action: what happened.
        original_recipient: address that the mail was sent to, lower-case; "" when it is not said.
        status: enhanced status such as "5.1.1" (RFC 3463); "" when unknown.
        code: SMTP reply code; 0 when unknown.
        reason: why, for people and policy.
        is_hard: the address itself is dead; everything else is soft, also a permanent refusal of one message.
        text: the words of the server that refused it, one line; "".
        remote_server: name of that server as the report has it; "".
    """

    recipient: str
    action: ReportAction
    original_recipient: str = ""
    status: str = ""
    code: int = 0
    reason: BounceReason = BounceReason.UNDEFINED
    is_hard: bool = False
    text: str = ""
    remote_server: str = ""

    @property
    def sent_to(self) -> str:
        """The address that we sent to, as far as the report tells."""
        return self.original_recipient or self.recipient


@dataclass(frozen=True, slots=True)
class Classification:
    """What a message is, and why.

    Attributes:
        kind: see MessageKind.
        steps: how it was found out.
        automatic: why it may not be answered, in words; "" when it may. A person's message may say so too.
        reports: one for each recipient that is reported on; empty for what is no report.
        original_ids: Message-IDs of the mail that the report is about, the surest first, with angle brackets.
        feedback_type: of an abuse report (RFC 5965 §3.1), such as "abuse"; "".
        is_by_words: only words for people made it a report or an automatic reply, and no sign in the header that is a
            machine's alone. People write such words too: nothing is done or discarded by them without further proof.
    """

    kind: MessageKind = MessageKind.PERSON
    steps: tuple[TraceStep, ...] = ()
    automatic: str = ""
    reports: tuple[RecipientReport, ...] = ()
    original_ids: tuple[str, ...] = ()
    feedback_type: str = ""
    is_by_words: bool = False
