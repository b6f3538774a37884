# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The ledger's own connection: what a server is about to be given, and what it said, committed apart from all else."""

import logging
import random
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from odoo import fields, modules
from odoo.tools import SQL

from ..engine.delivery import RecipientResult
from ..engine.delivery_retry import next_delivery_attempt
from ..engine.errors import WithdrawnError
from ..engine.outcome import OutboundReason, OutboundState
from ..engine.pace import Pace
from ..engine.storable import storable
from .delivery_statement import ANSWER, BEGIN, CANCEL, ENLIST, WITHOUT
from .spp_email_delivery import FINAL
from .spp_email_sent_content import KEEP_SMALL
from .spp_email_transaction import commit

_logger = logging.getLogger(__name__)

DAYS_PARAMETER = "spp_email_gateway.outgoing_days"
DAYS = 5
# Seconds after which a delivery whose outcome is unknown is sent once more, where the policy says so.
UNKNOWN_WAIT = 300
# Seconds for which an answer may wait in memory while something else than a server is waited for.
SETTLE_SECONDS = 0.2
# What every message needs.
PREPARED = (BEGIN, ANSWER, KEEP_SMALL)


@dataclass(frozen=True, slots=True)
class Begun:
    """A row that is being sent: its id, since when it waits (naive UTC), and which attempt this is."""

    id: int
    since: datetime
    attempts: int


