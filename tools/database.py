"""Databases to test with: copies of cached templates, in a second instead of a minute.

Two templates are kept. `stock` has Odoo's mail and crm. `gateway` is a copy of it with the addon installed. Each is
made when first asked for, and again when what it was made from has changed: Odoo for both, the addon's files for the
second. A test that wants more installs it in its own copy, by `add`.
"""

import contextlib
import os
import shutil

from tools import checkout, odoo_home, odoo_server, postgresql, process
from tools.report import Failure, Quiet

MODULES = "mail,crm"
PREFIX = "dev_"


class Databases:
    """The databases of one cluster.

    Args:
        cluster: a `postgresql.Cluster`; the tests' one when None.
    """

    def __init__(self, cluster=None):
        self.cluster = cluster or postgresql.main_cluster()

    def create(self, name, template="gateway", steps=None):
        """Make database `name` as a fresh copy of a template (`stock`, `gateway`, or any database); return the name.

        A database of that name is dropped first.
        """
        source = self.template(template, steps) if template in ("stock", "gateway") else template
        self.drop(name)
        self._copy(source, name)
        return name

    def drop(self, name):
        """Drop a database with its filestore, whoever is connected. One that does not exist is no error."""
        self._program("dropdb", "--if-exists", "--force", name)
        shutil.rmtree(self._filestore(name), ignore_errors=True)

    def exists(self, name):
        return name in self.names()

    def names(self):
        words = self._program("psql", "-d", "postgres", "-Atc", "SELECT datname FROM pg_database").stdout
        return words.split()

    def users(self):
        """Return how many clients are connected to the cluster now."""
        query = "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'"
        return int(self._program("psql", "-d", "postgres", "-Atc", query).stdout)

    def connect(self, name):
        """Return a psycopg2 connection to a database (needs the virtual environment's Python)."""
        import psycopg2

        variables = self.cluster.environment
        return psycopg2.connect(
            host=variables["PGHOST"],
            port=variables["PGPORT"],
            user=variables["PGUSER"],
            dbname=name,
            connect_timeout=10,
        )

    def template(self, kind, steps=None):
        """Return the name of an up-to-date template, making it if need be."""
        steps = steps or Quiet()
        odoo = odoo_home.find().digest
        if kind == "stock":
            name = f"{PREFIX}template_stock_{odoo[:8]}"
            with checkout.alone(f"{self.cluster.name}-stock"):
                if not self.exists(name):
                    steps.progress("installing Odoo's mail and crm")
                    self.install(name, MODULES, None, addons=False, steps=steps)
                    self._drop_older(f"{PREFIX}template_stock_", name)
            return name
        stock = self.template("stock", steps)
        name = f"{PREFIX}template_gateway_{checkout.digest(odoo, checkout.addon_digest())[:12]}"
        with checkout.alone(f"{self.cluster.name}-gateway"):
            if not self.exists(name):
                steps.progress(f"installing {checkout.ADDON}")
                self.install(name, checkout.ADDON, stock, addons=True, steps=steps)
                self._drop_older(f"{PREFIX}template_gateway_", name)
        return name

    def install(self, name, modules, source, *, addons, steps):
        """Make database `name` with modules installed, from nothing or as a copy of `source`.

        It is made under a working name, and gets its own only when everything went well.
        """
        working = f"{PREFIX}making_{name[-12:]}_{os.getpid()}"
        self.drop(working)
        if source:
            self._copy(source, working)
        else:
            self._program("createdb", "-T", "template0", "-E", "UTF8", working)
        try:
            self.add(working, modules, addons=addons, steps=steps)
        except Failure:
            self.drop(working)
            raise
        self._program("psql", "-d", "postgres", "-qc", f'ALTER DATABASE "{working}" RENAME TO "{name}"')
        self._bind(name)
        shutil.rmtree(self._filestore(name), ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            self._filestore(working).rename(self._filestore(name))

    def add(self, name, modules, *, addons=True, env=None, steps=None):
        """Install more modules in database `name`.

        Args:
            modules: names, separated by commas.
            env: variables of the Odoo process, such as PYTHONPATH for addons from Python packages.
        """
        steps = steps or Quiet()
        log = checkout.LOGS / f"install-{name}.log"
        code = odoo_server.run(
            name,
            ["-i", modules],
            log,
            addons=addons,
            cluster=self.cluster,
            timeout=900,
            env=env,
            watch=lambda path: steps.progress(f"installing {modules}: {_last_module(path)}"),
        )
        lines = log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if " ERROR " in line or " CRITICAL " in line]
        if code or errors or not self._is_installed(name, modules):
            tail = "\n".join([*errors[:3], *lines[-15:]])
            raise Failure(f"{modules} could not be installed; the whole log is {log}.\n{tail}")

    def _is_installed(self, name, modules):
        query = "SELECT name FROM ir_module_module WHERE state = 'installed'"
        installed = self._program("psql", "-d", name, "-Atc", query).stdout.split()
        return set(modules.split(",")) <= set(installed)

    def _drop_older(self, prefix, newest):
        for name in self.names():
            if name.startswith(prefix) and name != newest:
                self.drop(name)

    def _copy(self, source, name):
        self._program("createdb", "-T", source, name)
        self._bind(name)
        # Odoo never changes a file of its filestore, it only adds and removes: a hard link is as good as a copy.
        if self._filestore(source).is_dir():
            shutil.copytree(self._filestore(source), self._filestore(name), copy_function=os.link, dirs_exist_ok=True)

    def _bind(self, name):
        """Let a copy send and read as its original would: the addon holds the mail of a database with another name."""
        statement = (
            "DO $$ BEGIN IF to_regclass('spp_email_binding') IS NOT NULL THEN"
            " UPDATE spp_email_binding SET database_name = current_database(); END IF; END $$"
        )
        self._program("psql", "-d", name, "-qc", statement)

    def _filestore(self, name):
        return odoo_server.DATA / "filestore" / name

    def _program(self, program, *arguments):
        binaries = postgresql.find_binaries()
        return process.run(
            [binaries / program, *arguments],
            f"run {program} for {arguments[-1] if program != 'psql' else arguments[1]}",
            timeout=120,
            env=self.cluster.environment,
        )


def _last_module(log):
    """Return the module that Odoo is loading, by its log."""
    for line in reversed(log.read_text(errors="replace").splitlines()):
        if " Loading module " in line:
            return line.rpartition(" Loading module ")[2]
    return "starting"
