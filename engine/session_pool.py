# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Open sessions of one process, kept for the next message that goes the same way."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from .errors import GatewayError

IDLE_SECONDS = 20.0
LIMIT = 4
MESSAGES = 100
# Longer than one message takes, shorter than a lane's lease.
PATIENCE = 60.0


@dataclass(slots=True)
class _Idle:
    session: object
    since: float


class SessionPool:
    """Sessions by key, lent to one thread at a time. All methods may be called from any thread.

    A session has `is_open`, `messages` (how many it has had), `is_kept`, `say_goodbye()` and `close()`, as the
    sessions of engine/smtp_session.py have. Opening and closing happen outside of the pool's lock: a server that
    hangs holds nobody else.

    Args:
        clock: seconds that only grow.
        idle_seconds: how long a session that nobody uses stays open.
        timer: makes the timer that closes idle sessions, called with (seconds, function); None for no timer: then
            somebody has to call close_idle().
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        idle_seconds: float = IDLE_SECONDS,
        timer: Callable[[float, Callable], threading.Timer] | None = None,
    ):
        self._clock = clock
        self._idle_seconds = idle_seconds
        self._make_timer = timer
        self.forget()

    def forget(self) -> None:
        """Drop all sessions without a word to the servers: in a forked child they are its parent's."""
        self._changed = threading.Condition()
        self._idle: dict[Hashable, list[_Idle]] = defaultdict(list)
        self._lent: dict[Hashable, int] = defaultdict(int)
        self._timer = None

    def acquire(
        self,
        key: Hashable,
        open: Callable[[], object],
        *,
        limit: int = LIMIT,
        messages: int = MESSAGES,
        patience: float = PATIENCE,
    ):
        """Return an idle session of this key, or a new one of `open`. Give it back by release() or discard().

        Args:
            limit: sessions of this key that may be lent at once; at least 1 counts.
            messages: a session that has had so many is closed and replaced; 0 keeps it for ever.
            patience: seconds to wait for one of the others to come back.

        Raises:
            GatewayError: with phase "pool", when none came back in time; it is nobody's failure.
            Exception: what `open` raises.
        """
        worn = []
        try:
            with self._changed:
                if not self._changed.wait_for(lambda: self._lent[key] < max(limit, 1), patience):
                    raise GatewayError("All sessions with this server are in use.", phase="pool", code="BUSY")
                self._lent[key] += 1
                session = self._take(key, messages, worn)
        finally:
            for old in worn:
                old.say_goodbye()
        if session is not None:
            return session
        try:
            return open()
        except BaseException:
            self._give_back(key)
            raise

    def _take(self, key, messages, worn):
        found = None
        idle = self._idle.get(key, [])
        while idle and found is None:
            # The one used last: the others get old and are closed.
            session = idle.pop().session
            if session.is_open and not (messages and session.messages >= messages):
                found = session
            else:
                worn.append(session)
        if not idle:
            self._idle.pop(key, None)
        return found

    def release(self, key: Hashable, session) -> None:
        """Give a session back for others."""
        if not session.is_open:
            self._give_back(key)
            return
        session.is_kept = True
        with self._changed:
            self._idle[key].append(_Idle(session, self._clock()))
            self._free(key)
            self._arm()

    def discard(self, key: Hashable, session) -> None:
        """Give a session back that nobody should use again; it is closed without a word."""
        try:
            session.close()
        finally:
            self._give_back(key)

    def close_idle(self) -> int:
        """Close what nobody used for a while; return how many sessions that were."""
        with self._changed:
            limit = self._clock() - self._idle_seconds
            old = self._remove(lambda idle: idle.since <= limit)
        for session in old:
            session.say_goodbye()
        return len(old)

    def close_all(self) -> int:
        """Close every session that is not lent; return how many."""
        with self._changed:
            old = self._remove(lambda _idle: True)
        for session in old:
            session.say_goodbye()
        return len(old)

    def count(self, key: Hashable) -> tuple[int, int]:
        """Return how many sessions of a key are lent, and how many idle."""
        with self._changed:
            return self._lent.get(key, 0), len(self._idle.get(key, ()))

    def _remove(self, is_wanted) -> list:
        removed = []
        for key in list(self._idle):
            removed += [idle.session for idle in self._idle[key] if is_wanted(idle)]
            self._idle[key] = [idle for idle in self._idle[key] if not is_wanted(idle)]
            if not self._idle[key]:
                del self._idle[key]
        return removed

    def _give_back(self, key) -> None:
        with self._changed:
            self._free(key)

    def _free(self, key) -> None:
        self._lent[key] -= 1
        if self._lent[key] <= 0:
            # Keys hold digests of credentials: those of changed settings must not pile up.
            del self._lent[key]
        self._changed.notify_all()

    def _arm(self) -> None:
        if self._make_timer is None or self._timer is not None or not self._idle:
            return
        oldest = min(idle.since for idles in self._idle.values() for idle in idles)
        wait = max(oldest + self._idle_seconds - self._clock(), 0.1)
        self._timer = self._make_timer(wait, self._on_time)
        self._timer.daemon = True
        self._timer.start()

    def _on_time(self) -> None:
        try:
            self.close_idle()
        finally:
            with self._changed:
                self._timer = None
                self._arm()
