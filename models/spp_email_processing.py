# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Takes journaled messages through the pipeline and Odoo's routing, one transaction each."""

import logging
import random
import time
from collections import Counter

import psycopg2
from psycopg2.extras import Json

from odoo import SUPERUSER_ID, fields, models
from odoo.exceptions import ConcurrencyError
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine import own_mark
from ..engine.attempt import Attempt
from ..engine.automatic import find_automatic
from ..engine.empty import hold_empty
from ..engine.errors import FenceError, SealError
from ..engine.outcome import InboundReason, InboundState
from ..engine.pipeline import walk
from ..engine.retry import next_attempt
from ..engine.storable import storable
from ..engine.summary import summarize
from ..engine.target import Target
from .mail_thread import ATTEMPT

_logger = logging.getLogger(__name__)

# A message whose processing ended the process this often (out of memory, time limit) is set aside.
MOST_STARTS = 3
# A statement that ran into its time limit is tried once more: a busy database passes, a poison message does not.
MOST_TIMEOUTS = 2
# Database conflicts are retried this often: with the growing waits of engine.retry this is about five hours.
MOST_ATTEMPTS = 12
STATEMENT_TIMEOUT_PARAMETER = "spp_email_gateway.statement_timeout_seconds"
STATEMENT_TIMEOUT_SECONDS = 120


