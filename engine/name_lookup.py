# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Host names looked up by the system, within a time: the C library knows no limit, and cannot be interrupted.

The system's own lookup is kept (and not a DNS library's) because it alone knows /etc/hosts, search domains, and what
else the machine is set up to ask. It runs in a thread that is waited for, and at most LOOKUPS_AT_ONCE of them exist:
one that hangs ends when the C library gives up (resolv.conf: timeout × attempts × servers), and until then others who
want the same name wait for the same answer instead of starting another.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable

LOOKUPS_AT_ONCE = 8
LOOKUP_SECONDS = 10.0


class _Pending:
    """A lookup under way. `answer` is a list or an exception once `done` is set."""

    def __init__(self):
        self.done = threading.Event()
        self.answer: list | BaseException | None = None


class NameLookup:
    """Looks up host names like ``socket.getaddrinfo``, with a limit of time. One for a process; threads may share it.

    Args:
        at_once: lookups that may be under way.
        getaddrinfo: replaces the system's.
    """

    def __init__(self, at_once: int = LOOKUPS_AT_ONCE, getaddrinfo: Callable | None = None):
        self._at_once = at_once
        self._getaddrinfo = getaddrinfo
        self.forget()

    def forget(self) -> None:
        """Forget all lookups: in a forked child their threads do not exist."""
        self._changed = threading.Condition()
        self._pending: dict[tuple, _Pending] = {}

    @property
    def pending(self) -> int:
        """How many lookups are under way."""
        with self._changed:
            return len(self._pending)

    def addresses(self, host: str, port: int, *, timeout: float = LOOKUP_SECONDS) -> list[tuple]:
        """Return the addresses of a host for TCP, as ``getaddrinfo`` does.

        Args:
            timeout: seconds after which the answer is not waited for any more.

        Raises:
            socket.gaierror: the name is unknown; EAI_AGAIN where nobody answered in time.
            OSError, UnicodeError: as ``getaddrinfo``.
        """
        ask = self._getaddrinfo or socket.getaddrinfo
        try:
            # An address, however it is spelled, is no question to anybody.
            return ask(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror as error:
            if error.errno != socket.EAI_NONAME:
                raise
        end = time.monotonic() + timeout
        pending = self._join((host, port), ask, timeout)
        if not pending.done.wait(max(end - time.monotonic(), 0)):
            raise _too_late()
        if isinstance(pending.answer, BaseException):
            # Not the object itself: several threads may be about to raise it.
            raise type(pending.answer)(*pending.answer.args)
        return pending.answer

    def own_name(self, *, timeout: float = LOOKUP_SECONDS) -> str:
        """Return this machine's full name, "" where nobody said it in time."""
        pending = self._join(("", 0), lambda *_key, **_options: socket.getfqdn(), timeout)
        return pending.answer if pending.done.wait(timeout) and isinstance(pending.answer, str) else ""

    def _join(self, key, ask, timeout) -> _Pending:
        """Return the lookup of this name that is under way, or begin one."""

        def has_place():
            return key in self._pending or len(self._pending) < self._at_once

        with self._changed:
            if not self._changed.wait_for(has_place, timeout):
                raise _too_late()
            pending = self._pending.get(key)
            if pending is None:
                pending = _Pending()
                task = {"target": self._look_up, "args": (ask, key, pending)}
                threading.Thread(**task, name="name-lookup", daemon=True).start()
                self._pending[key] = pending
        return pending

    def _look_up(self, ask, key, pending):
        try:
            pending.answer = ask(*key, type=socket.SOCK_STREAM)
        except Exception as error:  # noqa: BLE001 - it is raised again where the answer is awaited
            pending.answer = error
        finally:
            with self._changed:
                if self._pending.get(key) is pending:
                    del self._pending[key]
                self._changed.notify_all()
            pending.done.set()


def _too_late() -> socket.gaierror:
    return socket.gaierror(socket.EAI_AGAIN, "no answer in time")


LOOKUP = NameLookup()
os.register_at_fork(after_in_child=LOOKUP.forget)
