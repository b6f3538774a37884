# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The way of some claimed mails to their servers: composed, permitted, sent, and each recipient's outcome written."""

import logging
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import psycopg2

from odoo import fields, models
from odoo.tools import mail as mail_tools

from ..engine.delivery import RecipientResult
from ..engine.errors import WithdrawnError
from ..engine.gate import Departure
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.return_path import is_signed, unsigned
from ..engine.smtp_answer import no_session
from ..engine.trace import TraceStep
from ..engine.watched_session import watched
from .spp_email_delivery import FINAL
from .spp_email_delivery_ledger import Posting, SentContent
from .spp_email_sent_content import DEFAULT_KEEP
from .transaction_answers import DISPATCHING

_logger = logging.getLogger(__name__)

# That another server shall try.
FAIL_OVER = object()
# Seconds to wait for a session while others have all that the server may have.
PATIENCE = 1.0
FINAL_STATES = frozenset(OutboundState(state) for state in FINAL)


class BusyError(Exception):
    """All sessions that a server may have are in use; nothing of the message was begun."""


@dataclass(frozen=True)
class Route:
    """One server that mails may leave by, and the From that a session is opened for there.

    Attributes:
        server: record of the outgoing server; empty for the configuration file's.
        steps: why this one.
    """

    server: models.BaseModel
    smtp_from: str
    steps: tuple = ()


@dataclass
class Group:
    """Mails of one batch that leave the same way.

    Attributes:
        routes: where they may leave, best first; the others are for when a server cannot be reached.
        unreachable: {server id: what it means that no session could be had there}.
    """

    mails: models.BaseModel
    alias_domain: models.BaseModel
    company: models.BaseModel
    routes: list
    unreachable: dict = field(default_factory=dict)


@dataclass
class Part:
    """One of a mail's messages: the mail as one contact, or its free recipients, get it."""

    mail: models.BaseModel
    email: dict
    posting: Posting
    partner_id: int | None
    # Addresses of the ledger that need nothing now: decided, or not due.
    skipped: set = field(default_factory=set)
    content: SentContent | None = None
    # A server was asked to take it.
    is_handed: bool = False


