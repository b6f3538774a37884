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

_logger = logging.getLogger(__name__)

# Fresh messages that one transaction processes. What Odoo learns for the first serves the others, and the disk is
# waited for once.
BATCH_MESSAGES = 10
# A message larger than this is processed alone, so that a batch needs no more memory than one message does.
BATCH_SIZE = 512 * 1024
# Seconds after which a batch is committed, and what it has not begun given back: a record is seen at once, and the
# claims end long before their lease does.
BATCH_SECONDS = 1.0
STATEMENT_TIMEOUT_PARAMETER = "spp_email_gateway.statement_timeout_seconds"
STATEMENT_TIMEOUT_SECONDS = 120

DUE = SQL(
    "((state IN ('received', 'retry') AND COALESCE(next_attempt_date, received_date) <= now() AT TIME ZONE 'UTC')"
    " OR state = 'processing')"
)
# Never begun. What was begun before may have killed its process: it is claimed alone, and takes nothing with it.
FRESH = SQL("(state = 'received' AND starts = 0 AND size <= %s)", BATCH_SIZE)
# One conversation in order, and copies of one message one after the other, whichever worker takes them.
FIRST_OF_CONVERSATION = SQL(
    "NOT EXISTS (SELECT 1 FROM spp_email_inbound AS earlier"
    " WHERE earlier.conversation = spp_email_inbound.conversation AND earlier.id < spp_email_inbound.id"
    " AND earlier.state IN ('received', 'retry', 'processing'))"
)

SAVEPOINT = "spp_email_message"


@dataclass
class Fate:
    """What became of one message among several, and of the transaction that they share.

    Attributes:
        outcome: (state, reason); None when it failed and was undone.
        ended: a callee committed or rolled back: what follows needs another transaction.
        rolled_back: the messages before it were undone too.
    """

    outcome: tuple | None = None
    ended: bool = False
    rolled_back: bool = False

    def roll_back(self):
        self.rolled_back = True


class SppEmailLane(models.AbstractModel):
    _name = "spp.email.lane"
    _inherit = ["spp.email.transaction"]
    _description = "Lane of Incoming Emails"

    def _process_due(self, seconds=None, server_ids=None, interrupted=None):
        """Process what is due, oldest first, until nothing is left or ``seconds`` are over.

        Args:
            server_ids: only messages of these mailboxes; None for all.
            interrupted: asked before each batch; True ends the work.

        Returns a Counter of (state, reason) of the messages that were processed.
        """
        outcomes = Counter()
        if not self._has_ring():
            return outcomes
        end = None if seconds is None else time.monotonic() + seconds
        where = DUE if server_ids is None else SQL("%s AND server_id IN %s", DUE, tuple(server_ids) or (0,))
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
            value = work["ir.config_parameter"].get_param(STATEMENT_TIMEOUT_PARAMETER)
            seconds = int(value) if value and value.isdigit() else STATEMENT_TIMEOUT_SECONDS
            work.cr.execute("SET LOCAL statement_timeout = %s", (seconds * 1000,))
            yield work

    def _process_claims(self, claims, run):
        """Process claimed messages; return the Counter of their (state, reason)."""
        outcomes = Counter()
        again = len(claims) > 1
        if again:
            claims = self._process_together(claims, run, outcomes)
        for claim in claims:
            outcomes[self._process_alone(claim, run, is_again=again)] += 1
        return outcomes

    def _process_together(self, claims, run, outcomes):
        """Process claimed messages in one transaction; return the Claims of those that have to be processed alone.

        That is every message that failed, and every one whose work was undone by another's. Where it ends early,
        what it has not begun is given back.
        """
        made, again, waiting = [], [], deque()
        until = time.monotonic() + BATCH_SECONDS
        try:
            with self._working_transaction() as env:
                inbounds = env["spp.email.preparation"]._prepare([claim.id for claim in claims])
                places = {inbound.id: (inbound.received_date, inbound.id) for inbound in inbounds}
                waiting.extend(sorted(claims, key=lambda claim: places[claim.id]))
                fate = Fate()
                while waiting and not fate.ended and time.monotonic() < until:
                    claim = waiting.popleft()
                    fate = self._process_apart(env, claim, run)
                    if fate.rolled_back:
                        again += [claim for claim, _outcome in made]
                        made = []
                    if fate.outcome:
                        made.append((claim, fate.outcome))
                    else:
                        again.append(claim)
        except psycopg2.Error:
            # Nothing of the transaction is there. If it is the database that is ill, the first of them will say so.
            again = sorted([*again, *(claim for claim, _outcome in made)], key=lambda claim: claim.id)
            made = []
        outcomes.update(outcome for _claim, outcome in made)
        if waiting:
            self._give_back(waiting)
        return again

    def _process_apart(self, env, claim, run):
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
            outcome = env["spp.email.processing"]._process(claim, Attempt(claim.id, run=run))
            cr.flush()
            fate.ended = cr.prerollback.data.get(SAVEPOINT) != claim.id
            if not fate.ended:
                cr.execute("RELEASE SAVEPOINT spp_email_message")
            fate.outcome = outcome
        except Exception:  # noqa: BLE001 - it is processed once more, alone, and its cause is kept there
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
        processing = self.env["spp.email.processing"]
        try:
            with self._working_transaction() as env:
                outcome = env["spp.email.processing"]._process(claim, attempt)
        except FenceError:
            _logger.warning("Incoming email %s was taken over by another worker; this attempt is undone.", claim.id)
            return InboundState.PROCESSING.value, ""
        except (psycopg2.OperationalError, ConcurrencyError) as error:
            return processing._finish_failed(claim, attempt, error, passing=True)
        except Exception as error:  # noqa: BLE001 - one bad message must stay one bad message; it is kept with its cause
            if not hasattr(error, "inbound_reason"):
                _logger.warning("Incoming email %s could not be processed: %s.", claim.id, type(error).__name__)
            return processing._finish_failed(claim, attempt, error, passing=False)
        return outcome

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
