# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""One round through the mailboxes: read, process, note how it went."""

import logging
import random
import time
from collections import Counter
from datetime import datetime

from odoo import fields, models, modules
from odoo.exceptions import UserError

from ..engine.errors import ConfigurationError, GatewayError
from ..engine.retry import next_attempt
from ..engine.storable import storable
from .spp_email_transaction import DATABASE_ILL

_logger = logging.getLogger(__name__)

# Messages that are read from a mailbox before its journaled ones are processed.
READ_LIMIT = 100


class SppEmailFetching(models.AbstractModel):
    _name = "spp.email.fetching"
    _inherit = ["spp.email.transaction"]
    _description = "Fetching of Mailboxes"

    def _fetch(self, servers, seconds=None):
        """Read these mailboxes and process what came, longest unchecked first; those in which mail waits before them.

        In a scheduled action only what is due is read. Several mailboxes are read at once.

        Args:
            servers: ``fetchmail.server`` records.
            seconds: budget; in a scheduled action what the scheduler leaves.

        Returns:
            (first error or None, number of new messages, Counter of (state, reason) of processed messages)
        """
        end = None if seconds is None else time.monotonic() + seconds
        is_scheduled = bool(self.env.context.get("cron_id"))
        if is_scheduled:
            servers = servers._gateway_due()
        awaited = self.env["spp.email.watch"]._awaited(servers.ids)
        servers = servers.sorted(
            lambda server: (server.id not in awaited, server.date or datetime.min, server.priority, server.id)
        )
        # A test's thread shares the test's cursor, and would wait for it in vain.
        if (is_scheduled or len(servers) > 1) and not modules.module.current_test:
            result = self.env["spp.email.parallel.fetching"]._fetch(servers, end)
        else:
            result = self._fetch_serially(servers, end)
        self.env.invalidate_all()
        return result

    def _fetch_serially(self, servers, end):
        """Do as `_fetch` says, one mailbox after the other."""
        job = self.env["ir.cron"]
        first_error, new, outcomes, remaining = None, 0, Counter(), len(servers)
        left = seconds_left(job._commit_progress(remaining=remaining), end)
        for number, server in enumerate(servers):
            more = True
            while more and left:
                error, count, more = self._read(server)
                first_error = first_error or error
                new += count
                left = seconds_left(job._commit_progress(), end)
                outcomes += self.env["spp.email.lane"]._process_due(left, server.ids)
                left = seconds_left(job._commit_progress(), end)
            if more:
                # Out of time: what is left stays unread in the mailbox or received in the journal.
                self.env["spp.email.watch"]._await(servers[number:].ids)
                break
            remaining -= 1
            left = seconds_left(job._commit_progress(1, remaining=remaining), end)
        return first_error, new, outcomes

    def _read(self, server):
        """Read one mailbox and note how it went; return (error or None, new messages, whether more wait)."""
        self._note_start(server)
        try:
            result = self.env["spp.email.reading"]._read_mailbox(server, READ_LIMIT)
        except DATABASE_ILL:
            # The database is ill, not the mailbox.
            raise
        except Exception as error:  # noqa: BLE001 - one bad mailbox must not stop the others
            self._note_failure(server, error)
            return error, 0, False
        if result is None:
            # Another worker reads it, and will note how that went.
            return None, 0, False
        self._note_success(server)
        return None, *result

    def _note_start(self, server):
        """Note that a check begins."""
        # Before the reading: a server that holds this process until it is killed must not come first again, and what
        # arrives while it is read must be heard of.
        self._write(server, {"date": fields.Datetime.now()})
        self.env["spp.email.watch"]._begin(server.id)

    def _note_success(self, server):
        if server.error_date or server.gateway_failures:
            self._write(
                server,
                {
                    "error_date": False,
                    "error_message": False,
                    "gateway_failures": 0,
                    "gateway_next_fetch_date": False,
                },
            )

    def _note_failure(self, server, error):
        _logger.warning("Incoming server %s could not be read: %s.", server.id, type(error).__name__)
        now = fields.Datetime.now()
        failures = server.gateway_failures + 1
        is_worded = isinstance(error, GatewayError | ConfigurationError | UserError)
        self._write(
            server,
            {
                "error_date": server.error_date or now,
                "error_message": storable(error if is_worded else f"{type(error).__name__}: {error}"),
                "gateway_failures": failures,
                # Who let us in and listed the messages is asked again as usual: it may be about a single one.
                "gateway_next_fetch_date": getattr(error, "phase", "") != "fetch"
                and next_attempt(now, failures, random.Random()),  # noqa: S311 - jitter
            },
        )

    def _write(self, server, values):
        """Write on a mailbox in a transaction of its own, unless it was deleted meanwhile."""
        # Two workers may note the start of a check at once: under REPEATABLE READ one of them would fail.
        with self._gateway_cursor(read_committed=True) as env:
            server.with_env(env).exists().with_context(fetchmail_cron_running=True).write(values)
        server.invalidate_recordset(list(values))


def seconds_left(left, end):
    """Return the smaller of what the scheduler leaves and what is left until ``end``; never below 0."""
    return left if end is None else max(min(left, end - time.monotonic()), 0)
