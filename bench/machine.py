"""What the figures depend on: the machine and the versions."""

import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from tools import checkout, dovecot, postgresql, process


def facts():
    """Return (name, value) pairs that describe this machine and what runs on it; nothing that names it."""
    from tools import odoo_home

    return (
        ("processor", f"{_processor()}, {os.cpu_count()} cores"),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"),
        ("disk", f"{_sync_ms():.2f} ms to write and sync 8 kB, median: what `fsync` adds to a commit"),
        ("load before the first round", f"{os.getloadavg()[0]:.2f}"),
        ("system", f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}"),
        ("Odoo", odoo_home.find().origin),
        ("PostgreSQL", _version([postgresql.find_binaries() / "postgres", "--version"]).split()[2]),
        ("Dovecot", _version([dovecot.PROGRAM, "--version"])),
        ("gateway", f"commit {_git('rev-parse', '--short', 'HEAD')}{_changes()}"),
    )


def _sync_ms(times=50):
    took = []
    with tempfile.TemporaryFile(dir=checkout.DEV) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(bytes(8192))
            file.flush()
            os.fdatasync(file.fileno())
            took.append(1000 * (time.perf_counter() - began))
    return statistics.median(took)


def _processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(command):
    return process.run(command, f"ask the version of {command[0]}").stdout.strip()


def _changes():
    return ", and changes that are not committed" if _git("status", "--porcelain", *checkout.ADDON_PARTS) else ""


def _git(*words):
    command = ["git", "-c", f"safe.directory={checkout.ROOT}", *words]
    return process.run(command, "ask git", cwd=checkout.ROOT, check=False).stdout.strip()
