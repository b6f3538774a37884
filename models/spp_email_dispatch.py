# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The way of some claimed mails to their servers: composed, permitted, sent, and each recipient's outcome written."""

import logging
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import psycopg2

from odoo import fields, models
from odoo.tools import mail as mail_tools

from ..engine.delivery import RecipientResult
from ..engine.errors import WithdrawnError
from ..engine.gate import Departure
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.smtp_answer import no_session
from ..engine.watched_session import watched
from .spp_email_delivery import FINAL
from .spp_email_delivery_ledger import Posting

_logger = logging.getLogger(__name__)

# Seconds to wait for a session while others have all that the server may have.
PATIENCE = 1.0
FINAL_STATES = frozenset(OutboundState(state) for state in FINAL)


class BusyError(Exception):
    """All sessions that a server may have are in use; nothing of the message was begun."""


@dataclass
class Group:
    """Mails of one batch that leave the same way.

    Attributes:
        server: record of the outgoing server; empty for the configuration file's.
        smtp_from: From that the server was chosen for.
        unreachable: what a session that could not be had means for all of them; None while nothing is known.
    """

    server: models.BaseModel
    alias_domain: models.BaseModel
    smtp_from: str
    mails: models.BaseModel
    steps: tuple = ()
    unreachable: RecipientResult | None = None


@dataclass
class Part:
    """One of a mail's messages: the mail as one contact, or its free recipients, get it."""

    mail: models.BaseModel
    email: dict
    posting: Posting
    partner_id: int | None
    # Addresses of the ledger that need nothing now: decided, or not due.
    skipped: set = field(default_factory=set)


