"""Odoo processes: a server that a test starts and kills, a script in `odoo shell`, a run that ends by itself."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from tools import checkout, environment, odoo_home, postgresql, process
from tools.report import Failure

DATA = checkout.DEV / "data"

# A script's answer is the last line of its output that begins like this; all else it prints is for people.
ANSWER = ("{", "[", '"', "true", "false", "null")


def configuration(cluster=None, addons=True):
    """Write the configuration file for a cluster and return its path.

    Args:
        cluster: a `postgresql.Cluster`; the tests' one when None.
        addons: True puts the addon on the addons path before Odoo's own, False does not; a list
            names other directories.
    """
    checkout.prepare()
    cluster = cluster or postgresql.main_cluster()
    port = cluster.start()
    home = odoo_home.find()
    ours = {True: [checkout.ADDONS], False: []}.get(addons) if isinstance(addons, bool) else list(addons)
    path = ",".join(str(directory) for directory in [*ours, *home.addons])
    DATA.mkdir(exist_ok=True)
    text = (
        "[options]\n"
        f"addons_path = {path}\n"
        f"data_dir = {DATA}\n"
        f"db_host = 127.0.0.1\ndb_port = {port}\ndb_user = {postgresql.USER}\n"
        # PostgreSQL trusts this machine's users here; without a password set Odoo would look for one in the home.
        f"db_password = {postgresql.USER}\n"
        "db_maxconn = 32\n"
        "http_interface = 127.0.0.1\n"
        "max_cron_threads = 0\n"
        "list_db = False\n"
        "with_demo = False\n"
    )
    kind = {True: "gateway", False: "stock"}.get(addons) if isinstance(addons, bool) else checkout.digest(path)[:8]
    file = checkout.DEV / f"{cluster.name}-{kind}.conf"
    if not file.exists() or file.read_text() != text:
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_text(text)
        fresh.replace(file)  # at once: another process may be reading it
    return file


def variables(extra=None):
    """Return the environment of every Odoo process."""
    home = odoo_home.find()
    return process.environment(
        {
            "PYTHONPATH": home.path,
            "PYTHONDONTWRITEBYTECODE": None,  # compiled files make every start after the first faster
            "PYTHONUNBUFFERED": "1",
            "ODOO_RC": None,
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            **(extra or {}),
        }
    )


def command(subcommand, database, *, cluster=None, addons=True):
    """Return the beginning of an Odoo command line: `odoo <subcommand> -c … -d …`."""
    file = configuration(cluster, addons)
    return [environment.python(), str(_program()), subcommand, "-c", str(file), "-d", database]


def _program():
    """Return the path of Odoo's program: a prefork server starts its gevent process by it, and cannot by `-m odoo`."""
    file = checkout.DEV / "bin" / "odoo"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_text("from odoo.cli.command import main\n\nmain()\n")
        fresh.replace(file)  # at once: another process may be starting
    return file