class SppEmailDispatch(models.AbstractModel):
    _name = "spp.email.dispatch"
    _description = "Dispatch of Outgoing Emails"

    def _dispatch(self, mails, ledger, end):
        """Send claimed mails until ``end``, a time of the monotonic clock; return the ids of those that were begun.

        The ledger has then what became of each recipient, and the transaction what other addons wrote on the way. The
        mails' own states are not touched: no lock is held on them while a server is waited for.
        """
        self = self.with_context(**{DISPATCHING: True})
        mails = mails.with_env(self.env)
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


    def _give_up(self, mails, ledger):
        """Write that nobody is tried any more of mails at whose sending the process died again and again."""
        known = ledger.known(mails.ids)
        for mail in mails:
            rows = [row for _row_id, row in known[mail.id] if row.state not in FINAL_STATES]
            posting = self._posting(mail)
            text = self.env._("The server process died each time it was sent. Look into Odoo's log, then press Retry.")
            for row in rows:
                one = replace(posting, partner_id=row.partner_id)
                self._note_all(ledger, one, [row.address], OutboundReason.PROCESS_DIED, text)
            if not known[mail.id]:
                self._note_all(ledger, posting, self._expected(mail), OutboundReason.PROCESS_DIED, text)

    def _groups(self, mails):
        """Yield a Group for each company, server, alias domain and From."""
        by_company = {}
        for mail in mails:
            by_company.setdefault(mail._gateway_company(), []).append(mail.id)
        for company, mail_ids in by_company.items():
            own = mails.browse(mail_ids).with_context(gateway_company_id=company.id)
            servers = own.env["ir.mail_server"]
            for server_id, alias_domain_id, smtp_from, group_ids in own._split_by_mail_configuration():
                server, found = servers.browse(server_id or ()), own.browse(group_ids)
                if server.owner_user_id:
                    # Odoo's own throttle; what it puts off, or makes anew, is claimed when it is due.
                    found &= found._split_by_delayed_batch(server)
                # sudo: whoever wrote the mail does not see alias domains.
                domain = self.env["mail.alias.domain"].sudo().browse(alias_domain_id or ())  # nosemgrep
                yield Group(found, domain, company, self._routes(found, server, domain, company, smtp_from))

    def _routes(self, mails, server, alias_domain, company, smtp_from):
        """Return the Routes of mails that leave the same way: the chosen server, then those to fail over to."""
        if not mails:
            return []
        if mails[0].mail_server_id or server.owner_user_id:
            return [Route(server, smtp_from, (TraceStep("server", "the mail names it", f"server {server.id} used"),))]
        asked = self.env["ir.mail_server"].with_context(gateway_company_id=company.id)
        if alias_domain:
            asked = asked.with_context(domain_notifications_email=alias_domain.default_from_email)
        # sudo: whoever wrote the mail does not see servers.
        allowed = mails[0]._filter_mail_mail_servers(asked.sudo().search([]))  # nosemgrep
        emails_from = mail_tools.email_split_and_format_normalize(mails[0].email_from)
        ways = asked._gateway_ways(emails_from[0] if emails_from else mails[0].email_from, allowed, company)
        routes = [Route(way.server, way.email_from, way.steps) for way in ways]
        # Another addon may choose otherwise.
        chosen = [route for route in routes if route.server == server] or [Route(server, smtp_from)]
        return chosen + [route for route in routes if route.server != server]

    def _send_mail(self, mail, group, followers, known, ledger, sessions):
        """Send all messages of one mail that are due."""
        now = fields.Datetime.now()
        settled = {}
        for _row_id, row in known:
            if row.state in FINAL_STATES or (row.next_attempt and row.next_attempt > now):
                settled.setdefault(row.partner_id, set()).add(row.address.lower())
        server = group.routes[0].server
        posting = self._posting(mail, server)
        try:
            emails = mail._prepare_outgoing_list(mail_server=server or mail.mail_server_id, doc_to_followers=followers)
        except psycopg2.Error:
            raise
        except Exception as error:  # noqa: BLE001 - another addon's fault; the mail says it
            _logger.warning("Email %s could not be composed: %s.", mail.id, type(error).__name__)
            self._note_all(ledger, posting, self._expected(mail), OutboundReason.NOT_BUILT, str(error))
            return
        parts = []
        for email in emails:
            partner = email["partner_id"] or None
            partner_id = partner.id if partner else None
            parts.append(
                Part(mail, email, replace(posting, partner_id=partner_id), partner_id, settled.get(partner_id, set()))
            )
        try:
            for part in parts:
                self._send_part(part, group, ledger, sessions)
        except BusyError:
            mail._gateway_untrack(part.email for part in parts if not part.is_handed)
            raise
        mail._gateway_untrack(part.email for part in parts if not part.is_handed)

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
        for route in group.routes:
            outcome = self._send_by(part, route, group, due, ledger, sessions)
            if outcome is not FAIL_OVER:
                break
            _logger.info("Email %s: server %s fails, trying another.", posting.mail_id, route.server.id or "")

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
        results = {}
        try:
            with part.mail._gateway_tracking(part.email) as tracking:
                results = tracking.results = self._transmit(part, route, group, due, ledger, sessions)
        finally:
            # Also where nothing came of it: what a gate had reserved is free again.
            gate._note(departure, results or {})
        if results is None:
            return None
        if route.server.id in group.unreachable and not is_last:
            return FAIL_OVER
        ledger.note(part.posting, results, content=part.content)
        part.content = None
        return None

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
        sender = self._sender(part, group, due)
        failure = None
        part.is_handed = True
        try:
            message = self._compose(sender, part.email)
            sender.send_email(message, mail_server_id=server_id, smtp_session=session)
        except psycopg2.Error:
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
            part.content = SentContent(session.content, keep, mail.gateway_is_secret, mail.body_html or "")
        if failure is not None and not session.is_open:
            sessions.discard(route)
        if results:
            return self._judged(results, session.remote_message_id, part.posting)
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

    def get(self, route):
        """Return the session of a Route.

        Raises:
            Exception: whatever opening one raises.
        """
        key = (route.server.id, route.smtp_from)
        if key not in self.held:
            with ExitStack() as stack:
                servers = self.env["ir.mail_server"]
                session = watched(
                    stack.enter_context(servers._gateway_session(route.server, route.smtp_from, patience=PATIENCE))
                )
                self.held[key] = session, stack.pop_all()
        return self.held[key][0]

    def discard(self, route):
        """Forget a session that is broken; the next message gets another."""
        held = self.held.pop((route.server.id, route.smtp_from), None)
        if held:
            held[0].close()
            held[1].close()

    def give_back(self):
        for _session, stack in self.held.values():
            stack.close()
        self.held = {}
