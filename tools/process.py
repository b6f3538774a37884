"""Running other programs: always with a time limit, and with their own words when they fail."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import tempfile
import time

from tools.report import Failure


def run(command, what, *, timeout=60, env=None, cwd=None, input=None, check=True):
    """Run a program to its end and return the finished process (text output).

    Args:
        what: what the program was doing, for the error ("create the database").
        env: variables to add to this process's environment.
    """
    command = [str(part) for part in command]
    # Into files, not pipes: a server that puts itself into the background keeps a pipe open, and its end never comes.
    as_text = {"mode": "w+", "errors": "replace"}
    with tempfile.TemporaryFile(**as_text) as output, tempfile.TemporaryFile(**as_text) as errors:
        try:
            result = subprocess.run(
                command,
                env=environment(env),
                cwd=cwd,
                input=input,
                stdin=subprocess.DEVNULL if input is None else None,
                stdout=output,
                stderr=errors,
                text=True,
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError:
            raise Failure(f"Could not {what}: the program {command[0]} is not installed.") from None
        except subprocess.TimeoutExpired:
            raise Failure(f"Could not {what}: {command[0]} did not finish within {timeout} seconds.") from None
        output.seek(0)
        errors.seek(0)
        result.stdout, result.stderr = output.read(), errors.read()
    if check and result.returncode:
        words = "\n".join((result.stderr + result.stdout).strip().splitlines()[-12:])
        raise Failure(f"Could not {what}: {command[0]} ended with {result.returncode}.\n{words}")
    return result


def environment(extra=None):
    """Return this process's environment with additions; a value of None takes a variable away."""
    result = dict(os.environ)
    for name, value in (extra or {}).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = str(value)
    return result


def free_port():
    """Return a TCP port that nothing uses now.

    It is taken from below the range that the kernel hands out for outgoing connections, so that a server which is
    stopped and started again on its port does not find some client sitting there.
    """
    for _ in range(200):
        port = random.randrange(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failure("No free TCP port was found between 12000 and 32000 on 127.0.0.1.")


def wait_for_port(port, timeout=20, host="127.0.0.1"):
    """Return True as soon as something accepts connections on the port, False when the time is over."""
    limit = time.monotonic() + timeout
    while time.monotonic() < limit:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return True
        time.sleep(0.03)
    return False


def is_running(pid):
    """Tell whether a process lives; one that has ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def command_line(pid):
    """Return a process's command line as text, empty if it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            return words.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def end(pid, timeout=10):
    """End one process by its id: politely, then by force. Return once it is gone."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            if not is_running(pid):
                return
            time.sleep(0.02)
    raise Failure(f"The process {pid} does not end.")
