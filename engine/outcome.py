# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Every state and reason of a message, with the words shown to people.

The values are stored in the database: never rename one without a migration.
"""

from __future__ import annotations

from enum import Enum


class InboundState(str, Enum):
    """Where an incoming message stands. The words are the labels of the journal."""

    RECEIVED = "received"
    PROCESSING = "processing"
    DONE = "done"
    DUPLICATE = "duplicate"
    RETRY = "retry"
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"


class InboundReason(str, Enum):
    """Why an incoming message is where it is."""

    RECORD_CREATED = "record_created"
    RECORD_UPDATED = "record_updated"
    ACTION_RUN = "action_run"
    BOUNCE_HANDLED = "bounce_handled"
    NOTICE_SENT = "notice_sent"
    KNOWN_ENTRY = "known_entry"
    KNOWN_MESSAGE_ID = "known_message_id"
    REUSED_MESSAGE_ID = "reused_message_id"
    NO_ROUTE = "no_route"
    ROUTE_REFUSED = "route_refused"
    LOOP = "loop"
    EMPTY = "empty"
    CREATION_FAILED = "creation_failed"
    DATABASE_BUSY = "database_busy"
    PROCESS_DIED = "process_died"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    TOO_LARGE = "too_large"
    RULE = "rule"
    VALUE_MISFIT = "value_misfit"
    UNKNOWN_RECIPIENT = "unknown_recipient"
    ANSWERED = "answered"
    BY_HAND = "by_hand"
    ROUND_TRIP = "round_trip"
    DELAY_NOTED = "delay_noted"
    SUCCESS_NOTED = "success_noted"
    RECEIPT_NOTED = "receipt_noted"
    COMPLAINT_HANDLED = "complaint_handled"
    REPORT_NOTED = "report_noted"
    FOREIGN_REPORT = "foreign_report"
    AUTOMATIC_REPLY = "automatic_reply"
    NOT_FOR_WRITING = "not_for_writing"
    SENDER_NOT_PROVED = "sender_not_proved"
    REPLY_NOT_ALLOWED = "reply_not_allowed"
    TOO_MANY_HOPS = "too_many_hops"


class InboundSource(str, Enum):
    """The way a message came in."""

    IMAP = "imap"
    POP = "pop"
    HTTP = "http"
    LMTP = "lmtp"
    UPLOAD = "upload"
    RPC = "rpc"


class OutboundState(str, Enum):
    """Where one recipient of an outgoing mail stands."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    BOUNCED = "bounced"
    UNKNOWN = "unknown"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


