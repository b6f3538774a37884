"""A private PostgreSQL: its own data, its own port on 127.0.0.1, user `odoo`, no password."""

import contextlib
import os
import shutil
from pathlib import Path

from tools import checkout, process
from tools.report import Failure

USER = "odoo"

# The test cluster may lose everything in a power cut: its databases are copies of templates that can be made again.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def find_binaries():
    """Return the directory of PostgreSQL's programs, the newest of this machine, or None."""

    def version(directory):
        return float(directory.parent.name) if directory.parent.name.replace(".", "", 1).isdigit() else 0.0

    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version)
    for directory in reversed(debian):
        if (directory / "initdb").exists():
            return directory
    found = shutil.which("initdb")
    if found and (Path(found).resolve().parent / "pg_ctl").exists():
        return Path(found).resolve().parent
    bundled = sorted(checkout.DEV.glob("stand_ins/**/bin/initdb"))
    return bundled[0].parent if bundled else None


class Cluster:
    """One PostgreSQL data directory and its server.

    Args:
        name: folder below `.dev/`.
        durable: False trades safety against power cuts for speed. A killed *Odoo* never loses a commit either way.
    """

    def __init__(self, name="postgresql", durable=False):
        self.name = name
        self.durable = durable
        self.directory = checkout.DEV / name
        self.data = self.directory / "data"

    @property
    def port(self):
        """The port of the running server, or None."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return int(lines[3]) if process.is_running(int(lines[0])) else None
        except (OSError, IndexError, ValueError):
            return None

    @property
    def pid(self):
        """The process id of the running server, whose children serve the connections, or None."""
        try:
            return int((self.data / "postmaster.pid").read_text().splitlines()[0]) if self.port else None
        except (OSError, IndexError, ValueError):
            return None

    @property
    def environment(self):
        """What PostgreSQL's own programs and psycopg2 need to reach this server."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.start()), "PGUSER": USER, "PGPASSWORD": None}

    def start(self):
        """Make the cluster if it is not there, start it if it does not run, and return its port."""
        if self.port:
            return self.port
        with checkout.alone(self.name):
            if self.port:
                return self.port
            binaries = find_binaries()
            if not binaries:
                raise Failure("PostgreSQL is missing. Install it (Debian: apt-get install postgresql), then try again.")
            self.directory = checkout.state(self.name)
            self.data = self.directory / "data"
            self._make(binaries)
            port = self._choose_port()
            settings = {
                "port": port,
                "listen_addresses": "127.0.0.1",
                "unix_socket_directories": "",
                "shared_buffers": "256MB",
                "max_connections": "200",
                **({} if self.durable else FORGETFUL),
            }
            words = " ".join(f"-c {key}={value!r}" for key, value in settings.items())
            command = [binaries / "pg_ctl", "-D", self.data, "-l", self.directory / "log", "-o", words]
            self._as_owner([*command, "-w", "-t", "60", "start"], "start PostgreSQL")
        if not self.port:
            raise Failure(f"PostgreSQL does not run; see {self.directory / 'log'}.")
        return self.port

    def stop(self):
        """Stop the server if it runs. The data stay."""
        if self.port:
            self._as_owner(
                [find_binaries() / "pg_ctl", "-D", self.data, "-m", "fast", "-w", "-t", "60", "stop"], "stop PostgreSQL"
            )

    def _choose_port(self):
        """Return the port of the last time if it is still free: command lines that people wrote down stay valid."""
        note = self.directory / "port"
        port = int(note.read_text()) if note.exists() else 0
        if not port or process.wait_for_port(port, timeout=0.1):
            port = process.free_port()
            note.write_text(str(port))
        return port

    def _make(self, binaries):
        if (self.data / "PG_VERSION").exists():
            made_by = (self.data / "PG_VERSION").read_text().strip()
            words = process.run([binaries / "postgres", "--version"], "ask PostgreSQL's version").stdout
            if f" {made_by}" in words:
                return
            # The machine's PostgreSQL was upgraded: the databases here can be made again, so no dump and restore.
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True)
        if checkout.is_root():
            for path in (self.directory, self.data):
                os.chown(path, checkout.NOBODY, checkout.NOBODY)
        self._as_owner(
            [binaries / "initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"],
            "make the PostgreSQL cluster",
        )

    def _as_owner(self, command, what):
        """Run one of PostgreSQL's programs; it refuses to be root, so root becomes nobody for it."""
        prefix = []
        if checkout.is_root():
            identity = str(checkout.NOBODY)
            prefix = ["setpriv", f"--reuid={identity}", f"--regid={identity}", "--clear-groups"]
        # LC_ALL: a locale named by the caller's environment may not exist on this machine.
        variables = {"LC_ALL": "C.UTF-8", "TZ": "UTC"} | {
            name: None for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE")
        }
        with contextlib.suppress(PermissionError):
            (self.directory / "log").touch()
            if checkout.is_root():
                os.chown(self.directory / "log", checkout.NOBODY, checkout.NOBODY)
        return process.run([*prefix, *command], what, timeout=90, env=variables, cwd="/")


def main_cluster():
    """The cluster of tests, benches and the oracle."""
    return Cluster("postgresql", durable=False)


def demonstration_cluster():
    """The cluster of `./dev run`, set up as a person would run PostgreSQL."""
    return Cluster("postgresql-run", durable=True)
