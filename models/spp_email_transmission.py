# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One message on its way to a server: permitted, handed over, and what became of each recipient."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

import psycopg2

from odoo import models
from odoo.tools import mail as mail_tools

from ..engine.delivery import RecipientResult
from ..engine.errors import WithdrawnError
from ..engine.gate import Departure
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.return_path import is_signed, unsigned
from ..engine.smtp_answer import no_session
from ..engine.watched_session import watched
from .posting import Posting, SentContent
from .spp_email_sent_content import DEFAULT_KEEP

_logger = logging.getLogger(__name__)

# That another server shall try.
FAIL_OVER = object()
# Seconds to wait for a session while others have all that the server may have.
PATIENCE = 1.0
LEFT_OUT = "It was left out of the message's recipients."


class BusyError(Exception):
    """All sessions that a server may have are in use; nothing of the message was begun."""


class StoppedError(BusyError):
    """The process ends; nothing of the message was begun."""


@dataclass
class Part:
    """One of a mail's messages: the mail as one contact, or its free recipients, get it.

    Attributes:
        skipped: lower-case addresses of the ledger that need nothing now: decided, or not due.
        content: what went over the wire, until it is kept.
        is_handed: a server was asked to take it.
    """

    mail: models.BaseModel
    email: dict
    posting: Posting
    partner_id: int | None
    skipped: set = field(default_factory=set)
    content: SentContent | None = None
    is_handed: bool = False


def recipients_of(email):
    """Return the lower-case addresses of one of a mail's messages, each once."""
    return list(dict.fromkeys(address.lower() for address in email["email_to_normalized"]))


def raw_recipient(email):
    """Return what stands for a recipient without a usable address."""
    return ((email["email_to_raw"] or "").strip() or "?")[:200]


