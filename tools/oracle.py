"""`./dev oracle`: Odoo's own mail tests with the addon installed, compared with the same tests without it.

`--oca` does the same with the tests of OCA's addons about mail, all of them installed together. `--journal` takes what
Odoo's tests of incoming mail process through the journal and the whole pipeline.

Most of these tests run while their own module loads, that is before the addon is there. So a tiny addon is generated in
`.dev/` that depends on Odoo's test addon (and on ours), and offers the same classes again, to run when all is loaded.
The outcome without the addon is kept as long as Odoo stays the same.
"""

import json
import os
import re
import shutil
from pathlib import Path

from tools import checkout, environment, odoo_home, odoo_server
from tools.database import PREFIX, Databases
from tools.report import Failure, Steps
from tools.testing import RECORD, postgresql_ready

ORACLE = "spp_oracle"
MODULES = (
    "odoo.addons.test_mail.tests.test_mail_gateway",
    "odoo.addons.test_mail.tests.test_mail_alias",
    "odoo.addons.test_mail.tests.test_mail_mail",
    "odoo.addons.mail.tests.test_fetchmail",
    "odoo.addons.mail.tests.test_ir_mail_server",
    "odoo.addons.base.tests.test_ir_mail_server",
    "odoo.addons.base.tests.test_ir_mail_server_smtpd",
)

JOURNAL_MODULES = MODULES[:1]

OCA = "mail_tracking,mail_outbound_static,mail_multicompany,mail_post_defer,mail_environment"
OCA_MODULES = (
    "odoo.addons.mail_tracking.tests.test_mail_tracking",
    "odoo.addons.mail_tracking.tests.test_gc_mail_tracking_email",
    "odoo.addons.mail_outbound_static.tests.test_ir_mail_server",
    "odoo.addons.mail_multicompany.tests.test_mail_multicompany",
    "odoo.addons.mail_post_defer.tests.test_install",
    "odoo.addons.mail_post_defer.tests.test_mail",
    "odoo.addons.mail_environment.tests.test_incoming_mail",
    "odoo.addons.mail_environment.tests.test_outgoing_mail",
)

# Tests whose outcome changes on purpose: `Class.test_name  reason`, one a line.
ACCEPTED = checkout.ROOT / "tools" / "oracle_accepted.txt"
ACCEPTED_JOURNAL = checkout.ROOT / "tools" / "oracle_accepted_journal.txt"

MANIFEST = """{{"name": "Odoo's mail tests, run last", "version": "1.0", "license": "LGPL-3", "author": "OpenSPP.org",
 "depends": {depends}}}
"""

TESTS = '''from importlib import import_module

from odoo.tests.common import BaseCase, TransactionCase, tagged

for path in {modules}:
    module = import_module(path)
    for name, original in list(vars(module).items()):
        if isinstance(original, type) and issubclass(original, BaseCase) and original.__module__ == path:
            # Odoo takes only the methods that a class itself defines, not those it inherits.
            own = {{key: value for key, value in vars(original).items() if key.startswith("test") and callable(value)}}
            again = type(name, (original,), {{"__module__": __name__, **own}})
            name = name if name not in globals() else path.split(".")[2] + name  # base and mail share a name
            again.__name__ = again.__qualname__ = name
            globals()[name] = tagged("standard", "post_install", "-at_install", "{oracle}")(again)
del original, again

if {gateway}:

    @tagged("post_install", "-at_install", "{oracle}")
    class TestGatewayIsLoaded(TransactionCase):
        """A comparison of stock with stock would find no difference either."""

        def test_models_are_extended(self):
            for model in ("mail.thread", "fetchmail.server", "ir.mail_server"):
                classes = [c for c in self.env.registry[model].__mro__ if c.__module__.startswith({prefix!r})]
                self.assertTrue(classes, f"{{model}} is not extended by the addon")
'''

