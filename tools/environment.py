"""The virtual environment `.dev/venv`: Odoo's dependencies, the addon's and the tools', all of locked versions."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import checkout, debian, odoo_home, process
from tools.report import Failure, Quiet

LOCK = checkout.ROOT / "tools" / "requirements.lock"
INPUTS = (checkout.ROOT / "requirements.txt", checkout.ROOT / "tools" / "requirements.in")
VENV = checkout.DEV / "venv"
PYTHON = VENV / "bin" / "python"

# What Odoo 19's release.py accepts, less 3.10, for which newer releases of some dependencies are not made.
OLDEST, NEWEST = (3, 11), (3, 13)


def python():
    """Return the environment's interpreter, as text; make the environment if there is none."""
    ensure()
    return str(PYTHON)


def ensure(steps=None):
    """Make the environment if it is missing or the lock file changed."""
    steps = steps or Quiet()
    stamp = VENV / "lock"
    wanted = checkout.digest(LOCK)
    if stamp.exists() and stamp.read_text() == wanted and PYTHON.exists():
        return
    with checkout.alone("venv"):
        if stamp.exists() and stamp.read_text() == wanted and PYTHON.exists():
            return
        uv = _uv(steps)
        if not PYTHON.exists():
            shutil.rmtree(VENV, ignore_errors=True)
            process.run([uv, "venv", "-q", "--python", _interpreter(), VENV], "make the virtual environment")
        packages = len(re.findall(r"^[a-z0-9].*==", LOCK.read_text(), re.MULTILINE))
        steps.progress(f"installing {packages} packages")
        _install(uv, PYTHON, LOCK)
        stamp.write_text(wanted)


def lock():
    """Write the lock files anew, from Odoo's metadata, requirements.txt and the tools' own list."""
    uv = _uv(Quiet())
    names = "\n".join(odoo_home.find().requirements()) + "\n"
    odoo = checkout.DEV / "odoo.in"
    odoo.write_text(names)
    for inputs, output in (((odoo, *INPUTS), LOCK), ((STAND_INS_INPUT,), STAND_INS_LOCK), ((AUDIT_INPUT,), AUDIT_LOCK)):
        process.run(
            [uv, "pip", "compile", "-q", "--python", python() if PYTHON.exists() else _interpreter(), "--universal"]
            + ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--upgrade"]
            + [*inputs, "-o", output],
            "lock the dependencies",
            timeout=300,
        )


STAND_INS_INPUT = checkout.ROOT / "tools" / "stand_ins.in"
STAND_INS_LOCK = checkout.ROOT / "tools" / "stand_ins.lock"
AUDIT_INPUT = checkout.ROOT / "tools" / "audit.in"
AUDIT_LOCK = checkout.ROOT / "tools" / "audit.lock"


def ensure_stand_ins(steps=None):
    """Make the second environment, with servers from Python packages, and return its interpreter.

    It is apart from the first one because its packages ask for older versions of common dependencies.
    """
    return _ensure_apart(STAND_INS_LOCK, "stand-in servers", steps)


def ensure_audit(steps=None):
    """Make the environment with the programs that look for known and likely holes; return its interpreter."""
    return _ensure_apart(AUDIT_LOCK, "programs that look for holes", steps)


def _ensure_apart(lock_file, words, steps):
    """Make an environment named after its lock file, and return its interpreter."""
    steps = steps or Quiet()
    place = checkout.DEV / lock_file.stem
    interpreter = place / "bin" / "python"
    stamp = place / "lock"
    wanted = checkout.digest(lock_file)
    with checkout.alone(lock_file.stem):
        if not stamp.exists() or stamp.read_text() != wanted:
            uv = _uv(steps)
            shutil.rmtree(place, ignore_errors=True)
            process.run([uv, "venv", "-q", "--python", _interpreter(), place], f"make the environment of {words}")
            steps.progress(f"installing {words}")
            _install(uv, interpreter, lock_file)
            stamp.write_text(wanted)
    return str(interpreter)


QUEUE_JOB_LOCK = checkout.ROOT / "tools" / "queue_job.lock"
OCA_LOCK = checkout.ROOT / "tools" / "oca.lock"


def ensure_queue_job():
    """Return a directory for PYTHONPATH in which Odoo finds OCA's queue_job; install it if need be."""
    return _ensure_addons(QUEUE_JOB_LOCK)


def ensure_oca():
    """Return a directory for PYTHONPATH in which Odoo finds OCA's addons about mail; install them if need be."""
    return _ensure_addons(OCA_LOCK)


def _ensure_addons(lock_file):
    """Install addons of a lock file into a directory named after it, and return that."""
    place = checkout.DEV / lock_file.stem
    stamp = place / "lock"
    wanted = checkout.digest(lock_file)
    interpreter = python()
    with checkout.alone(lock_file.stem):
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(place, ignore_errors=True)
            _install(_uv(Quiet()), interpreter, lock_file, "--no-deps", "--target", place)
            stamp.write_text(wanted)
    return str(place)


def _install(uv, interpreter, requirements, *options):
    process.run(
        [uv, "pip", "install", "-q", "--python", interpreter, *options, "--require-hashes", "-r", requirements],
        f"install the packages of {requirements.name}",
        timeout=1200,
        # The machine's own authorities count, as for every other program on it; newer and older name of the option.
        env={"UV_HTTP_TIMEOUT": "120", "UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"},
    )


def _interpreter():
    """Return a Python that Odoo 19 accepts; the system's first, so that other users can run it too."""
    names = ["/usr/bin/python3", sys.executable, *(f"python3.{minor}" for minor in (12, 13, 11))]
    for name in names:
        path = shutil.which(name) if name else None
        if not path:
            continue
        code = "import sys; print(*sys.version_info[:2])"
        answer = subprocess.run([path, "-c", code], capture_output=True, text=True, timeout=20, check=False)
        words = answer.stdout.split()
        if len(words) == 2 and OLDEST <= tuple(map(int, words)) <= NEWEST:
            return path
    raise Failure("Odoo 19 needs Python 3.11, 3.12 or 3.13, and none was found. Debian: apt-get install python3")


def _uv(steps):
    """Return the path of `uv`, the installer: the machine's, or one of our own."""
    found = shutil.which("uv")
    # A version manager's shim can be there without the program behind it.
    if found and subprocess.run([found, "--version"], capture_output=True, timeout=20, check=False).returncode == 0:
        return found
    own = checkout.DEV / "uv" / "bin" / "uv"
    if own.exists():
        return str(own)
    steps.progress("getting uv, the installer")
    shutil.rmtree(own.parent.parent, ignore_errors=True)
    interpreter = _interpreter()
    probe = "import venv, ensurepip"
    if subprocess.run([interpreter, "-c", probe], capture_output=True, timeout=20, check=False).returncode:
        debian.install(["python3-venv"], "Python's venv module", steps.progress)
    process.run([interpreter, "-m", "venv", own.parent.parent], "make an environment for uv", timeout=120)
    pip = own.parent / "pip"
    process.run([pip, "install", "-q", "uv>=0.5"], "install uv", timeout=300)
    if not os.access(own, os.X_OK):
        raise Failure(f"uv was installed, but {Path(own)} is not there. Remove {own.parent.parent} and try again.")
    return str(own)