class DeliveryLedger:
    """One sending thread's hand on the ledger.

    What became of a transaction is written together with the beginning of the next one, in one commit: the disk is
    waited for once a message, and PostgreSQL is asked once. A process that is killed leaves one message a thread whose
    outcome is unknown.

    Args:
        env: an Environment on an autonomous cursor.
        pace: the thread's Pace, which is told how long the disk was waited for.
        stop: Event that is set when the thread shall begin no message any more; None for one that nobody sets.
        clock: seconds that only grow.
    """

    def __init__(self, env, pace=None, stop=None, clock=time.monotonic):
        self.env = env
        self.pace = pace or Pace()
        self.stop = stop or threading.Event()
        self.clock = clock
        self.delivery = env["spp.email.delivery"]
        self.rng = random.Random()
        self._claims = {}
        # {mail id: {address: Begun}} of the transaction that has no answer yet.
        self._begun = {}
        # When the first of the answers came that wait; None where none does.
        self._answered = None
        # Seconds that the last mail took to compose.
        self._composed_in = 0.0
        # Functions that write, in order, until a commit has kept what they wrote.
        self._unwritten = []
        # Statements that go to PostgreSQL together.
        self._together = []
        self._is_prepared = False

    def prepare(self):
        """Have PostgreSQL read and plan once what every message needs; for a ledger with a connection of its own."""
        # In its tests Odoo shares one connection among all cursors.
        if not modules.module.current_test:
            self.env.cr.execute(";".join(statement.prepare for statement in PREPARED))
            commit(self.env.cr)
            self._is_prepared = True

    def known(self, claims):
        """Return {mail id: {row id: Recipient}} of what the ledger has of claimed mails.

        A row that is being sent was left so by a worker that died, and its outcome is decided by the policy here.

        Args:
            claims: {mail id: Claim}; what is sent from now on is sent under these.
        """
        # What an error has left behind is no answer of whoever comes next.
        self._claims, self._begun = claims, {}
        mail_ids = list(claims)
        self.flush()
        self._settle_unknown(mail_ids)
        found = self.delivery._recipients(self.env, mail_ids)
        commit(self.env.cr)
        return found

    def enlist(self, postings):
        """Remember recipients, [(Posting, addresses)], that messages of one mail will be composed for."""
        for posting, recipients in postings:
            values = {**posting.columns(), "recipients": list(dict.fromkeys(recipients))}
            self._unwritten.append(partial(self._add, ENLIST, values))

    def cancel(self, row_ids):
        """Remember that rows wait for nothing any more: nobody of that address gets this mail now."""
        if row_ids:
            self._unwritten.append(partial(self._add, CANCEL, {"ids": tuple(row_ids)}))

    def begin(self, posting, recipients):
        """Write, committed, that ``recipients``, lower-case addresses, are about to be given to a server.

        Raises:
            WithdrawnError: the mail was cancelled meanwhile, the claim on it is lost, or one of the recipients is
                decided; nothing may be sent.
        """
        self._begun = {}
        recipients = list(dict.fromkeys(recipients))
        claim = self._claims[posting.mail_id]
        values = {
            **posting.columns(),
            "recipients": recipients,
            "final": list(FINAL),
            "lease": self.env["spp.email.queue"]._lease_seconds(),
            "claim_id": claim.id,
            "claim_fence": claim.fence,
        }
        try:
            self._put_down()
            self._add_prepared(BEGIN, values)
            self._ask_together()
            rows = self.env.cr.fetchall()
            if len(rows) != len(recipients):
                raise WithdrawnError(f"mail {posting.mail_id} was decided otherwise")
            with self.pace.waiting():
                commit(self.env.cr)
        except Exception:
            self._roll_back()
            # What a server said about the message before stands, whatever is wrong with this one.
            self.flush()
            raise
        self._unwritten, self._answered = [], None
        begun = {address: Begun(row_id, since, attempts) for row_id, address, since, attempts in rows}
        self._begun = {posting.mail_id: begun}

    def note(self, posting, results, until=None, content=None):
        """Remember what became of recipients; written with the next beginning, or by ``flush``.

        Args:
            results: {address: RecipientResult}.
            until: naive UTC; when those are due that only wait.
            content: SentContent to keep if one of them was accepted; None for nothing.
        """
        begun = self._begun.pop(posting.mail_id, {})
        if self._answered is None:
            self._answered = self.clock()
        self._unwritten.append(partial(self._write_results, posting, results, until, begun))
        if content:
            self._unwritten.append(partial(self._keep, posting, results, begun, content))

    def flush(self):
        """Write and commit what is remembered; one thing that cannot be written takes nothing else with it."""
        try:
            self._write()
            commit(self.env.cr)
        except Exception as error:  # noqa: BLE001 - tried one by one below, where the cause is said
            self._roll_back()
            _logger.warning("The ledger is written one by one: %s.", type(error).__name__)
            self._flush_apart()
        self._unwritten, self._answered = [], None

    def settle(self):
        """Write and commit if an answer waits: what follows may take long. A process that dies then doubles nothing."""
        if self._answered is not None:
            self.flush()

    @contextmanager
    def composing(self):
        """Context in which other addons compose a mail.

        An answer that waits is written before, where it waits for long already or the last mail took long: mails of
        one kind come one after the other. Where all goes fast this costs nothing.
        """
        began = self.clock()
        if self._answered is not None and max(began - self._answered, self._composed_in) > SETTLE_SECONDS:
            self.flush()
            began = self.clock()
        try:
            yield
        finally:
            self._composed_in = self.clock() - began

    def _flush_apart(self):
        failure = None
        for write in self._unwritten:
            try:
                write()
                self._ask_together()
                commit(self.env.cr)
            except Exception as error:  # noqa: BLE001 - the others first
                self._roll_back()
                failure = error
        if failure:
            # A row stays as it was: being sent, which the next worker takes for unknown.
            _logger.warning("A part of the ledger could not be written: %s.", type(failure).__name__)

    # ------------------------------------------------------------------
    # Writing
    # ------------------------------------------------------------------

    def _add(self, statement, values):
        """Have a statement run with those that were added before, and those that will be."""
        self._together.append(self.env.cr.mogrify(statement, values))

    def _add_prepared(self, statement, values):
        self._add(statement.execute if self._is_prepared else statement.text, values)

    def _ask_together(self):
        """Run what was added, in one question to PostgreSQL; the last one's rows can be fetched."""
        statements, self._together = self._together, []
        if statements:
            # Odoo logs a failing statement with all of its values.
            self.env.cr.execute(b";".join(statements).decode(), log_exceptions=False)

    def _roll_back(self):
        self._together = []
        self.env.cr.rollback()

    def _write(self):
        self._put_down()
        self._ask_together()

    def _put_down(self):
        for write in self._unwritten:
            write()

    def _write_results(self, posting, results, until, begun):
        alike = {}
        for address, result in results.items():
            row = begun.get(address)
            if row and result.state is not OutboundState.DEFERRED:
                alike.setdefault(result, []).append(row)
            elif row:
                self._answer(result, [row])
            else:
                self._write_without(posting, address, result, until)
        for result, rows in alike.items():
            self._answer(result, rows)

    def _keep(self, posting, results, begun, content):
        """Keep the bytes that were accepted, where server, class and the mail itself allow it."""
        accepted = [address for address, result in results.items() if result.state is OutboundState.SENT]
        if accepted:
            facts = {
                "mail_id": posting.mail_id,
                "mail_message_id": posting.mail_message_id,
                "company_id": posting.company_id,
                "about_mailbox_id": posting.about_mailbox_id,
                "about_intake_id": posting.about_intake_id,
                "model": posting.model,
                "gateway_is_secret": content.is_secret,
                "body_html": content.body_html,
                "delivery_ids": [begun[address].id for address in accepted if address in begun],
                "keep": content.keep,
                "is_mass": posting.mail_class == "mass",
            }
            self.env["spp.email.sent.content"]._keep_known(
                facts, posting.message_id, accepted, content.octets, partial(self._add_prepared, KEEP_SMALL)
            )

    def _answer(self, result, rows):
        """Write the answer of a server about rows that were being sent."""
        values = self._values(result, rows[0].since, max(row.attempts for row in rows))
        values |= {"ids": [row.id for row in rows], "attempts": [row.attempts for row in rows]}
        self._add_prepared(ANSWER, values)

    def _write_without(self, posting, address, result, until):
        """Write the outcome of a recipient for whom no transaction was begun."""
        since, attempts = None, 0
        # What only waits is no attempt.
        counted = 0 if result.state is OutboundState.QUEUED else 1
        if result.state is OutboundState.DEFERRED:
            since, attempts = self._tried(posting, address)
        values = self._values(result, since, attempts + counted, until)
        self._add(
            WITHOUT, {**posting.columns(), **values, "recipient": address, "attempts": counted, "final": FINAL}
        )

    def _values(self, result, since, attempts, until=None):
        """Return the columns that an answer writes; what is to be tried again gets its time here."""
        now = fields.Datetime.now()
        state, reason, due = result.state, result.reason, until
        if state in (OutboundState.DEFERRED, OutboundState.UNKNOWN):
            state, reason, due = self._again(result, since or now, attempts, now)
        if due:
            # The mail's date has whole seconds, and must not come before the recipient's.
            due = due.replace(microsecond=0)
        return {
            "state": state.value,
            "reason": reason.value,
            "phase": result.phase or None,
            "smtp_code": result.code or None,
            "enhanced_status": result.enhanced or None,
            "smtp_text": storable(result.text) or None,
            "remote_id": storable(result.remote_id) or None,
            "remote_message_id": storable(result.remote_message_id) or None,
            "next_attempt_date": due,
            "final_date": None if state in (OutboundState.DEFERRED, OutboundState.QUEUED) else now,
        }

    def _again(self, result, first, attempts, now):
        """Return (state, reason, next attempt) of a recipient that may be tried again, or may have it already."""
        days = self.env["ir.config_parameter"]._gateway_number(DAYS_PARAMETER, DAYS)
        if result.state is OutboundState.UNKNOWN:
            # Once more, and no oftener: a server that takes a message and never says so would get one each time.
            if self.delivery._holds_unknown() or attempts > 1:
                return OutboundState.UNKNOWN, result.reason, None
            return OutboundState.DEFERRED, result.reason, now + timedelta(seconds=UNKNOWN_WAIT)
        due = next_delivery_attempt(now, first, attempts, self.rng, wait=result.wait, days=days)
        if due is None:
            return OutboundState.FAILED, OutboundReason.EXPIRED, None
        return OutboundState.DEFERRED, result.reason, due

    def _tried(self, posting, address):
        """Return (since when, how often) a recipient is tried."""
        # What was added before may be about the same row.
        self._ask_together()
        rows = self.env.execute_query(
            SQL(
                "SELECT created_date, attempts FROM spp_email_delivery WHERE mail_id = %s AND lower(recipient) = %s"
                " AND COALESCE(partner_id, 0) = %s",
                posting.mail_id,
                address.lower(),
                posting.partner_id or 0,
            )
        )
        return rows[0] if rows else (None, 0)

    def _settle_unknown(self, mail_ids):
        """Decide what happens to rows that a worker had begun when it died."""
        rows = self.env.execute_query(
            SQL(
                "SELECT id, created_date, attempts FROM spp_email_delivery"
                " WHERE mail_id IN %s AND state = 'sending' FOR UPDATE",
                tuple(mail_ids) or (0,),
            )
        )
        for row in rows:
            self._answer(RecipientResult(OutboundState.UNKNOWN, OutboundReason.PROCESS_DIED), [Begun(*row)])
        self._ask_together()
        commit(self.env.cr)