STARTED = re.compile(r": Starting (\w+\.\w+) \.\.\.")
# A sub-test is told apart by its parameters, so that one which fails anyway does not hide another.
FAILED = re.compile(r" (?:FAIL|ERROR): (?:Subtest )?((?:\w+\.\w+|setUpClass)(?: [(\[].*)?)$")
SKIPPED = re.compile(r" skipped (\w+\.\w+) : ")


class Suite:
    """Whose tests are run: Odoo's, or those of OCA's addons.

    Attributes:
        addons: what the tests need installed, separated by commas.
        modules: Python modules with the tests.
        kind: part of the names of files and databases.
        journal: take incoming mail through the journal.
    """

    def __init__(self, oca=False, journal=False):
        self.addons, self.modules, self.kind = (OCA, OCA_MODULES, "oca") if oca else ("test_mail", MODULES, "odoo")
        if journal:
            self.modules = JOURNAL_MODULES
        self.journal = journal
        self.env, self._lock = {}, None
        if oca:
            places = environment.ensure_oca(), str(odoo_home.find().path)
            self.env, self._lock = {"PYTHONPATH": os.pathsep.join(places)}, environment.OCA_LOCK

    @property
    def digest(self):
        return checkout.digest(odoo_home.find().digest, Path(__file__), *filter(None, [self._lock]))


def compare(pattern=None, oca=False, journal=False):
    """Run the tests with the addon (and without, once); print what differs; return 1 if anything got worse."""
    steps = Steps(5)
    steps.next("Odoo 19")
    steps.done(odoo_home.find(steps).origin)
    steps.next("Python packages")
    environment.ensure(steps)
    steps.done()
    suite = Suite(oca, journal)
    steps.next("database with OCA's addons" if oca else "database with Odoo's test addon")
    postgresql_ready(steps)
    databases = Databases()
    template = _template(databases, suite, steps)
    steps.done()
    steps.next("without the addon")
    stock = _baseline(databases, template, Suite(oca), steps)
    steps.done(_words(stock))
    steps.next("with the addon")
    gateway = _run(databases, template, suite, True, pattern, steps)
    steps.done(_words(gateway))
    return _report(stock, gateway, complete=not pattern and not journal, journal=journal)


def _report(stock, gateway, complete, journal):
    accepted = {}
    for path in (ACCEPTED, *([ACCEPTED_JOURNAL] if journal else [])):
        for line in path.read_text().splitlines():
            name, _space, reason = line.partition("  ")  # the name of a sub-test holds single spaces
            if name and not name.startswith("#"):
                accepted[name] = reason.strip()
    worse = better = known = 0
    if complete:  # a test that did not even begin is a difference too
        unseen = {test: ["passed" if " " in test else "not run", ""] for test in stock}
        gateway = {**unseen, **gateway}
    for test, (outcome, text) in sorted(gateway.items()):
        is_part = " " in test or "GatewayIsLoaded" in test  # only a part that failed is noted at all
        before = stock.get(test, ["passed" if is_part else "not run", ""])[0]
        if outcome == before:
            continue
        if outcome == "passed":
            better += 1
        elif test in accepted:
            known += 1
        else:
            worse += 1
        print(f"\n{test}: {before} without the addon, {outcome} with it")
        if test in accepted:
            print(f"  accepted: {accepted[test]}")
        elif text:
            print("\n".join("  " + line for line in text.splitlines()))
    print(
        f"\noracle: {len(gateway)} tests and failing parts of tests, "
        f"{len(gateway) - worse - better - known} as without the addon, "
        f"{worse} worse, {known} changed on purpose, {better} better"
    )
    return 1 if worse or not gateway else 0


