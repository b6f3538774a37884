# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""A round through many mailboxes at once: threads speak with the servers, this one with the database."""

import logging
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any

from odoo import models

from ..engine.errors import GatewayError
from ..engine.parallel import Asked, ParallelReading
from ..engine.reading import Arrived, read_mailbox
from . import spp_email_fetching
from .spp_email_claim_mixin import Claim
from .spp_email_fetching import seconds_left
from .spp_email_lane import LANES
from .spp_email_transaction import DATABASE_ILL

_logger = logging.getLogger(__name__)

# How long this thread waits for the others before it looks at its budget again.
TICK_SECONDS = 0.5
# Kept from the budget for giving up what is not done, so that its leases can be given back at once.
CLOSING_SECONDS = 0.3
# So much longer may a run take for messages that are being received from mailboxes that gave none in it: one that
# takes longer than a run would never come, and all behind it neither. With the run it is less than half of the time
# after which Odoo kills the process.
OVERTIME_SECONDS = 40
# A server that kept a run waiting for so long until the end of its budget has failed; one that did not was just slow.
MOST_SILENCE_SECONDS = 5


@dataclass(frozen=True)
class _LeftBehind:
    """A reading that was given up, whose thread may still hold the mailbox."""

    database: str
    lease: Claim
    thread: Thread


_left_behind: list[_LeftBehind] = []
_left_behind_lock = Lock()


@dataclass
class _Round:
    """What is known of a round while it goes on.

    Attributes:
        waiting: mailboxes that nobody reads yet, the next first.
        leases: of the mailboxes that are read, by id.
        remaining: mailboxes that are not done.
        fruitful: those that gave messages, by id.
        renewed: those whose access token was renewed after a refusal, by id.
        renewals: (TokenRenewal or None, since when the round waits for it) of those that need a token, by id.
        may_be_due: there may be messages to be processed.
        lane: as `spp.email.lane._process_due` takes it.
    """

    readings: ParallelReading
    waiting: deque
    leases: dict[int, Claim]
    remaining: int
    fruitful: set = field(default_factory=set)
    renewed: set = field(default_factory=set)
    renewals: dict = field(default_factory=dict)
    first_error: Exception | None = None
    new: int = 0
    outcomes: Any = None
    may_be_due: bool = True
    lane: int = 0


