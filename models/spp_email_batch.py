# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""The work on claimed messages: several in one transaction, or one alone, with their failures kept apart."""

import logging
import time
from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg2

from odoo import SUPERUSER_ID, models
from odoo.tools import SQL

from ..engine.attempt import Attempt
from ..engine.errors import FenceError
from ..engine.outcome import InboundState
from .spp_email_claim_mixin import owner_name
from .spp_email_transaction import DATABASE_BUSY

_logger = logging.getLogger(__name__)

# Seconds after which a batch is committed, and what it has not begun given back: a record is seen at once, and the
# claims end long before their lease does.
BATCH_SECONDS = 1.0
STATEMENT_TIMEOUT_PARAMETER = "spp_email_gateway.statement_timeout_seconds"
STATEMENT_TIMEOUT_SECONDS = 120

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


class SppEmailBatch(models.AbstractModel):
    _name = "spp.email.batch"
    _inherit = ["spp.email.transaction"]
    _description = "Batch of Incoming Emails"

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
        passing = isinstance(error, DATABASE_BUSY) and not isinstance(
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