def _template(databases, suite, steps):
    """Return the name of a database with what the tests need."""
    if suite.kind == "odoo":
        name = f"{PREFIX}template_oracle_{odoo_home.find().digest[:8]}"
        if not databases.exists(name):
            databases.install(name, suite.addons, databases.template("stock", steps), addons=False, steps=steps)
        return name
    name = f"{PREFIX}template_oracle_oca_{suite.digest[:8]}"
    if not databases.exists(name):
        working = databases.create(f"{PREFIX}making_oca_{os.getpid()}", "stock", steps)
        try:
            databases.add(working, suite.addons, addons=False, env=suite.env, steps=steps)
            databases.create(name, working)
        finally:
            databases.drop(working)
    return name


def _baseline(databases, template, suite, steps):
    kept = checkout.DEV / f"oracle-{suite.kind}-{suite.digest}.json"
    if not kept.exists():
        outcomes = _run(databases, template, suite, False, None, steps)
        if not outcomes:
            raise Failure(f"Odoo ran none of its own tests; see {checkout.LOGS}/oracle-stock-….log")
        kept.write_text(json.dumps(outcomes))
    return json.loads(kept.read_text())


def _run(databases, template, suite, gateway, pattern, steps):
    """Run the tests in a fresh database; return `{test: [outcome, failure text]}`."""
    name = databases.create(f"{PREFIX}oracle_{os.getpid()}", template)
    log = checkout.log(f"oracle-{'gateway' if gateway else 'stock'}")
    modules = f"{checkout.ADDON},{ORACLE}" if gateway else ORACLE
    tags = f"/{ORACLE}" + (f":{pattern}" if pattern else "")
    try:
        odoo_server.run(
            name,
            ["-i", modules, "--test-tags", tags],
            log,
            addons=[*([checkout.ADDONS] if gateway else []), _generate(suite, gateway)],
            env=suite.env,
            watch=lambda path: steps.progress(f"{path.read_text(errors='replace').count(': Starting ')} tests begun"),
        )
    finally:
        databases.drop(name)
    return _outcomes(log)


def _generate(suite, gateway):
    """Write the addon that offers Odoo's tests again; return the directory for the addons path."""
    parts = ["oracle_addons", suite.kind, *(["journal"] if suite.journal else []), "gateway" if gateway else "stock"]
    directory = checkout.DEV / "_".join(parts)
    tests = directory / ORACLE / "tests"
    tests.mkdir(parents=True, exist_ok=True)
    depends = [*suite.addons.split(","), *([checkout.ADDON] if gateway else [])]
    if suite.journal and gateway:
        (directory / ORACLE / "__init__.py").write_text("from . import oracle_journal\n")
        shutil.copy(checkout.ROOT / "tools" / "oracle_journal.py", directory / ORACLE)
    else:
        (directory / ORACLE / "__init__.py").write_text("")
    (directory / ORACLE / "__manifest__.py").write_text(MANIFEST.format(depends=json.dumps(depends)))
    (tests / "__init__.py").write_text("from . import test_again\n")
    (tests / "test_again.py").write_text(
        TESTS.format(modules=suite.modules, oracle=ORACLE, gateway=gateway, prefix=f"odoo.addons.{checkout.ADDON}")
    )
    return directory


def _outcomes(log):
    """Read the outcome of every test from an Odoo log."""
    outcomes, current, text = {}, None, []
    for line in log.read_text(errors="replace").splitlines():
        record = RECORD.match(line)
        if record and current:
            outcomes[current] = ["failed", "\n".join(text).strip()]
            if current.partition(" ")[0] in outcomes:
                outcomes[current.partition(" ")[0]][0] = "failed"
            current = None
        if not record:
            text.append(line)
        elif found := STARTED.search(line):
            outcomes.setdefault(found[1], ["passed", ""])
        elif found := SKIPPED.search(line):
            outcomes[found[1]] = ["skipped", ""]
        elif record[1] == "ERROR" and (found := FAILED.search(line)):
            current, text = found[1], []
    return outcomes


def _words(outcomes):
    tests = {test: outcome for test, (outcome, _text) in outcomes.items() if " " not in test}
    return f"{len(tests)} tests, {list(tests.values()).count('failed')} failed"