class SppEmailProcessing(models.AbstractModel):
    _name = "spp.email.processing"
    _inherit = ["spp.email.transaction"]
    _description = "Processing of Incoming Emails"

    def _process_due(self, seconds=None, server_ids=None, interrupted=None):
        """Process what is due, oldest first, until nothing is left or ``seconds`` are over.

        Returns a Counter of (state, reason) of the messages that were processed.

        Args:
            interrupted: asked before each message; True ends the work.
        """
        outcomes = Counter()
        if not self._has_ring():
            return outcomes
        end = None if seconds is None else time.monotonic() + seconds
        where = SQL(
            "((state IN ('received', 'retry')"
            " AND COALESCE(next_attempt_date, received_date) <= now() AT TIME ZONE 'UTC') OR state = 'processing')"
        )
        if server_ids is not None:
            where = SQL("%s AND server_id IN %s", where, tuple(server_ids) or (0,))
        inbounds = self.env["spp.email.inbound"]
        descriptions = {}
        while (end is None or time.monotonic() < end) and not (interrupted and interrupted()):
            # One row a claim: the claim counts the start, and a message that kills its process must not take
            # others with it.
            claims = inbounds._claim(
                where,
                order=SQL("COALESCE(next_attempt_date, received_date), id"),
                also=SQL("state = 'processing', attempts = attempts + 1, starts = starts + 1"),
            )
            if not claims:
                break
            outcomes[self._process_claimed(claims[0], descriptions)] += 1
        if outcomes:
            # Answers and notifications made on the way were queued; the queue's own interval is an hour.
            with self._gateway_cursor() as env:
                env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()  # nosemgrep: starting work, no data
        return outcomes

    def _has_ring(self):
        """Return whether there are keys to know our own mail by; without them nothing is claimed, and nothing lost."""
        try:
            self.env["spp.email.token.key"]._ring()
        except SealError:
            # Health says it to people.
            _logger.error("Incoming emails are not processed: the credential key is missing.")
            return False
        return True

    def _cron_process(self):
        """Process what is due, within what the scheduler leaves. Called by the job."""
        left = self.env["ir.cron"]._commit_progress()
        if not self._has_ring():
            return
        self._process_due(left)
        due = Domain("next_attempt_date", "=", False) | Domain("next_attempt_date", "<=", fields.Datetime.now())
        if self.env["spp.email.inbound"].search_count(Domain("state", "in", ("received", "retry")) & due, limit=1):
            self.env.ref("spp_email_gateway.ir_cron_process_inbound")._trigger()

    def _process_claimed(self, claim, descriptions=None):
        """Process one claimed message and return its (state, reason).

        Args:
            descriptions: shared by the messages of a run, see engine.attempt.Attempt.
        """
        attempt = Attempt(claim.id, descriptions={} if descriptions is None else descriptions)
        try:
            with self._gateway_cursor() as env:
                work = env(user=SUPERUSER_ID)
                self._limit_statements(work)
                outcome = work["spp.email.processing"]._process(claim, attempt)
        except FenceError:
            _logger.warning("Incoming email %s was taken over by another worker; this attempt is undone.", claim.id)
            return InboundState.PROCESSING.value, ""
        except (psycopg2.OperationalError, ConcurrencyError) as error:
            return self._finish_failed(claim, attempt, error, passing=True)
        except Exception as error:  # noqa: BLE001 - one bad message must stay one bad message; it is kept with its cause
            if not hasattr(error, "inbound_reason"):
                _logger.warning("Incoming email %s could not be processed: %s.", claim.id, type(error).__name__)
            return self._finish_failed(claim, attempt, error, passing=False)
        return outcome

    def _limit_statements(self, env):
        value = env["ir.config_parameter"].get_param(STATEMENT_TIMEOUT_PARAMETER)
        seconds = int(value) if value and value.isdigit() else STATEMENT_TIMEOUT_SECONDS
        env.cr.execute("SET LOCAL statement_timeout = %s", (seconds * 1000,))

    def _process(self, claim, attempt):
        """Process in the current transaction and write the outcome; return (state, reason)."""
        inbound = self.env["spp.email.inbound"].browse(claim.id)
        if inbound.starts > MOST_STARTS:
            attempt.trace.add("unfinished attempts", str(inbound.starts - 1), "quarantine")
            return self._finish(claim, attempt, InboundState.QUARANTINED, InboundReason.PROCESS_DIED)
        # A retry by hand counts the attempts anew, but leaves the trace.
        attempt.is_first = inbound.attempts == 1 and not inbound.trace
        content = self.env["spp.email.content"]._load(claim.id) or b""
        attempt.trace.add("journal", f"{inbound.size} bytes, attempt {inbound.attempts}", "processing")
        if inbound._is_repeated():
            attempt.trace.add("the same bytes from this mailbox", "known", "not processed again")
            return self._finish(claim, attempt, InboundState.DUPLICATE, InboundReason.KNOWN_ENTRY)
        decided = Target.from_json(inbound.route)
        passage = walk(self._steps(inbound, content), summarize(content))
        attempt.trace.extend(passage.trace.steps)
        if passage.verdict and not decided:
            return self._finish(claim, attempt, passage.verdict.state, passage.verdict.reason)
        attempt.target = decided or passage.facts.get("target")
        attempt.envelope_recipient = inbound.envelope_recipient or ""
        attempt.takes_known = bool(decided) or inbound._is_for_another_recipient()
        mailbox = inbound.server_id
        threads = self.env["mail.thread"].with_company(inbound.company_id or self.env.company)
        threads = threads.with_context(
            **{ATTEMPT: attempt},
            default_fetchmail_server_id=mailbox.id,
            fetchmail_cron_running=True,
            # Never SMTP inside a message's work: mail that it causes is queued.
            mail_notify_force_send=False,
        )
        state, reason = self.env["spp.email.target"]._deliver(mailbox, threads, inbound, content, attempt)
        self._send_notices(inbound, attempt, passage.facts)
        values = {}
        if reason is InboundReason.KNOWN_MESSAGE_ID:
            state, reason, values = self._judge_known(inbound, content, attempt)
        return self._finish(claim, attempt, state, reason, **values)

    def _steps(self, inbound, content):
        """Return the steps of engine.pipeline that a message passes before it is routed. Extend it to add some.

        A step may put an engine.target.Target into ``facts["target"]``.

        Args:
            content: the bytes as received.
        """
        ring = self.env["spp.email.token.key"]._ring()
        return [hold_empty, own_mark.find_own_mark(ring, fields.Datetime.now()), find_automatic]

    def _judge_known(self, inbound, content, attempt):
        """Return (state, reason, links) of a message whose Message-ID Odoo knows already."""
        known = self.env["mail.message"].search([("message_id", "=", inbound.message_id)], limit=1)
        links = {"duplicate_message_id": known.id or None, "res_model": known.model or None, "res_id": known.res_id}
        if inbound._is_other_content(content):
            # Scanners and web forms reuse Message-IDs; what is new in it must not vanish as a duplicate.
            attempt.trace.add("Message-ID", f"message {known.id} has it, with other content", "quarantine")
            return InboundState.QUARANTINED, InboundReason.REUSED_MESSAGE_ID, links
        attempt.trace.add("Message-ID", f"message {known.id} has it already", "not processed again")
        return InboundState.DUPLICATE, InboundReason.KNOWN_MESSAGE_ID, links

    def _send_notices(self, inbound, attempt, facts):
        for intent in attempt.notices:
            step = self.env["spp.email.notice"]._send(inbound, intent, facts)
            attempt.trace.extend([step])

    def _finish(self, claim, attempt, state, reason, **values):
        """Write the final state of an attempt with its links and trace; return (state, reason)."""
        self.env.flush_all()
        stamps = self.env["spp.email.inbound.record"]
        for number, (model, record_id) in enumerate(attempt.updates, 1):
            stamps._stamp(claim.id, number, self.env[model].browse(record_id), is_created=False)
        linked = attempt.records + attempt.updates
        if linked and state is not InboundState.RETRY:
            values.update(res_model=linked[0][0], res_id=linked[0][1])
            if attempt.message_id:
                values["mail_message_id"] = SQL(
                    "(SELECT id FROM mail_message WHERE message_id = %s ORDER BY id LIMIT 1)", attempt.message_id
                )
        self.env["spp.email.inbound"]._finish_claim(
            claim,
            {
                "state": state.value,
                "reason": reason.value if reason else None,
                "starts": 0,
                "trace": Json(attempt.trace.as_json()),
                "next_attempt_date": None,
                "detail": None,
                **values,
            },
        )
        return state.value, reason.value if reason else ""

    def _finish_failed(self, claim, attempt, error, *, passing):
        """Write, in a transaction of its own, that an attempt failed and was rolled back.

        A passing failure is retried with growing waits; any other puts the message into quarantine with its cause.
        Nothing is told to the sender: the message is safe and can be replayed.
        """
        with self._gateway_cursor() as env:
            work = env(user=SUPERUSER_ID)
            inbound = work["spp.email.inbound"].browse(claim.id)
            # What the rolled back attempt reached is gone.
            attempt.updates.clear()
            attempt.records.clear()
            values = {"detail": storable(f"{type(error).__name__}: {error}")}
            most = MOST_TIMEOUTS if isinstance(error, psycopg2.errors.QueryCanceled) else MOST_ATTEMPTS
            if passing and inbound.attempts < most:
                state, reason = InboundState.RETRY, InboundReason.DATABASE_BUSY
                due = next_attempt(fields.Datetime.now(), inbound.attempts, random.Random())  # noqa: S311 - jitter
                values["next_attempt_date"] = due
                attempt.trace.add("the database", "busy", f"next attempt at {due:%Y-%m-%d %H:%M:%S} UTC")
            elif passing:
                state, reason = InboundState.QUARANTINED, InboundReason.TOO_MANY_ATTEMPTS
            else:
                state = InboundState.QUARANTINED
                reason = getattr(error, "inbound_reason", InboundReason.CREATION_FAILED)
                if reason is InboundReason.NO_ROUTE:
                    values["detail"] = storable(error)
                    attempt.trace.add("replies, aliases and the mailbox's action", "no route", "quarantine")
                else:
                    attempt.trace.add("creating or updating the record", type(error).__name__, "quarantine")
                work["mail.alias"].browse(attempt.invalid_aliases).exists().write({"alias_status": "invalid"})
            try:
                return work["spp.email.processing"]._finish(claim, attempt, state, reason, **values)
            except FenceError:
                _logger.warning("Incoming email %s was taken over by another worker.", claim.id)
                return InboundState.PROCESSING.value, ""
