"""Where things are: this checkout, its ignored folder `.dev/`, and the addon's name.

Odoo takes an addon's technical name from its directory, and a checkout can be called anything. So `.dev/addons/` holds
a link called `spp_email_gateway` to the checkout, and that folder is what Odoo gets as its addons path.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from pathlib import Path

ADDON = "spp_email_gateway"
ROOT = Path(__file__).resolve().parent.parent
DEV = ROOT / ".dev"
LOGS = DEV / "log"
ADDONS = DEV / "addons"

# A user that exists on every Linux and owns nothing: what must not run as root runs as this one.
NOBODY = 65534

# What the server loads: a change anywhere else does not make a database out of date.
ADDON_PARTS = ("__init__.py", "__manifest__.py", "hooks.py", "engine", "models", "wizards", "controllers")
ADDON_PARTS += ("views", "security", "data")


def prepare():
    """Make the ignored folder and the addon's link; return nothing. Safe to call at any time."""
    for directory in (DEV, LOGS, ADDONS):
        directory.mkdir(parents=True, exist_ok=True)
    link = ADDONS / ADDON
    if not link.is_symlink() or link.resolve() != ROOT:
        link.unlink(missing_ok=True)
        with contextlib.suppress(FileExistsError):  # another `./dev` was quicker
            link.symlink_to("../..")


def is_root():
    return os.geteuid() == 0


def state(name):
    """Return the directory `.dev/<name>` for a server's files, made if missing.

    Servers started by root give up root's rights, so they cannot enter a checkout that lies in a closed home. Then the
    directory is made under /var/tmp and `.dev/<name>` links to it.
    """
    prepare()
    directory = DEV / name
    if not is_root() or all(parent.stat().st_mode & 0o001 for parent in (DEV, *DEV.parents)):
        directory.mkdir(parents=True, exist_ok=True)
        return directory
    of_this_checkout = hashlib.sha256(str(DEV).encode()).hexdigest()[:12]
    outside = Path("/var/tmp") / f"{ADDON}-{of_this_checkout}" / name  # nosec B108 - for root only, of the tools
    outside.mkdir(parents=True, exist_ok=True)
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.unlink(missing_ok=True)
        directory.symlink_to(outside)
    return outside


def log(name):
    """Return a log file of this process; logs of earlier days are removed."""
    prepare()
    for old in LOGS.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if old.stat().st_mtime < time.time() - 86_400:
                old.unlink()
    return LOGS / f"{name}-{os.getpid()}.log"


def clear(directory):
    """Remove everything inside a directory that `state()` gave, and keep the directory."""
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def digest(*parts):
    """Return a short digest of strings and of the files below paths: the key under which a made thing is cached."""
    total = hashlib.sha256()
    for part in parts:
        if not isinstance(part, Path):
            total.update(str(part).encode() + b"\0")
            continue
        files = [part] if part.is_file() else sorted(part.rglob("*")) if part.is_dir() else []
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                total.update(str(file.relative_to(part.parent)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def addon_digest():
    """Return the digest of the files that a database with the addon depends on."""
    return digest(*(ROOT / part for part in ADDON_PARTS))


@contextlib.contextmanager
def alone(name):
    """Hold a lock of this checkout, so that two `./dev` at once do not make the same thing twice."""
    prepare()
    with open(DEV / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
