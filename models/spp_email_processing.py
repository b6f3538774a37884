# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Takes journaled messages through the pipeline and Odoo's routing, one transaction each."""

import logging
import random

import psycopg2
from psycopg2.extras import Json

from odoo import SUPERUSER_ID, fields, models
from odoo.tools import SQL

from ..engine import own_mark
from ..engine.classify import find_kind
from ..engine.empty import hold_empty
from ..engine.envelope import header_order, recipients
from ..engine.errors import FenceError
from ..engine.outcome import InboundReason, InboundState
from ..engine.pipeline import walk
from ..engine.retry import next_attempt
from ..engine.storable import storable
from ..engine.summary import addresses, summarize
from ..engine.target import Target
from .mail_thread import ATTEMPT

_logger = logging.getLogger(__name__)

# A message whose processing ended the process this often (out of memory, time limit) is set aside.
MOST_STARTS = 3
# A statement that ran into its time limit is tried once more: a busy database passes, a poison message does not.
MOST_TIMEOUTS = 2
# Database conflicts are retried this often: with the growing waits of engine.retry this is about five hours.
MOST_ATTEMPTS = 12


class SppEmailProcessing(models.AbstractModel):
    _name = "spp.email.processing"
    _inherit = ["spp.email.transaction"]
    _description = "Processing of Incoming Emails"

    def _process(self, claim, attempt):
        """Process in the current transaction and write the outcome; return (state, reason)."""
        inbound = self.env["spp.email.inbound"].browse(claim.id)
        if inbound.claim_fence != claim.fence or not inbound.claim_until:
            # Before anything is done twice: a callee could commit it before the last write looks at the fence.
            raise FenceError(f"row {claim.id} was taken over or is finished")
        if inbound.starts > MOST_STARTS:
            attempt.trace.add("unfinished attempts", str(inbound.starts - 1), "quarantine")
            return self._finish(claim, attempt, InboundState.QUARANTINED, InboundReason.PROCESS_DIED)
        # A retry by hand counts the attempts anew, but leaves the trace.
        attempt.is_first = inbound.attempts == 1 and not inbound.trace and not attempt.is_again
        content, is_repeated = self.env["spp.email.preparation"]._message(claim.id)
        content = content or b""
        attempt.trace.add("journal", f"{inbound.size} bytes, attempt {inbound.attempts}", "processing")
        if is_repeated:
            # It is given again under another UID after UIDVALIDITY changed; Odoo cannot tell without a Message-ID.
            attempt.trace.add("the same bytes from this mailbox", "known", "not processed again")
            return self._finish(claim, attempt, InboundState.DUPLICATE, InboundReason.KNOWN_ENTRY)
        decided = Target.from_json(inbound.route)
        summary = summarize(content)
        passage = walk(self._steps(inbound, content), summary)
        attempt.trace.extend(passage.trace.steps)
        attempt.facts = passage.facts
        if passage.verdict and not decided:
            detail = storable(passage.verdict.detail) or None
            return self._finish(claim, attempt, passage.verdict.state, passage.verdict.reason, detail=detail)
        attempt.target = decided or passage.facts.get("target")
        attempt.envelope_recipients = self._envelope_recipients(inbound, summary)
        attempt.takes_known = bool(decided) or inbound._is_for_others(attempt.envelope_recipients)
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
        if attempt.envelope_recipients:
            values["envelope_recipient"] = ", ".join(attempt.envelope_recipients)
        if reason is InboundReason.KNOWN_MESSAGE_ID:
            state, reason, links = self._judge_known(inbound, content, attempt)
            values.update(links)
        return self._finish(claim, attempt, state, reason, **values)

    def _envelope_recipients(self, inbound, summary):
        """Return the aliases that the message was delivered for, as its intake or the mailbox's headers say."""
        if inbound.envelope_recipient:
            named = addresses(inbound.envelope_recipient)
        elif inbound.server_id:
            named = recipients(summary, header_order(inbound.server_id.gateway_envelope_headers or ""))
        else:
            return []
        return self.env["mail.alias"]._gateway_aliases_among(named)

    def _steps(self, inbound, content):
        """Return the steps of engine.pipeline that a message passes before it is routed, in order.

        What it is comes first, then who sent it, then loops; the rules follow (spp_email_rule_step.py), and know all
        of it. Extend the method of the place that a step belongs to. A step may put an engine.target.Target into
        ``facts["target"]``.

        Args:
            content: the bytes as received.
        """
        return [
            *self._kind_steps(inbound, content),
            *self._sender_steps(inbound, content),
            *self._loop_steps(inbound, content),
        ]

    def _kind_steps(self, inbound, content):
        """Return the steps that set the facts ``own_mark``, ``kind`` and ``automatic``."""
        ring = self.env["spp.email.token.key"]._ring()
        return [hold_empty, own_mark.find_own_mark(ring, fields.Datetime.now()), find_kind(content)]

    def _sender_steps(self, inbound, content):
        """Return the steps that set the facts ``original_sender`` and ``sender_verdict``."""
        return []

    def _loop_steps(self, inbound, content):
        """Return the steps that stop mail which goes in circles."""
        return []

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
            step = self.env["spp.email.notice"]._send(inbound, intent, facts, intent.notice_type)
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
        trace = list(attempt.trace.steps)
        try:
            return self._write_failure(claim, attempt, error, passing)
        except FenceError:
            # Outside of the transaction: what it would have told people is not told either.
            _logger.warning("Incoming email %s was taken over by another worker.", claim.id)
            return InboundState.PROCESSING.value, ""
        except psycopg2.Error:
            # It may be written again.
            attempt.trace.steps[:] = trace
            raise

    def _write_failure(self, claim, attempt, error, passing):
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
                    work["spp.email.notice"]._tell_unroutable(inbound, attempt)
                else:
                    attempt.trace.add("creating or updating the record", type(error).__name__, "quarantine")
                work["mail.alias"].browse(attempt.invalid_aliases).exists().write({"alias_status": "invalid"})
            return work["spp.email.processing"]._finish(claim, attempt, state, reason, **values)
