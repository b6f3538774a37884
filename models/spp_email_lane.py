# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A worker's way through the journal: claims what is due, has it processed, commits, and keeps failures apart."""

import logging
import time
from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2

from odoo import SUPERUSER_ID, models
from odoo.exceptions import ConcurrencyError
from odoo.tools import SQL

from ..engine.attempt import Attempt, Run
from ..engine.errors import FenceError, SealError
from ..engine.outcome import InboundState
from .spp_email_claim_mixin import owner_name

_logger = logging.getLogger(__name__)

# Fresh messages that one transaction processes. What Odoo learns for the first serves the others, and the disk is
# waited for once.
BATCH_MESSAGES = 10
# A message larger than this is processed alone, so that a batch needs no more memory than one message does.
BATCH_SIZE = 512 * 1024
# Seconds after which a batch is committed, and what it has not begun given back: a record is seen at once, and the
# claims end long before their lease does.
BATCH_SECONDS = 1.0
# Scheduled actions that process, as data/ir_cron.xml has them, and how many messages wait when one calls the next.
LANES = 4
LANES_PARAMETER = "spp_email_gateway.lanes"
BACKLOG = 50
# Where the module queue_job is installed, lanes can run as its jobs, in a channel of their own.
QUEUE_PARAMETER = "spp_email_gateway.use_queue_job"
QUEUE_CHANNEL = "root.spp_email_gateway"
QUEUE_SECONDS = 30
STATEMENT_TIMEOUT_PARAMETER = "spp_email_gateway.statement_timeout_seconds"
STATEMENT_TIMEOUT_SECONDS = 120

DUE = SQL(
    "((state IN ('received', 'retry') AND COALESCE(next_attempt_date, received_date) <= now() AT TIME ZONE 'UTC')"
    " OR state = 'processing')"
)
FREE = SQL("(claim_until IS NULL OR claim_until < now() AT TIME ZONE 'UTC')")
# Never begun. What was begun before may have killed its process: it is claimed alone, and takes nothing with it.
FRESH = SQL("(state = 'received' AND starts = 0 AND size <= %s)", BATCH_SIZE)
# One conversation in order, and copies of one message one after the other, whichever worker takes them. A later one is
# in work where this one was in quarantine, or was being written, when that one was claimed.
FIRST_OF_CONVERSATION = SQL(
    "NOT EXISTS (SELECT 1 FROM spp_email_inbound AS other"
    " WHERE other.conversation = spp_email_inbound.conversation AND other.id <> spp_email_inbound.id"
    " AND other.state IN ('received', 'retry', 'processing') AND (other.id < spp_email_inbound.id"
    " OR other.state = 'processing' AND other.claim_until >= now() AT TIME ZONE 'UTC'))"
)

SAVEPOINT = "spp_email_message"
# How often a failure is written that collides with what another worker writes.
NOTE_ATTEMPTS = 5


@dataclass
class Fate:
    """What became of one message among several, and of the transaction that they share.

    Attributes:
        outcome: (state, reason), when it went well.
        error: what it failed with; its own work is undone.
        ended: a callee committed or rolled back: what follows needs another transaction.
        rolled_back: the messages before it were undone too.
    """

    outcome: tuple | None = None
    error: Exception | None = None
    ended: bool = False
    rolled_back: bool = False

    def roll_back(self):
        self.rolled_back = True


