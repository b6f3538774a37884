# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""What is learned while one message is processed. It travels in Odoo's context and is written to on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from .outcome import InboundReason, InboundState
from .target import Target
from .trace import Trace


@dataclass(frozen=True)
class NoticeIntent:
    """A notice that the routing wanted to send. Whether it is sent is decided when the final state is written.

    Attributes:
        recipient: address field as the message gave it.
        body_html: the text, made by Odoo's templates.
        subject: of the notice.
        values: further values of the mail, such as references and reply_to.
        notice_type: kind of notice, as ``spp.email.notice`` has them: each is sent at most once a day.
        company_id: whose notice it is; 0 for the company that the message came in for.
    """

    recipient: str
    subject: str
    body_html: str
    values: tuple[tuple[str, str], ...] = ()
    notice_type: str = "refused"
    company_id: int = 0


@dataclass
class Run:
    """What the attempts of one worker share.

    Attributes:
        descriptions: field descriptions of models: Odoo asks for all of a model's for each message, to learn whether it
            has a name.
    """

    descriptions: dict[tuple, dict] = field(default_factory=dict)


@dataclass
class Attempt:
    """One attempt to process one journal row.

    Attributes:
        inbound_id: the journal row.
        target: where a person or a rule sends the message; None to leave it to replies, aliases and the mailbox.
        envelope_recipients: aliases of ours that it was delivered for; empty when that is unknown.
        takes_known: process it although its Message-ID is known: it is for another recipient, or a person decided.
        routed: message_route was reached, so that a False result is not a known Message-ID.
        creates: model of a route that leads to a new record, "" when there is none.
        is_bounce: Odoo took it for a delivery report.
        fate: state and reason that follow from what the message is, whatever Odoo makes of it; None without such.
        is_loop: Odoo's loop detection held it.
        message_id: the Message-ID that the chatter message got; made up when the message had none.
        updates: (model, record id) of existing records that the routes lead to.
        notices: what the routing wanted to tell the sender.
        refusal: why no route was taken, where that is known better than "an alias refused it".
        invalid_aliases: aliases whose target refused to be created.
        created: number of message_new calls so far; numbers the stamps.
        is_again: it was begun under this claim before.
        is_first: no attempt before this one can have left anything behind.
        records: (model, record id) of what message_new made, or found of an earlier attempt.
        facts: what the pipeline learned, see engine.pipeline.
        run: what this attempt shares with the others of its worker.
        trace: the steps that explain the outcome.
    """

    inbound_id: int
    target: Target | None = None
    envelope_recipients: list[str] = field(default_factory=list)
    takes_known: bool = False
    routed: bool = False
    creates: str = ""
    is_bounce: bool = False
    fate: tuple[InboundState, InboundReason] | None = None
    is_loop: bool = False
    message_id: str = ""
    updates: list[tuple[str, int]] = field(default_factory=list)
    notices: list[NoticeIntent] = field(default_factory=list)
    refusal: InboundReason | None = None
    invalid_aliases: list[int] = field(default_factory=list)
    created: int = 0
    is_again: bool = False
    is_first: bool = False
    records: list[tuple[str, int]] = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    run: Run = field(default_factory=Run)
    trace: Trace = field(default_factory=Trace)

    def outcome(self) -> tuple[InboundState, InboundReason]:
        """Return where the message stands after Odoo's processing ended without an error.

        Odoo itself returns False or None for several fates, hence the notes taken on the way.
        """
        if self.is_loop:
            return InboundState.QUARANTINED, InboundReason.LOOP
        if self.fate:
            return self.fate
        if not self.routed:
            return InboundState.DUPLICATE, InboundReason.KNOWN_MESSAGE_ID
        if self.is_bounce:
            return InboundState.DONE, InboundReason.BOUNCE_HANDLED
        if self.creates:
            return InboundState.DONE, InboundReason.RECORD_CREATED
        if self.updates:
            return InboundState.DONE, InboundReason.RECORD_UPDATED
        # No route and no error: an alias or the catchall rule refused the sender.
        return InboundState.QUARANTINED, self.refusal or InboundReason.ROUTE_REFUSED