class OutboundReason(str, Enum):
    """Why a recipient is in its state."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    TRY_LATER = "try_later"
    NO_CONNECTION = "no_connection"
    NO_LOGIN = "no_login"
    CONNECTION_LOST = "connection_lost"
    LOST_AFTER_DATA = "lost_after_data"
    PROCESS_DIED = "process_died"
    EXPIRED = "expired"
    TOO_LARGE = "too_large"
    NO_RECIPIENT = "no_recipient"
    NO_SENDER = "no_sender"
    NOT_BUILT = "not_built"
    QUOTA = "quota"
    PAUSED = "paused"
    NOT_ALLOWED = "not_allowed"
    OTHER_DATABASE = "other_database"
    SUPPRESSED = "suppressed"
    BY_HAND = "by_hand"
    SENT_BACK = "sent_back"
    COMPLAINT = "complaint"
    NOT_SIGNED = "not_signed"


INBOUND_STATE_WORDS = {
    InboundState.RECEIVED: "Received",
    InboundState.PROCESSING: "Processing",
    InboundState.DONE: "Done",
    InboundState.DUPLICATE: "Duplicate",
    InboundState.RETRY: "Waiting to retry",
    InboundState.QUARANTINED: "Quarantined",
    InboundState.DISCARDED: "Discarded",
}

INBOUND_REASON_WORDS = {
    InboundReason.RECORD_CREATED: "A record was created",
    InboundReason.RECORD_UPDATED: "Added to an existing record",
    InboundReason.ACTION_RUN: "The mailbox's action was run",
    InboundReason.BOUNCE_HANDLED: "A delivery report was taken in",
    InboundReason.NOTICE_SENT: "The sender was told that the message was not accepted",
    InboundReason.KNOWN_ENTRY: "The same message was taken from another mailbox entry before",
    InboundReason.KNOWN_MESSAGE_ID: "A message with this Message-ID is known already",
    InboundReason.REUSED_MESSAGE_ID: "Another message with this Message-ID came before, with other content",
    InboundReason.NO_ROUTE: "No alias, reply or mailbox setting fits",
    InboundReason.ROUTE_REFUSED: "The address does not accept mail from this sender",
    InboundReason.LOOP: "It looks like a mail loop",
    InboundReason.EMPTY: "The message is empty",
    InboundReason.CREATION_FAILED: "The record could not be created or updated",
    InboundReason.DATABASE_BUSY: "The database was busy",
    InboundReason.PROCESS_DIED: "The server process died while working on it",
    InboundReason.TOO_MANY_ATTEMPTS: "Too many attempts",
    InboundReason.TOO_LARGE: "It is over the size limit; its body is still on the mail server",
    InboundReason.RULE: "A rule says so",
    InboundReason.VALUE_MISFIT: "A value in the message does not fit its field",
    InboundReason.UNKNOWN_RECIPIENT: "Nobody knows the address that it was sent to",
    InboundReason.ANSWERED: "The sender was answered by a person",
    InboundReason.BY_HAND: "Decided by a person",
    InboundReason.ROUND_TRIP: "A test of the way out and back in",
    InboundReason.DELAY_NOTED: "A report that a mail of ours is delayed was noted",
    InboundReason.SUCCESS_NOTED: "A report that a mail of ours arrived was noted",
    InboundReason.RECEIPT_NOTED: "A read receipt was noted",
    InboundReason.COMPLAINT_HANDLED: "A complaint about a mail of ours was taken in",
    InboundReason.REPORT_NOTED: "A report for administrators was noted",
    InboundReason.FOREIGN_REPORT: "A report that does not prove to be about mail of ours; it changes nothing",
    InboundReason.AUTOMATIC_REPLY: "An automatic reply, which makes no record",
    InboundReason.NOT_FOR_WRITING: "The address is not for writing",
    InboundReason.SENDER_NOT_PROVED: "The sender may not be who the message says",
    InboundReason.REPLY_NOT_ALLOWED: "The sender may not write to this record",
    InboundReason.TOO_MANY_HOPS: "It passed too many servers on its way",
}

INBOUND_SOURCE_WORDS = {
    InboundSource.IMAP: "IMAP mailbox",
    InboundSource.POP: "POP mailbox",
    InboundSource.HTTP: "HTTP intake",
    InboundSource.LMTP: "LMTP",
    InboundSource.UPLOAD: "Upload",
    InboundSource.RPC: "odoo-mailgate or another program",
}

OUTBOUND_STATE_WORDS = {
    OutboundState.QUEUED: "Queued",
    OutboundState.SENDING: "Sending",
    OutboundState.SENT: "Sent",
    OutboundState.DEFERRED: "Waiting to retry",
    OutboundState.FAILED: "Failed",
    OutboundState.BOUNCED: "Bounced",
    OutboundState.UNKNOWN: "Outcome unknown",
    OutboundState.SUPPRESSED: "Suppressed",
    OutboundState.CANCELLED: "Cancelled",
}

OUTBOUND_REASON_WORDS = {
    OutboundReason.ACCEPTED: "The server accepted it",
    OutboundReason.REFUSED: "The server refused it",
    OutboundReason.TRY_LATER: "The server asked to try again later",
    OutboundReason.NO_CONNECTION: "The server could not be reached",
    OutboundReason.NO_LOGIN: "The server refused the login",
    OutboundReason.CONNECTION_LOST: "The connection broke before the message was handed over",
    OutboundReason.LOST_AFTER_DATA: "The connection broke before the server answered",
    OutboundReason.PROCESS_DIED: "The server process died while sending it",
    OutboundReason.EXPIRED: "It could not be delivered in the time allowed",
    OutboundReason.TOO_LARGE: "It is larger than the server takes",
    OutboundReason.NO_RECIPIENT: "There is no usable recipient address",
    OutboundReason.NO_SENDER: "There is no usable sender address",
    OutboundReason.NOT_BUILT: "The message could not be composed",
    OutboundReason.QUOTA: "A limit of the server is reached",
    OutboundReason.PAUSED: "The server is paused after failures",
    OutboundReason.NOT_ALLOWED: "This database may not write to this address",
    OutboundReason.OTHER_DATABASE: "This database may be a copy, and waits for a manager's word",
    OutboundReason.SUPPRESSED: "The address is on the suppression list",
    OutboundReason.BY_HAND: "Decided by a person",
    OutboundReason.SENT_BACK: "The recipient's server sent it back",
    OutboundReason.COMPLAINT: "The recipient reported it as unwanted",
    OutboundReason.NOT_SIGNED: "It waits for a key that can sign it (DKIM)",
}


def selection(words: dict[Enum, str]) -> list[tuple[str, str]]:
    """Return (value, label) pairs in the order of definition, as a choice field wants them."""
    return [(key.value, label) for key, label in words.items()]