class SppEmailTransmission(models.AbstractModel):
    _name = "spp.email.transmission"
    _description = "Transmission of an Outgoing Email"

    def _send_part(self, part, group, ledger, sessions):
        """Send one message, or write why it does not leave."""
        email, posting = part.email, part.posting
        expected = recipients_of(email)
        if not expected:
            raw = raw_recipient(email)
            if raw.lower() not in part.skipped:
                text = self.env["ir.mail_server"].NO_VALID_RECIPIENT
                result = RecipientResult(OutboundState.FAILED, OutboundReason.NO_RECIPIENT, text=text)
                ledger.note(posting, {raw: result})
            return
        due = [address for address in expected if address not in part.skipped]
        if not due:
            return
        for route in group.routes:
            outcome = self._send_by(part, route, group, due, ledger, sessions)
            if outcome is not FAIL_OVER:
                break
            mail_id, server_id = posting.mail_id, route.server.id or 0
            _logger.info("Email %s fails over from outgoing server %s.", mail_id, server_id)

    def _send_by(self, part, route, group, due, ledger, sessions):
        """Send one message by one server; return FAIL_OVER where another one shall try, and nothing was written."""
        is_last = route is group.routes[-1]
        posting = part.posting = replace(part.posting, server_id=route.server.id or None)
        known = group.unreachable.get(route.server.id)
        if known and not is_last:
            return FAIL_OVER
        if known:
            # Learned from the batch's first message; it is one failure, not one a message.
            ledger.note(posting, dict.fromkeys(due, known))
            return None
        departure = Departure(
            posting.mail_id,
            posting.server_id,
            part.email["email_from"] or "",
            tuple(due),
            posting.company_id,
            is_mass=posting.mail_class == "mass",
            mail_class=posting.mail_class,
        )
        gate = self.env["spp.email.gate"]
        permit = gate._ask(departure)
        if permit.hold and permit.hold.reason is OutboundReason.PAUSED and not is_last:
            return FAIL_OVER
        posting = part.posting = replace(posting, trace=(*posting.trace, *route.steps, *permit.steps))
        if permit.refused:
            ledger.note(
                posting,
                {
                    address: RecipientResult(refusal.state, refusal.reason, text=refusal.text)
                    for address, refusal in permit.refused.items()
                },
            )
            due = [address for address in due if address not in permit.refused]
        if permit.hold and due:
            self._hold(ledger, posting, due, permit.hold)
        if permit.hold or not due:
            return None
        results, fails_over = {}, False
        try:
            with part.mail._gateway_tracking(part.email) as tracking:
                if ledger.stop.is_set():
                    raise StoppedError
                results = tracking.results = self._transmit(part, route, group, due, ledger, sessions)
                fails_over = route.server.id in group.unreachable and not is_last
                if results is not None and not fails_over:
                    # First of all: whatever a gate learns from it, or mail_tracking writes, may fail, and what a server
                    # said is said.
                    ledger.note(part.posting, results, content=part.content)
                    part.content = None
        finally:
            # Also where nothing came of it: what a gate had reserved is free again.
            gate._note(departure, results or {})
        return FAIL_OVER if fails_over and results is not None else None

    def _hold(self, ledger, posting, addresses, hold):
        result = RecipientResult(OutboundState.QUEUED, hold.reason, text=hold.text)
        ledger.note(posting, dict.fromkeys(addresses, result), hold.until)

    def _transmit(self, part, route, group, due, ledger, sessions):
        """Hand one message to a server; return {address: RecipientResult}, None if it was withdrawn."""
        server_id = route.server.id
        try:
            session = sessions.get(route)
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001 - whatever opens sessions in other addons; the row says it
            if getattr(error, "phase", "") == "pool":
                raise BusyError from error
            _logger.warning("Outgoing server %s: no session: %s.", server_id or "", type(error).__name__)
            group.unreachable[server_id] = no_session(error)
            return dict.fromkeys(due, group.unreachable[server_id])
        transaction = Transaction(ledger, part.posting)
        session.on_begin = transaction.begin
        session.sign_sender = partial(self.env["spp.email.return.path"]._signed, server_id)
        session.results = {}
        if session.signer:
            # One session sends mail of several companies.
            session.signer.owner = group.company.id
        sender = self._sender(part, group, due)
        failure = None
        part.is_handed = True
        try:
            message = self._compose(sender, part.email)
            sender.send_email(message, mail_server_id=server_id, smtp_session=session)
        except psycopg2.Error:
            if session.results:
                # Another addon's write failed after the server had answered: the answer stands.
                ledger.note(transaction.posting, {name.lower(): one for name, one in session.results.items()})
            raise
        except Exception as error:  # noqa: BLE001 - refusals, connections, other addons: the rows say which
            failure = error
        finally:
            session.on_begin = session.sign_sender = None
        part.posting = transaction.posting
        if isinstance(transaction.failure, WithdrawnError):
            sessions.discard(route)
            return None
        if transaction.failure:
            # Odoo puts what happened in the session into an exception of its own.
            raise transaction.failure
        results = dict(session.results)
        if session.content:
            mail = part.mail
            keep = route.server.gateway_keep_sent or DEFAULT_KEEP
            is_secret = mail.gateway_is_secret or mail.gateway_is_confidential
            part.content = SentContent(session.content, keep, is_secret, mail.body_html or "")
        if failure is not None and not session.is_open:
            sessions.discard(route)
        if results:
            judged = self._judged(results, session.remote_message_id, part.posting)
            # Left out of the envelope, by Odoo or by another addon: nobody is forgotten.
            left_out = RecipientResult(OutboundState.FAILED, OutboundReason.NO_RECIPIENT, text=LEFT_OUT)
            return {**dict.fromkeys(due, left_out), **judged}
        if failure is None:
            # An addon sent it by another way, and says that it is sent.
            return dict.fromkeys(due, RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED))
        return dict.fromkeys(due, self._never_begun(failure))

    def _judged(self, results, remote_message_id, posting):
        """Return the session's results as the ledger gets them.

        Args:
            remote_message_id: the provider's Message-ID; "" where it kept ours.
        """
        if is_signed(posting.envelope_sender) and all(
            result.phase == "sender" and result.state is OutboundState.FAILED for result in results.values()
        ):
            # What it took when it was proved, it refuses now: the next attempt has the plain address.
            first = next(iter(results.values()))
            self.env["spp.email.return.path"]._refuse(posting.server_id, unsigned(posting.envelope_sender), first.text)
            results = {
                address: replace(result, state=OutboundState.DEFERRED, reason=OutboundReason.TRY_LATER, counts=False)
                for address, result in results.items()
            }
        return {
            address.lower(): replace(result, remote_message_id=remote_message_id)
            if remote_message_id and result.state is OutboundState.SENT
            else result
            for address, result in results.items()
        }

    def _never_begun(self, error):
        """Return what an error before the session was reached means: nothing was given to the server."""
        servers = self.env["ir.mail_server"]
        text = ". ".join(str(arg) for arg in error.args) if isinstance(error, AssertionError) else str(error)
        first = error.args[0] if error.args else ""
        if first == servers.NO_VALID_RECIPIENT:
            reason = OutboundReason.NO_RECIPIENT
        elif first in (servers.NO_VALID_FROM, servers.NO_FOUND_FROM, servers.NO_FOUND_SMTP_FROM):
            reason = OutboundReason.NO_SENDER
        else:
            reason = OutboundReason.NOT_BUILT
            _logger.warning("An email could not be composed: %s.", type(error).__name__)
        return RecipientResult(OutboundState.FAILED, reason, text=text)

    def _sender(self, part, group, due):
        """Return ``ir.mail_server`` in the context that Odoo gives it for one message."""
        context = {
            "gateway_company_id": group.company.id,
            "send_validated_to": part.email["email_to_normalized"],
            # Exactly who is due: others have it already, wait, or are refused.
            "send_smtp_skip_to": sorted(part.skipped | (set(recipients_of(part.email)) - set(due))),
        }
        if group.alias_domain:
            context["domain_notifications_email"] = group.alias_domain.default_from_email
            context["domain_bounce_address"] = (
                part.email["headers"].get("Return-Path") or group.alias_domain.bounce_email
            )
        return self.env["ir.mail_server"].with_context(**context)

    def _compose(self, sender, email):
        emails_from = mail_tools.email_split_and_format_normalize(email["email_from"])
        return sender._build_email__(
            email_from=emails_from[0] if emails_from else email["email_from"],
            email_to=email["email_to"],
            subject=email["subject"],
            body=email["body"],
            body_alternative=email["body_alternative"],
            email_cc=email["email_cc"],
            reply_to=email["reply_to"],
            attachments=email["attachments"],
            message_id=email["message_id"],
            references=email["references"],
            object_id=email["object_id"],
            subtype="html",
            subtype_alternative="plain",
            headers=email["headers"],
        )