class OdooServer:
    """An Odoo server on a free port of 127.0.0.1, in a process group of its own.

    Args:
        addons: see `configuration()`.
        workers: 0 is the threaded server, more is the prefork one.
        cron: whether scheduled actions run (True: two threads or processes; a number: that many).
        port: HTTP port; a free one when None. It stays the same when the server is started again.
        env: variables to add to the server's environment.
        extra: further command line options.
        cluster: a `postgresql.Cluster`; the tests' one when None.
    """

    def __init__(self, database, *, addons=True, workers=0, cron=False, port=None, env=None, extra=(), cluster=None):
        self.database = database
        self.port = port or process.free_port()
        self.gevent_port = process.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = checkout.LOGS / f"server-{database}-{self.port}.log"
        self.process = None
        self._addons, self._workers, self._cron = addons, workers, cron
        self._env, self._extra, self._cluster = env, tuple(extra), cluster

    @property
    def pid(self):
        """The id of the main process, which is also the id of its group."""
        return self.process.pid if self.process else None

    def start(self, timeout=120):
        """Start the server and return self once the login page answers."""
        line = command("server", self.database, cluster=self._cluster, addons=self._addons) + [
            f"--http-port={self.port}",
            f"--gevent-port={self.gevent_port}",
            f"--workers={self._workers}",
            f"--max-cron-threads={2 if self._cron is True else int(self._cron)}",
            f"--db-filter=^{self.database}$",
            *self._extra,
        ]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                line,
                env=variables(self._env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        limit = time.monotonic() + timeout
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise Failure(f"The Odoo server ended with {self.process.returncode} at once.\n{self.log_tail()}")
            if self._answers():
                return self
            time.sleep(0.1)
        self.kill()
        raise Failure(f"The Odoo server did not answer within {timeout} seconds.\n{self.log_tail()}")

    def stop(self, timeout=30):
        """Ask the server to end, wait for it, and end what is left of its group."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        self.kill()

    def kill(self):
        """SIGKILL the whole group, as a power cut would."""
        kill_group(self.process)

    def log_text(self):
        return self.log_path.read_text(errors="replace")

    def log_tail(self, lines=15):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def _answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/web/login", timeout=30) as page:  # nosec B310 - of our own server
                return page.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()


def kill_group(running):
    """SIGKILL the process group of something that was started in a session of its own; wait for its leader."""
    if running is None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(running.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(10)


def start_script(database, code, *, env=None, cluster=None, addons=True, log=None):
    """Start Python code in a separate `odoo shell` process and return its Popen: for a test that will kill it.

    `code` is a program or the path of one; it finds `env` as usual, and must commit by itself. Output is piped
    (`popen.stdout`, text). The process leads its own group: end it by `kill_group(popen)`.
    """
    file = Path(code) if isinstance(code, Path) else _write(code)
    log = log or checkout.LOGS / f"shell-{database}.log"
    # The shell runs standard input; so that a long program keeps its line numbers, that is one line.
    line = command("shell", database, cluster=cluster, addons=addons) + ["--no-http", f"--logfile={log}"]
    running = subprocess.Popen(
        line,
        env=variables(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    running.stdin.write(f"exec(compile(open({str(file)!r}).read(), {str(file)!r}, 'exec'), globals())\n")
    running.stdin.close()
    running.stdin = None  # `communicate()` must not touch it again
    return running


def start_command(database, name, *options, log, env=None):
    """Start a command that the addon brings (`cli/<name>.py`) and return its Popen; it leads a group of its own."""
    line = command(name, database) + list(options)
    # Odoo looks for commands of addons before it reads the command line.
    found = {"ODOO_RC": str(configuration()), **(env or {})}
    with open(log, "ab") as output:
        return subprocess.Popen(
            line, env=variables(found), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )


def execute(database, code, env=None, timeout=120, *, cluster=None, addons=True, log=None):
    """Run Python code in a separate `odoo shell` process and return what its last printed JSON line says.

    The code finds `env` and `json`-printable answers go out by `print(json.dumps(...))`; it must commit by itself.

    Raises:
        Failure: when the process fails, takes too long, or prints no JSON at all.
    """
    running = start_script(database, code, env=env, cluster=cluster, addons=addons, log=log)
    try:
        output, _nothing = running.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill_group(running)
        raise Failure(f"The script in {database} did not end within {timeout} seconds.") from None
    for line in reversed(output.splitlines()):
        if line.startswith(ANSWER) or line.lstrip("-").isdigit():
            with contextlib.suppress(ValueError):
                answer = json.loads(line)
                if running.returncode:
                    break
                return answer
    tail = "\n".join(output.strip().splitlines()[-25:])
    raise Failure(f"The script in {database} ended with {running.returncode} and without an answer.\n{tail}")


def run(database, options, log, *, addons=True, cluster=None, timeout=1800, env=None, watch=None):
    """Run an Odoo server that ends by itself (`--stop-after-init`), writing its log to a file; return its exit code.

    Args:
        watch: called every second with the log's path, to show progress.
    """
    line = command("server", database, cluster=cluster, addons=addons) + [
        f"--http-port={process.free_port()}",
        f"--gevent-port={process.free_port()}",
        "--stop-after-init",
        *options,
    ]
    with open(log, "wb") as output:
        running = subprocess.Popen(
            line, env=variables(env), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    limit = time.monotonic() + timeout
    try:
        while running.poll() is None:
            if time.monotonic() > limit:
                raise Failure(f"Odoo did not end within {timeout} seconds; see {log}.")
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(1)
            if watch:
                watch(Path(log))
    finally:
        if running.poll() is None:
            kill_group(running)
    return running.returncode


def _write(code):
    """Put a program into a file: tracebacks then show its lines."""
    directory = checkout.DEV / "scripts"
    directory.mkdir(exist_ok=True)
    for old in directory.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if old.stat().st_mtime < time.time() - 3600:
                old.unlink()
    with tempfile.NamedTemporaryFile("w", suffix=".py", dir=directory, delete=False) as file:
        file.write(code)
    return Path(file.name)
