# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Many mailboxes read at once: a thread each for the network, and one queue of what they ask their owner for.

The owner has the database. It answers one request after the other; a thread whose request waits reads no further, so
that never more than a batch of each thread (engine.reading.BATCH_BYTES, or one larger message) lies in memory.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from .connection import Connection, Dial, PlainSocket, dial
from .errors import GatewayError
from .reading import Reading
from .reading_request import ReadingResult

# Odoo limits virtual memory, and each thread reserves some (an arena of malloc besides its stack): of a whole process,
# whatever the number of its databases and runs.
MOST_THREADS = 8
# A server that sent something so lately is still sending.
RECEIVING_SECONDS = 2.0
_slots = threading.BoundedSemaphore(MOST_THREADS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A thread waits for the answer to a request of engine.reading."""

    key: Hashable
    request: Any


@dataclass(frozen=True, slots=True)
class Ended:
    """A thread is done: with a result, or with the exception that ended it."""

    key: Hashable
    result: ReadingResult | None = None
    error: Exception | None = None


class _Line:
    """The way to one server, which another thread may cut."""

    def __init__(self, dial: Dial):
        self.received = -math.inf
        self._dial = dial
        self._lock = threading.Lock()
        self._end: PlainSocket | None = None
        self._is_cut = False

    def dial(self, connection: Connection) -> PlainSocket:
        sock = self._dial(connection)
        with self._lock:
            if self._is_cut:
                sock.close()
                raise GatewayError("The reading was given up.", phase="connect")
            self._drop()
            sock.on_data = self._note
            # Of our own: TLS takes the socket that was given to it away.
            self._end = sock.dup()
        return sock

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            if self._end is not None:
                try:
                    self._end.shutdown(2)  # both ways: whoever reads from it wakes up
                except OSError:
                    return  # the server was faster

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _note(self) -> None:
        self.received = time.monotonic()

    def _drop(self) -> None:
        if self._end is not None:
            self._end.close()
            self._end = None


class _Reader(threading.Thread):
    """Runs one engine.reading generator."""

    def __init__(self, key: Hashable, make: Callable[[Dial], Reading], events: queue.SimpleQueue, dial: Dial):
        super().__init__(name="email-reading", daemon=True)
        self.key = key
        self.heard = time.monotonic()
        self.answers: queue.SimpleQueue = queue.SimpleQueue()
        self.is_left = False
        self.is_waiting = False
        self._make, self._events = make, events
        self._line = _Line(dial)

    def run(self) -> None:
        reading, ended = None, None
        try:
            reading = self._make(self._line.dial)
            ended = Ended(self.key, result=self._converse(reading))
        except Exception as error:  # noqa: BLE001 - whatever it is, the owner gets it
            ended = Ended(self.key, error=error)
        finally:
            self._line.close()
            _slots.release()
            if not self.is_left:
                self._events.put(ended or Ended(self.key, error=RuntimeError("the reading was interrupted")))

    def _converse(self, reading: Reading) -> ReadingResult:
        act = reading.send
        answer: Any = None
        while True:
            try:
                request = act(answer)
            except StopIteration as end:
                return end.value
            self.heard = time.monotonic()
            if not self.is_left:
                self.is_waiting = True
                self._events.put(Asked(self.key, request))
                act, answer = self.answers.get()
                self.heard = time.monotonic()
                self.is_waiting = False
            if self.is_left:
                # Ends the session with the server too.
                reading.close()
                raise GatewayError("The reading was given up.")
            act = reading.throw if act == "throw" else reading.send

    def is_receiving(self) -> bool:
        return not self.is_waiting and time.monotonic() - self._line.received < RECEIVING_SECONDS

    def leave(self) -> None:
        """Nobody waits for it any more: it ends as soon as it can, and says nothing more."""
        self.is_left = True
        self._line.cut()
        self.answers.put(("send", None))


class ParallelReading:
    """The threads of one run. Used in a ``with`` block by one thread, which leaves behind what is not done at its end.

    Args:
        dial: opens sockets.
    """

    def __init__(self, *, dial: Dial = dial):
        self._dial = dial
        self._events: queue.SimpleQueue = queue.SimpleQueue()
        self._readers: dict[Hashable, _Reader] = {}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.leave()

    def __len__(self) -> int:
        return len(self._readers)

    def has_room(self) -> bool:
        """Whether the process has a thread to spare just now."""
        if not _slots.acquire(blocking=False):
            return False
        _slots.release()
        return True

    def start(self, key: Hashable, make: Callable[[Dial], Reading]) -> bool:
        """Begin to read; return False when the process has no thread to spare.

        Args:
            make: called in the thread, with a `dial` whose sockets can be closed from here; returns the generator.
        """
        if not _slots.acquire(blocking=False):
            return False
        reader = self._readers[key] = _Reader(key, make, self._events, self._dial)
        try:
            reader.start()
        except RuntimeError:
            # No memory for another thread.
            del self._readers[key]
            _slots.release()
            return False
        return True

    def is_asked(self) -> bool:
        """Whether `next` would return something at once."""
        return not self._events.empty()

    def next(self, seconds: float) -> Asked | Ended | None:
        """What comes next, None when nothing does within `seconds`."""
        try:
            event = self._events.get(timeout=seconds) if seconds > 0 else self._events.get_nowait()
        except queue.Empty:
            return None
        if isinstance(event, Ended):
            del self._readers[event.key]
        return event

    def answer(self, key: Hashable, answer: Any) -> None:
        self._readers[key].answers.put(("send", answer))

    def fail(self, key: Hashable, error: Exception) -> None:
        """Answer a request by an exception, which the generator gets; it comes back in the Ended."""
        self._readers[key].answers.put(("throw", error))

    def silence(self, key: Hashable) -> float:
        """For how many seconds the mail server of a reading has kept us waiting; 0 while it is we who let it wait."""
        reader = self._readers[key]
        return 0.0 if reader.is_waiting else time.monotonic() - reader.heard

    def is_receiving(self, key: Hashable) -> bool:
        """Whether the mail server of a reading is sending something just now."""
        return self._readers[key].is_receiving()

    def leave(self) -> dict[Hashable, threading.Thread]:
        """Give up all that is not done: sockets are closed, threads end by themselves. Return them by key.

        Nobody waits for them: a thread that asks the DNS cannot be hurried.
        """
        left, self._readers = self._readers, {}
        for reader in left.values():
            reader.leave()
        return left