class Transaction:
    """One SMTP transaction, as the ledger begins it."""

    def __init__(self, ledger, posting):
        self.ledger, self.posting, self.failure = ledger, posting, None

    def begin(self, envelope_sender, addresses, message):
        """Called by the session with the final envelope, before the server is told anything.

        What is raised here stops the session; it is kept, since Odoo wraps it.
        """
        self.posting = replace(
            self.posting,
            envelope_sender=envelope_sender or "",
            email_from=str(message["From"] or ""),
            message_id=str(message["Message-Id"] or self.posting.message_id),
        )
        try:
            self.ledger.begin(self.posting, [address.lower() for address in addresses])
        except Exception as error:
            self.failure = error
            raise


class Sessions:
    """The sessions that one batch uses, one for each server and From; given back to the pool at its end.

    Args:
        ledger: the thread's DeliveryLedger; its Pace is told how long servers were waited for.
    """

    def __init__(self, env, ledger):
        self.env, self.ledger, self.pace, self.held = env, ledger, ledger.pace, {}

    def get(self, route):
        """Return the session of a Route.

        Raises:
            Exception: whatever opening one raises.
        """
        key = (route.server.id, route.smtp_from)
        if key not in self.held:
            with ExitStack() as stack:
                # Names, the connection and the login may take minutes: an answer does not wait for them in memory.
                opened = self.env["ir.mail_server"]._gateway_session(
                    route.server, route.smtp_from, patience=PATIENCE, on_open=self.ledger.settle
                )
                with self.pace.waiting():
                    session = watched(stack.enter_context(opened))
                session.on_wait = self.pace.note
                if session.signer is None:
                    # Another addon's: nothing can be signed there, and some mail must not leave so.
                    session.signer = self.env["spp.email.dkim.key"]._signer()
                self.held[key] = session, stack.pop_all()
        return self.held[key][0]

    def discard(self, route):
        """Forget a session that is broken; the next message gets another."""
        key = (route.server.id, route.smtp_from)
        held = self.held.pop(key, None)
        if held:
            self._end(key, held[0].close)
            self._end(key, held[1].close)

    def give_back(self):
        """Give all of them back, each for itself."""
        held, self.held = self.held, {}
        for key, (_session, stack) in held.items():
            self._end(key, stack.close)

    def _end(self, key, close):
        """End the use of a session; an error there is told, and undoes nothing of the batch.

        PostgreSQL's errors too: what is written when a session is given back has a cursor of its own, so that the
        batch's transaction is whole, and would be undone for nothing.
        """
        try:
            close()
        except Exception as error:  # noqa: BLE001 - whatever closes sessions in other addons
            _logger.warning("Outgoing server %s: a session was not ended well: %s.", key[0] or "", type(error).__name__)