class SppEmailLane(models.AbstractModel):
    _name = "spp.email.lane"
    _inherit = ["spp.email.transaction"]
    _description = "Lane of Incoming Emails"

    def _cron_process(self, lane=1):
        """Process what is due, within what the scheduler leaves. Called by the job of each lane."""
        left = self.env["ir.cron"]._commit_progress()
        if not self._has_ring():
            return
        if self._uses_queue():
            self._call(lane)
            return
        self._process_due(left, lane=lane)
        if self._backlog(1):
            self._call(lane)

    def _queue_process(self, lane):
        """Process what is due. Called as a job of the module queue_job, which sets no limit of time."""
        self._process_due(QUEUE_SECONDS, lane=lane)
        if self._backlog(1):
            self._call(lane)

    def _call(self, lane):
        """Have a lane work soon: by its scheduled action, or by a job where a setting says so."""
        if not self._uses_queue():
            for job in self._job(lane):
                job._trigger()
            return
        # One waiting job a lane is enough, however often it is called.
        self.with_delay(
            channel=QUEUE_CHANNEL,
            identity_key=f"spp_email_gateway.lane.{lane}",
            description=self.env._("Email Gateway: process the journal, lane %s", lane),
        )._queue_process(lane)

    def _uses_queue(self):
        """Return whether lanes run as jobs: OCA's queue_job, or OpenSPP's job_worker, is there and chosen."""
        parameters = self.env["ir.config_parameter"].sudo()  # nosemgrep: a setting, no content
        return hasattr(self, "with_delay") and parameters.get_param(QUEUE_PARAMETER) in ("1", "True", "true")

    def _process_due(self, seconds=None, server_ids=None, lane=0, inbound_ids=None, interrupted=None):
        """Process what is due, oldest first, until nothing is left or ``seconds`` are over.

        Args:
            server_ids: only messages of these mailboxes; None for all.
            inbound_ids: only these messages; None for all.
            lane: number of the lane that works; 0 for one that does something else beside, such as reading mailboxes.
            interrupted: asked before each batch; True ends the work.

        Returns a Counter of (state, reason) of the messages that were processed.
        """
        outcomes = Counter()
        if not self._has_ring():
            return outcomes
        end = None if seconds is None else time.monotonic() + seconds
        where = DUE if server_ids is None else SQL("%s AND server_id IN %s", DUE, tuple(server_ids) or (0,))
        if inbound_ids is not None:
            where = SQL("%s AND id IN %s", where, tuple(inbound_ids) or (0,))
        if lane < self._lanes() and self._backlog(BACKLOG) >= BACKLOG:
            # One calls the next, and each only while there is more than it can do soon.
            with self._gateway_cursor() as env:
                env["spp.email.lane"]._call(lane + 1)
        self.env["spp.email.worker"]._free_claims_of_the_dead()
        run = Run()
        more = True
        while more and (end is None or time.monotonic() < end) and not (interrupted and interrupted()):
            more = False
            # In turn, so that neither kind keeps the other waiting.
            for kind, limit in ((FRESH, BATCH_MESSAGES), (SQL("NOT %s", FRESH), 1)):
                claims = self._claim(SQL("%s AND %s", where, kind), limit)
                more = more or bool(claims)
                outcomes += self._process_claims(claims, run)
        if outcomes:
            # Answers and notifications made on the way were queued; the queue's own interval is an hour.
            with self._gateway_cursor() as env:
                env.ref("mail.ir_cron_mail_scheduler_action").sudo()._trigger()  # nosemgrep: starting work, no data
        return outcomes

    def _lanes(self):
        """Return how many lanes may work at once; more never do than there are cron workers."""
        return min(self.env["ir.config_parameter"]._gateway_number(LANES_PARAMETER, LANES), LANES)

    def _job(self, lane):
        name = "ir_cron_process_inbound" if lane == 1 else f"ir_cron_process_inbound_{lane}"
        # Somebody may have deleted it: what it would do is done by the others.
        job = self.env.ref(f"spp_email_gateway.{name}", raise_if_not_found=False) or self.env["ir.cron"]
        return job.sudo()  # nosemgrep: starting work, no data

    def _backlog(self, limit):
        """Return how many messages could be claimed, counted up to ``limit``.

        Not those that wait for an earlier one of their conversation: who comes back for them finds nothing to do, and
        comes back again at once.
        """
        (count,) = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM (SELECT 1 FROM spp_email_inbound WHERE %s AND %s AND %s LIMIT %s) AS due",
                DUE,
                FREE,
                FIRST_OF_CONVERSATION,
                limit,
            )
        )[0]
        return count

    def _claim(self, where, limit):
        """Claim up to ``limit`` messages, count the start of each, and return the Claims."""
        return self.env["spp.email.inbound"]._claim(
            SQL("%s AND %s", where, FIRST_OF_CONVERSATION),
            order=SQL("COALESCE(next_attempt_date, received_date), id"),
            also=SQL("state = 'processing', attempts = attempts + 1, starts = starts + 1"),
            limit=limit,
        )

    def _has_ring(self):
        """Return whether there are keys to know our own mail by; without them nothing is claimed, and nothing lost."""
        try:
            self.env["spp.email.token.key"]._ring()
        except SealError:
            # Health says it to people.
            _logger.error("Incoming emails are not processed: the credential key is missing.")
            return False
        return True

    # ------------------------------------------------------------------
    # Transactions
    # ------------------------------------------------------------------

    @contextmanager
    def _working_transaction(self):
        """Yield the system user's Environment in a new transaction, committed when the block ends well."""
        with self._gateway_cursor() as env:
            work = env(user=SUPERUSER_ID)
            parameters = work["ir.config_parameter"]
            seconds = parameters._gateway_number(STATEMENT_TIMEOUT_PARAMETER, STATEMENT_TIMEOUT_SECONDS)
            work.cr.execute("SET LOCAL statement_timeout = %s", (seconds * 1000,))
            yield work

    def _process_claims(self, claims, run):
        """Process claimed messages; return the Counter of their (state, reason)."""
        if len(claims) > 1:
            return self._process_together(claims, run)
        return Counter(self._process_alone(claim, run) for claim in claims)

    def _process_together(self, claims, run):
        """Process claimed messages in one transaction; return the Counter of their (state, reason).

        The failure of a message is written afterwards, and one whose work was undone by another's is processed alone.
        Where the transaction ends early, what it has not begun is given back.
        """
        made, failed, undone, waiting = [], [], [], deque()
        until = time.monotonic() + BATCH_SECONDS
        workers, owner = self.env["spp.email.worker"], owner_name()
        try:
            with self._gateway_cursor() as noting, self._working_transaction() as env:
                inbounds = env["spp.email.preparation"]._prepare([claim.id for claim in claims])
                places = {inbound.id: (inbound.received_date, inbound.id) for inbound in inbounds}
                waiting.extend(sorted(claims, key=lambda claim: places[claim.id]))
                fate = Fate()
                while waiting and not fate.ended and (not (made or failed) or time.monotonic() < until):
                    claim = waiting.popleft()
                    workers._note_begun(noting, owner, claim.id)
                    attempt = Attempt(claim.id, run=run)
                    fate = self._process_apart(env, claim, attempt)
                    if fate.rolled_back:
                        undone, made = [claim for claim, _outcome in made], []
                    if fate.error:
                        failed.append((claim, attempt, fate.error))
                    else:
                        made.append((claim, fate.outcome))
        except Exception as error:  # noqa: BLE001 - a content that cannot be read, another addon's hook at the end
            # Nothing of the transaction is there; what is all the same is not begun again, as its claim is over. If it
            # is the database that is ill, the next one will say so.
            _logger.warning("A batch of incoming emails failed and is done one by one: %s.", type(error).__name__)
            kept = {claim for claim, _attempt, _error in failed} | set(waiting)
            undone, made = [claim for claim in claims if claim not in kept], []
        outcomes = Counter(outcome for _claim, outcome in made)
        if waiting:
            self._give_back(waiting)
        outcomes.update(self._note_failure(*failure) for failure in failed)
        outcomes.update(self._process_alone(claim, run, is_again=True) for claim in undone)
        return outcomes

    def _process_apart(self, env, claim, attempt):
        """Process one message of several in the current transaction; undo it alone if it fails; return its Fate."""
        cr = env.cr
        # What earlier messages have left to do at the end must not be undone with this one.
        cr.flush()
        cr.execute("SAVEPOINT spp_email_message")
        fate = Fate()
        # A callee may commit, or roll back, in the middle of its work (account does): the savepoint is gone then.
        cr.prerollback.data[SAVEPOINT] = claim.id
        cr.prerollback.add(fate.roll_back)
        try:
            fate.outcome = env["spp.email.processing"]._process(claim, attempt)
            cr.flush()
            fate.ended = cr.prerollback.data.get(SAVEPOINT) != claim.id
            if not fate.ended:
                cr.execute("RELEASE SAVEPOINT spp_email_message")
        except Exception as error:  # noqa: BLE001 - one bad message must stay one; its cause is kept
            fate.error = error
            fate.ended = cr.prerollback.data.get(SAVEPOINT) != claim.id
            if fate.ended:
                was_rolled_back = fate.rolled_back
                cr.rollback()
                fate.rolled_back = was_rolled_back
            else:
                cr.clear()
                cr.execute("ROLLBACK TO SAVEPOINT spp_email_message")
        return fate

    def _process_alone(self, claim, run, is_again=False):
        """Process one claimed message in a transaction of its own and return its (state, reason).

        Args:
            is_again: it was begun under this claim before, and may have left a record behind.
        """
        attempt = Attempt(claim.id, run=run, is_again=is_again)
        with self._gateway_cursor() as noting:
            self.env["spp.email.worker"]._note_begun(noting, owner_name(), claim.id)
        try:
            with self._working_transaction() as env:
                return env["spp.email.processing"]._process(claim, attempt)
        except Exception as error:  # noqa: BLE001 - one bad message must stay one; its cause is kept
            return self._note_failure(claim, attempt, error)

    def _note_failure(self, claim, attempt, error):
        """Write, in a transaction of its own, that an attempt failed and was undone; return its (state, reason)."""
        if isinstance(error, FenceError):
            _logger.warning("Incoming email %s was taken over by another worker; this attempt is undone.", claim.id)
            return InboundState.PROCESSING.value, ""
        # What is more than an index takes is so for ever, though PostgreSQL counts it among what passes.
        passing = isinstance(error, psycopg2.OperationalError | ConcurrencyError) and not isinstance(
            error, psycopg2.errors.ProgramLimitExceeded
        )
        if not passing and not hasattr(error, "inbound_reason"):
            _logger.warning("Incoming email %s could not be processed: %s.", claim.id, type(error).__name__)
        for again in range(NOTE_ATTEMPTS):
            try:
                return self.env["spp.email.processing"]._finish_failed(claim, attempt, error, passing=passing)
            except psycopg2.errors.SerializationFailure:
                # Another lane marked the same alias as invalid just now.
                if again == NOTE_ATTEMPTS - 1:
                    raise

    def _give_back(self, claims):
        """Give claimed messages back that were not begun, as if they had not been claimed."""
        with self._gateway_cursor(read_committed=True) as env:
            for claim in claims:
                env.execute_query(
                    SQL(
                        "UPDATE spp_email_inbound SET state = 'received', claim_owner = NULL, claim_until = NULL,"
                        " starts = starts - 1, attempts = attempts - 1 WHERE id = %s AND claim_fence = %s RETURNING id",
                        claim.id,
                        claim.fence,
                    )
                )
