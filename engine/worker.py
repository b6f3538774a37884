# Part of OpenSPP. See LICENSE file for full copyright and licensing details.
"""Which worker has a claim, and whether it is still alive, as far as this machine can tell."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Worker:
    """One thread of one process of one machine.

    Attributes:
        host: its name, for people.
        process: process id.
        machine: digest of the running system and its process table: two containers of one name differ in it.
        began: when the process began, in ticks of its system: process ids are used again.
        thread: thread id.
    """

    host: str
    process: int
    machine: str
    began: str
    thread: int

    def __str__(self) -> str:
        return f"{self.host}:{self.process}:{self.machine}:{self.began}:{self.thread}"

    @classmethod
    def parse(cls, text: str) -> Worker | None:
        """Return the worker whose ``str`` this is, None for anything else."""
        parts = text.rsplit(":", 4)
        if len(parts) != 5 or not (parts[1].isdigit() and parts[4].isdigit()):
            return None
        return cls(parts[0], int(parts[1]), parts[2], parts[3], int(parts[4]))


def this_worker(proc: Path = _PROC) -> Worker:
    return Worker(socket.gethostname(), os.getpid(), _machine(proc), _began(os.getpid(), proc), threading.get_ident())


def is_dead(owner: str, proc: Path = _PROC) -> bool:
    """Return whether the process of ``owner`` has ended for sure. False for workers of other machines."""
    worker = Worker.parse(owner)
    machine = _machine(proc)
    if worker is None or not machine or worker.machine != machine:
        return False
    return _began(worker.process, proc) != worker.began


def _machine(proc: Path) -> str:
    """Return "" where there is no /proc: then nothing is known about other processes."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text()
        table = os.readlink(proc / "self/ns/pid")
    except OSError:
        return ""
    return hashlib.sha256(f"{boot}{table}".encode()).hexdigest()[:8]


def _began(process: int, proc: Path) -> str:
    try:
        stat = (proc / str(process) / "stat").read_text()
    except OSError:
        return ""
    # proc(5): field 22, counted behind the command's name, which may hold anything but ends with the last bracket.
    fields = stat.rpartition(")")[2].split()
    # A zombie works on nothing any more: its parent has not asked for it yet.
    return "" if fields[0] in ("Z", "X") else fields[19]
