# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A worker's way through the journal: who works when, and what is claimed."""

import logging
import time
from collections import Counter

from odoo import models
from odoo.tools import SQL

from ..engine.attempt import Run
from ..engine.errors import SealError

_logger = logging.getLogger(__name__)

# Fresh messages that one transaction processes. What Odoo learns for the first serves the others, and the disk is
# waited for once.
BATCH_MESSAGES = 10
# A message larger than this is processed alone, so that a batch needs no more memory than one message does.
BATCH_SIZE = 512 * 1024
# Scheduled actions that process, as data/ir_cron.xml has them, and how many messages wait when one calls the next.
LANES = 4
LANES_PARAMETER = "spp_email_gateway.lanes"
BACKLOG = 50
# Where the module queue_job is installed, lanes can run as its jobs, in a channel of their own.
QUEUE_PARAMETER = "spp_email_gateway.use_queue_job"
QUEUE_CHANNEL = "root.spp_email_gateway"
QUEUE_SECONDS = 30

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
        run, batch = Run(), self.env["spp.email.batch"]
        more = True
        while more and (end is None or time.monotonic() < end) and not (interrupted and interrupted()):
            more = False
            # In turn, so that neither kind keeps the other waiting.
            for kind, limit in ((FRESH, BATCH_MESSAGES), (SQL("NOT %s", FRESH), 1)):
                claims = self._claim(SQL("%s AND %s", where, kind), limit)
                more = more or bool(claims)
                outcomes += batch._process_claims(claims, run)
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