class SppEmailDispatch(models.AbstractModel):
    _name = "spp.email.dispatch"
    _description = "Dispatch of Outgoing Emails"

    def _dispatch(self, mails, ledger, end):
        """Send claimed mails until ``end``, a time of the monotonic clock; return the ids of those that were begun.

        The ledger has then what became of each recipient, and the transaction what other addons wrote on the way. The
        mails' own states are not touched: no lock is held on them while a server is waited for.
        """
        known = ledger.known(mails.ids)
        begun = []
        with self._sessions() as sessions:
            for group in self._groups(mails):
                # What Odoo asks for all mails of a run, for those that need it.
                linked = group.mails.filtered(lambda mail: mail.body_html and "/mail/unfollow" in mail.body_html)
                followers = self.env["mail.followers"]._get_mail_doc_to_followers(linked.ids) if linked else {}
                for mail in group.mails:
                    if time.monotonic() >= end and begun:
                        break
                    try:
                        self._send_mail(mail, group, followers, known[mail.id], ledger, sessions)
                    except BusyError:
                        # Other threads have all the sessions that the server may have: they come back for it.
                        break
                    begun.append(mail.id)
        return begun

    def _groups(self, mails):
        """Yield a Group for each server, alias domain and From."""
        servers = self.env["ir.mail_server"]
        for server_id, alias_domain_id, smtp_from, mail_ids in mails._split_by_mail_configuration():
            server = servers.browse(server_id)
            # sudo: whoever wrote the mail does not see alias domains.
            domain = self.env["mail.alias.domain"].sudo().browse(alias_domain_id)  # nosemgrep
            yield Group(server, domain, smtp_from, mails.browse(mail_ids))

    def _send_mail(self, mail, group, followers, known, ledger, sessions):
        """Send all messages of one mail that are due."""
        now = fields.Datetime.now()
        settled = {}
        for _row_id, row in known:
            if row.state in FINAL_STATES or (row.next_attempt and row.next_attempt > now):
                settled.setdefault(row.partner_id, set()).add(row.address.lower())
        posting = self._posting(mail, group.server)
        try:
            emails = mail._prepare_outgoing_list(
                mail_server=group.server or mail.mail_server_id, doc_to_followers=followers
            )
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001 - another addon's fault; the mail says it
            _logger.warning("Email %s could not be composed: %s.", mail.id, type(error).__name__)
            self._note_all(ledger, posting, self._expected(mail), OutboundReason.NOT_BUILT, str(error))
            return
        for email in emails:
            partner = email["partner_id"] or None
            partner_id = partner.id if partner else None
            part = Part(
                mail, email, replace(posting, partner_id=partner_id), partner_id, settled.get(partner_id, set())
            )
            self._send_part(part, group, ledger, sessions)

    def _posting(self, mail, server=None):
        return Posting(
            mail_id=mail.id,
            mail_message_id=mail.mail_message_id.id or None,
            model=mail.model or None,
            res_id=mail.res_id or None,
            company_id=mail._gateway_company().id or None,
            subject=mail.subject or "",
            message_id=mail.message_id or "",
            mail_class=mail._gateway_class(),
            server_id=server.id if server else None,
            email_from=mail.email_from or "",
        )

    def _expected(self, mail):
        """Return addresses of a mail that could not even be composed; its raw recipients where there is none."""
        texts = [mail.email_to, mail.email_cc, *mail.recipient_ids.mapped("email")]
        found = [address for text in texts if text for address in mail_tools.email_normalize_all(text)]
        return found or [text for text in texts if text][:1] or ["?"]

    def _note_all(self, ledger, posting, addresses, reason, text, phase=""):
        result = RecipientResult(OutboundState.FAILED, reason, phase, text=text)
        ledger.note(posting, dict.fromkeys(addresses, result))

    # ------------------------------------------------------------------
    # One message
    # ------------------------------------------------------------------

    def _send_part(self, part, group, ledger, sessions):
        """Send one message, or write why it does not leave."""
        email, posting = part.email, part.posting
        expected = [address.lower() for address in dict.fromkeys(email["email_to_normalized"])]
        if not expected:
            text = self.env["ir.mail_server"].NO_VALID_RECIPIENT
            raw = (email["email_to_raw"] or "").strip() or "?"
            if raw.lower() not in part.skipped:
                self._note_all(ledger, posting, [raw[:200]], OutboundReason.NO_RECIPIENT, text)
            return
        due = [address for address in expected if address not in part.skipped]
        if not due:
            return
        departure = Departure(
            posting.mail_id,
            posting.server_id,
            email["email_from"] or "",
            tuple(due),
            posting.company_id,
            is_mass=posting.mail_class == "mass",
            mail_class=posting.mail_class,
        )
        gate = self.env["spp.email.gate"]
        permit = gate._ask(departure)
        posting = part.posting = replace(posting, trace=(*group.steps, *permit.steps))
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
            return
        if not due:
            return
        results = self._transmit(part, group, due, ledger, sessions)
        if results:
            ledger.note(part.posting, results)
            gate._note(departure, results)

    def _hold(self, ledger, posting, addresses, hold):
        result = RecipientResult(OutboundState.QUEUED, hold.reason, text=hold.text)
        ledger.note(posting, dict.fromkeys(addresses, result), hold.until)

    def _transmit(self, part, group, due, ledger, sessions):
        """Hand one message to its server; return {address: RecipientResult}, None if it was withdrawn."""
        if group.unreachable is None:
            try:
                session = sessions.get(group)
            except psycopg2.Error:
                raise
            except Exception as error:  # noqa: BLE001 - whatever opens sessions in other addons; the row says it
                if getattr(error, "phase", "") == "pool":
                    raise BusyError from error
                _logger.warning("Outgoing server %s: no session: %s.", group.server.id or "", type(error).__name__)
                group.unreachable = no_session(error)
        if group.unreachable is not None:
            return dict.fromkeys(due, group.unreachable)
        transaction = Transaction(ledger, part.posting)
        session.on_begin = transaction.begin
        session.results = {}
        sender = self._sender(part, group, due)
        failure = None
        try:
            message = self._compose(sender, part.email)
            sender.send_email(message, mail_server_id=part.mail.mail_server_id.id, smtp_session=session)
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001 - refusals, connections, other addons: the rows say which
            failure = error
        finally:
            session.on_begin = None
        part.posting = transaction.posting
        if isinstance(transaction.failure, WithdrawnError):
            sessions.discard(group)
            return None
        if transaction.failure:
            # Odoo puts what happened in the session into an exception of its own.
            raise transaction.failure
        results = dict(session.results)
        if failure is not None and not session.is_open:
            sessions.discard(group)
        if results:
            renamed = session.remote_message_id
            return {
                address.lower(): replace(result, remote_message_id=renamed)
                if renamed and result.state is OutboundState.SENT
                else result
                for address, result in results.items()
            }
        if failure is None:
            # An addon sent it by another way, and says that it is sent.
            return dict.fromkeys(due, RecipientResult(OutboundState.SENT, OutboundReason.ACCEPTED))
        return dict.fromkeys(due, self._never_begun(failure))

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
            "send_validated_to": part.email["email_to_normalized"],
            # Exactly who is due: others have it already, wait, or are refused.
            "send_smtp_skip_to": [
                address
                for address in map(str.lower, part.email["email_to_normalized"])
                if address not in due
            ],
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

    @contextmanager
    def _sessions(self):
        """Yield what has the sessions of one batch; they are given back at the end."""
        sessions = Sessions(self.env)
        try:
            yield sessions
        finally:
            sessions.give_back()


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
    """The sessions that one batch uses, one for each server and From; given back to the pool at its end."""

    def __init__(self, env):
        self.env, self.held = env, {}

    def get(self, group):
        """Return the session of a Group.

        Raises:
            Exception: whatever opening one raises.
        """
        key = (group.server.id, group.smtp_from)
        if key not in self.held:
            with ExitStack() as stack:
                servers = self.env["ir.mail_server"]
                session = watched(
                    stack.enter_context(servers._gateway_session(group.server, group.smtp_from, patience=PATIENCE))
                )
                self.held[key] = session, stack.pop_all()
        return self.held[key][0]

    def discard(self, group):
        """Forget a session that is broken; the next message gets another."""
        held = self.held.pop((group.server.id, group.smtp_from), None)
        if held:
            held[0].close()
            held[1].close()

    def give_back(self):
        for _session, stack in self.held.values():
            stack.close()
        self.held = {}
