# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Many connections that wait for mail, a thread each, and one queue of the mailboxes in which some arrived.

Threads speak with mail servers and with nothing else: who owns the queue owns the database.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from .connection import Connection, Credential, Password
from .errors import ConfigurationError, GatewayError
from .idle import IdleSession
from .retry import LONGEST_WAIT, next_attempt

# RFC 2177 §3 asks for less than 29 minutes; many routers forget a silent connection after ten.
RENEW_SECONDS = 9 * 60
POLL_SECONDS = 60
# A connection that held this long was well: the next failure is the first again.
WELL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Watched:
    """A folder to watch. `key` names it; what is reported is `mailbox`, the same for all folders of one mailbox."""

    key: Hashable
    mailbox: Hashable
    connection: Connection
    credential: Credential = field(repr=False)
    folder: str = "INBOX"

    def is_like(self, other: Watched) -> bool:
        """Whether a session for the one serves the other. A token that was refreshed matters at the next login only."""
        same = (self.mailbox, self.connection, self.folder) == (other.mailbox, other.connection, other.folder)
        if isinstance(self.credential, Password) or isinstance(other.credential, Password):
            return same and self.credential == other.credential
        return same and self.credential.user == other.credential.user


class Watcher:
    """The thread of one folder.

    Args:
        report: called with the mailbox when mail may have arrived: also after each new connection, since nobody
            listened before.
        session: makes an IdleSession of (connection, credential, folder=…).

    Attributes:
        is_listening: whether the server would tell us of mail now.
        failures, error: how often in a row a connection ended that had not held for a minute, and the last reason.
    """

    def __init__(
        self,
        watched: Watched,
        report: Callable[[Hashable], None],
        *,
        session: Callable = IdleSession,
        renew_seconds: float = RENEW_SECONDS,
        poll_seconds: float = POLL_SECONDS,
        first_wait: float | None = None,
    ):
        self.watched = watched
        self.is_listening = False
        self.failures = 0
        self.error: Exception | None = None
        self.connections = 0
        self._report = report
        self._make = session
        self._renew_seconds, self._poll_seconds, self._first_wait = renew_seconds, poll_seconds, first_wait
        self._session: IdleSession | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="email-idle", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; `join` waits for it."""
        self._stopped.set()
        if (session := self._session) is not None:
            session.interrupt()

    def join(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        random = Random()  # noqa: S311 - jitter
        while not self._stopped.is_set():
            began = time.monotonic()
            try:
                self._watch()
            except (GatewayError, ConfigurationError) as error:
                # The fetch meets the same and tells people; here it only means to try again later.
                self.error = error
            finally:
                self.is_listening = False
                self._session = None
            if time.monotonic() - began >= WELL_SECONDS:
                self.failures = 0
            self.failures += 1
            self._stopped.wait(self._pause(random))

    def _pause(self, random: Random) -> float:
        now = datetime(2000, 1, 1)
        seconds = (next_attempt(now, self.failures, random) - now).total_seconds()
        if self._first_wait is not None:
            seconds = min(self._first_wait * 2 ** min(self.failures - 1, 20), LONGEST_WAIT.total_seconds())
        return seconds

    def _watch(self) -> None:
        watched = self.watched
        self._session = session = self._make(watched.connection, watched.credential, folder=watched.folder)
        with session:
            self.connections += 1
            self.is_listening = True
            self._report(watched.mailbox)
            until = time.monotonic() + self._renew_seconds
            while not self._stopped.is_set():
                seconds = self._poll_seconds
                if session.is_pushed:
                    seconds = until - time.monotonic()
                if session.wait(max(seconds, 0)):
                    self._report(watched.mailbox)
                if time.monotonic() >= until:
                    if session.renew():
                        self._report(watched.mailbox)
                    until = time.monotonic() + self._renew_seconds


class Watchers:
    """All watchers of a process. `arrivals` is the queue of mailboxes in which mail may have arrived."""

    def __init__(self, make: Callable[..., Watcher] = Watcher, **options):
        self.arrivals: queue.SimpleQueue = queue.SimpleQueue()
        self._make, self._options = make, options
        self._watchers: dict[Hashable, Watcher] = {}

    def update(self, wanted: Iterable[Watched]) -> None:
        """Watch these and no others: begin what is new, begin anew what changed, end what is gone."""
        wanted = {watched.key: watched for watched in wanted}
        for key, watcher in list(self._watchers.items()):
            if key not in wanted or not watcher.watched.is_like(wanted[key]):
                watcher.stop()
                del self._watchers[key]
        for key, watched in wanted.items():
            if key in self._watchers:
                self._watchers[key].watched = watched
            else:
                self._watchers[key] = self._make(watched, self.arrivals.put, **self._options)
                self._watchers[key].start()

    def arrived(self, seconds: float) -> set[Hashable]:
        """Wait for an arrival for so long at most; return all mailboxes that have reported by then."""
        found = set()
        try:
            found.add(self.arrivals.get(timeout=max(seconds, 0.001)))
            while True:
                found.add(self.arrivals.get_nowait())
        except queue.Empty:
            return found

    def listening(self) -> set[Hashable]:
        """The mailboxes all of whose folders are listened to now."""
        silent = {watcher.watched.mailbox for watcher in self._watchers.values() if not watcher.is_listening}
        return {watcher.watched.mailbox for watcher in self._watchers.values()} - silent

    def stop(self, seconds: float = 5.0) -> bool:
        """End all; return whether all threads were gone within `seconds`."""
        watchers = list(self._watchers.values())
        self._watchers.clear()
        for watcher in watchers:
            watcher.stop()
        end = time.monotonic() + seconds
        return all([watcher.join(max(end - time.monotonic(), 0)) for watcher in watchers])