class SppEmailParallelFetching(models.AbstractModel):
    _name = "spp.email.parallel.fetching"
    _inherit = ["spp.email.transaction"]
    _description = "Fetching of Many Mailboxes at Once"

    def _fetch(self, servers, end):
        """Do as `spp.email.fetching._fetch` says, until ``end`` (of the monotonic clock, None for no end)."""
        self._release_left_behind()
        job = self.env["ir.cron"]
        left = seconds_left(job._commit_progress(remaining=len(servers)), end)
        with ParallelReading() as readings:
            current = _Round(readings, deque(servers), {}, len(servers), outcomes=Counter())
            # When the database fails the threads are given up too, and their leases run out by themselves.
            while (current.waiting or current.leases) and left > CLOSING_SECONDS:
                self._start(current)
                self._turn(current, servers, left)
                left = seconds_left(job._commit_progress(), end)
            self._finish_begun(current, servers)
            self._leave(current)
        if left > CLOSING_SECONDS:
            current.outcomes += self.env["spp.email.lane"]._process_due(left, servers.ids)
            left = seconds_left(job._commit_progress(), end)
        self._release_left_behind()
        return current.first_error, current.new, current.outcomes

    def _start(self, current):
        """Begin to read the mailboxes that wait, as far as there are threads."""
        fetching, servers = self.env["spp.email.fetching"], self.env["fetchmail.server"]
        busy = {servers.browse(server_id)._gateway_server_key() for server_id in current.leases}
        for _number in range(len(current.waiting)):
            if not current.readings.has_room():
                return
            server = current.waiting.popleft()
            if not server.exists():
                # Deleted since the round began.
                self._done(current)
                continue
            if not self._is_ready(current, server):
                continue
            key = server._gateway_server_key()
            if key in busy:
                # Two records lead to one mailbox: this one has its turn when the other is done.
                current.waiting.append(server)
                continue
            lease = self.env["spp.email.lease"]._acquire(f"mailbox:{key}")
            if lease is None:
                # Another worker reads it, and will note how that went.
                self._done(current)
                continue
            fetching._note_start(server)
            try:
                opening = server._gateway_opening()
                selections, rules = server._gateway_reading_plan()
            except DATABASE_ILL:
                raise
            except Exception as error:  # noqa: BLE001 - one bad mailbox must not stop the others
                self.env["spp.email.lease"]._release(lease)
                self._finish(current, server, error)
                continue

            def make(dial, opening=opening, selections=selections, rules=rules):
                return read_mailbox(lambda: opening(dial), selections, rules, limit=spp_email_fetching.READ_LIMIT)

            if not current.readings.start(server.id, make):
                # Another run of this process was faster.
                self.env["spp.email.lease"]._release(lease)
                current.waiting.appendleft(server)
                return
            current.leases[server.id] = lease
            busy.add(key)

    def _is_ready(self, current, server):
        """Return whether the reading may begin now; if not, the mailbox waits, or is done."""
        return True

    def _turn(self, current, servers, left):
        """Do the next thing: answer a thread, or else process messages until one asks."""
        event = current.readings.next(0)
        if event is None:
            if current.may_be_due:
                self._process(current, servers, left)
                return
            event = current.readings.next(min(TICK_SECONDS, left - CLOSING_SECONDS))
        if event is not None:
            self._handle(current, servers, event)

    def _finish_begun(self, current, servers):
        """Wait for what is being received from mailboxes that gave nothing yet."""
        end = time.monotonic() + OVERTIME_SECONDS
        while time.monotonic() < end:
            late = current.leases.keys() - current.fruitful
            event = current.readings.next(0)
            if event is None:
                if not any(current.readings.is_receiving(server_id) for server_id in late):
                    return
                event = current.readings.next(TICK_SECONDS)
            if event is not None:
                self._handle(current, servers, event)

    def _handle(self, current, servers, event):
        server = servers.browse(event.key)
        if isinstance(event, Asked):
            self._answer(current, server, event.request)
            return
        self._release(current, server)
        failure = event.error or event.result.failure
        if event.result:
            self.env["spp.email.reading"]._note(server, event.result)
        if failure is None and event.result.more:
            # At its end: the others have waited longer.
            current.waiting.append(server)
            return
        self._finish(current, server, failure)

    def _process(self, current, servers, left):
        """Process messages until there are none, or a thread asks."""
        is_asked = current.readings.is_asked
        # More lanes are called for once a round: it costs as much as a message.
        lane, current.lane = current.lane, LANES
        outcomes = self.env["spp.email.lane"]._process_due(
            left - CLOSING_SECONDS, servers.ids, lane=lane, interrupted=is_asked
        )
        current.outcomes += outcomes
        current.may_be_due = bool(outcomes) or is_asked()

    def _answer(self, current, server, request):
        try:
            answer = self.env["spp.email.reading"]._answer(server, request)
        except DATABASE_ILL:
            # The database is ill, not the mailbox.
            raise
        except Exception as error:  # noqa: BLE001 - the reading ends with it, and it is noted on the mailbox
            current.readings.fail(server.id, error)
            return
        if isinstance(request, Arrived):
            current.new += answer
            current.fruitful.add(server.id)
            current.may_be_due = True
        current.readings.answer(server.id, answer)

    def _finish(self, current, server, failure):
        """Note how the reading of a mailbox went."""
        fetching = self.env["spp.email.fetching"]
        if failure is None:
            fetching._note_success(server)
        else:
            fetching._note_failure(server, failure)
            current.first_error = current.first_error or failure
        self._done(current)

    def _done(self, current):
        current.remaining -= 1
        self.env["ir.cron"]._commit_progress(1, remaining=current.remaining)

    def _release(self, current, server):
        self.env["spp.email.lease"]._release(current.leases.pop(server.id))

    def _leave(self, current):
        """Give up what is not done. A thread that still runs keeps its mailbox until it ends."""
        silences = {
            # Who gave messages and is sending more is not to blame; who sends without an end gives none the next time.
            server_id: 0
            if server_id in current.fruitful and current.readings.is_receiving(server_id)
            else current.readings.silence(server_id)
            for server_id in current.leases
        }
        threads = current.readings.leave()
        with _left_behind_lock:
            _left_behind.extend(
                _LeftBehind(self.env.cr.dbname, lease, threads[server_id])
                for server_id, lease in current.leases.items()
            )
        servers = self.env["fetchmail.server"]
        unread = [server.id for server in current.waiting]
        for server_id, silence in silences.items():
            if silence < MOST_SILENCE_SECONDS:
                unread.append(server_id)
                continue
            seconds = round(silence)
            self._finish(
                current,
                servers.browse(server_id),
                GatewayError(f"The server did not answer for {seconds} seconds, until the run was over.", phase="read"),
            )
        if unread:
            # Out of time: what is left stays unread in the mailboxes or received in the journal.
            self.env["spp.email.watch"]._await(unread)

    def _release_left_behind(self):
        """Give the mailboxes free whose threads have ended. The leases of the others run out by themselves."""
        with _left_behind_lock:
            ended = [
                left for left in _left_behind if left.database == self.env.cr.dbname and not left.thread.is_alive()
            ]
            for left in ended:
                _left_behind.remove(left)
        for left in ended:
            self.env["spp.email.lease"]._release(left.lease)
