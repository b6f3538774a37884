"""`./dev test`: the four suites, and the one line that says what came of them.

engine: without Odoo, in milliseconds.  odoo: the addon's Odoo tests in a fresh database.  system: real server processes
against real mail servers, killed and restarted.  tour: the web client in a real browser.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tools import browser, checkout, debian, environment, odoo_home, odoo_server, postgresql, process, sandbox
from tools.database import Databases
from tools.report import Failure, Steps

SUITES = ("engine", "odoo", "system", "tour")
FOLDERS = {"engine": "tests/engine", "system": "tests/system", "tour": "tests/browser"}
LIMITS = {"engine": 600, "odoo": 2400, "system": 2700, "tour": 2400}

SUMMARY = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests")
RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \d+ (\w+) ")


class Count:
    """Passed, failed and skipped tests."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    @property
    def total(self):
        return self.passed + self.failed + self.skipped


# Words of the Odoo tests' addresses: domains that stand in nothing but mail and settings of mail.
PLANTED = re.compile(r"gateway\.test\b|ngo\.example|exmaple\.com|@example\.com|@remote\.test\b")
# Everything but statements: a suite's are some gigabytes, and tests/system/test_privacy.py looks at those of a server.
LOG_ALL = ("--log-handler=:DEBUG", "--log-handler=odoo.sql_db:INFO")


def test(suites, pattern=None, log_all=False):
    """Run suites, print what failed and the closing line; return the exit code.

    Args:
        log_all: the Odoo tests log at level DEBUG, and an address in their log is a failure.
    """
    suites = [suite for suite in SUITES if suite in suites] or list(SUITES)
    _prepare(suites)
    total = Count()
    for suite in suites:
        began = time.monotonic()
        print(f"== {suite}", file=sys.stderr, flush=True)
        count = _odoo(pattern, log_all) if suite == "odoo" else _plain(suite, pattern)
        if not count.total and not pattern:
            print(f"{suite}: no test was found, which counts as a failure.", flush=True)
            count = Count(failed=1)
        print(f"{suite}: {count} in {time.monotonic() - began:.1f} s", flush=True)
        total += count
    if not total.total:
        print(f"No test matches {pattern!r}.", flush=True)
        total = Count(failed=1)
    print(total, flush=True)
    return 1 if total.failed else 0


def _prepare(suites):
    """Get all that the suites need before the first of them begins."""
    needs_odoo = set(suites) != {"engine"}
    steps = Steps(1 + 2 * needs_odoo + ("system" in suites or "tour" in suites) + ("tour" in suites))
    if needs_odoo:
        steps.next("Odoo 19")
        steps.done(odoo_home.find(steps).origin)
    steps.next("Python packages")
    environment.ensure(steps)
    steps.done()
    if needs_odoo:
        steps.next("PostgreSQL and databases")
        postgresql_ready(steps)
        Databases().template("stock", steps)
        steps.done()
    if "system" in suites or "tour" in suites:
        steps.next("mail servers")
        sandbox.install(steps)
        steps.done()
    if "tour" in suites:
        steps.next("browser")
        browser.install(steps)
        steps.done()


def postgresql_ready(steps, cluster=None):
    """Install PostgreSQL if it is missing, and start a cluster, the tests' one when None."""

    if not postgresql.find_binaries():
        if checkout.is_root():
            debian.install(["postgresql"], "PostgreSQL", steps.progress)
        else:
            steps.progress("getting a PostgreSQL from Python packages")
            environment.ensure_stand_ins(steps)
    (cluster or postgresql.main_cluster()).start()


def _plain(suite, pattern):
    """Run a folder of unittest files in the virtual environment; what fails is printed as it happens."""
    result = checkout.log(suite).with_suffix(".json")
    result.unlink(missing_ok=True)
    command = [environment.python(), "-m", "tools.suite", FOLDERS[suite], "--result", str(result)]
    command += ["-k", pattern] if pattern else []
    variables = {"PYTHONPATH": checkout.ROOT, "PYTHONDONTWRITEBYTECODE": "1", "ODOO_RC": None}
    running = subprocess.Popen(
        command, cwd=checkout.ROOT, env=process.environment(variables), stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        running.wait(LIMITS[suite])
    except subprocess.TimeoutExpired:
        print(f"{suite}: not finished within {LIMITS[suite]} seconds, ended.", flush=True)
    finally:
        if running.poll() is None:
            odoo_server.kill_group(running)
    if not result.exists():
        print(f"{suite}: ended with {running.returncode} and without a result.", flush=True)
        return Count(failed=1)
    return Count(**json.loads(result.read_text()))


def _odoo(pattern, log_all=False):
    """Install the addon in a fresh database with its tests; read the outcome from the log."""
    databases = Databases()
    name = databases.create(f"dev_test_{os.getpid()}", "stock")
    log = checkout.log("odoo-tests")
    try:
        code = odoo_server.run(
            name,
            ["-i", checkout.ADDON, "--test-tags", tags(pattern), *(LOG_ALL if log_all else ())],
            log,
            timeout=LIMITS["odoo"],
            # A test that reads the outside variables of a person's shell is no test.
            env={"PGHOST": None, "PGPORT": None, "PGUSER": None},
        )
    except Failure as failure:
        print(failure, flush=True)
        return Count(failed=1)
    finally:
        databases.drop(name)
    count, problems = outcome(log)
    if code and not count.failed:
        print(f"odoo: the server ended with {code}.", flush=True)
        count += Count(failed=1)
    if count.failed or not count.total:
        print("\n".join(problems), flush=True)
    if log_all:
        found = personal(log)
        print("\n".join([f"  the log holds {len(found)} lines with addresses", *found[:20]]), flush=True)
        count += Count(failed=bool(found), passed=not found)
    records = sum(bool(RECORD.match(line)) for line in problems)
    print(f"  {records} warnings and errors; the whole log: {log.relative_to(checkout.ROOT)}", file=sys.stderr)
    return count


def tags(pattern):
    """Return Odoo's `--test-tags` for a pattern: a file of tests/, a class, or a method."""
    addon = f"/{checkout.ADDON}"
    if not pattern:
        return addon
    if (checkout.ROOT / "tests" / f"{pattern.removesuffix('.py')}.py").exists():
        return f"{addon}/tests/{pattern.removesuffix('.py')}.py"
    return f"{addon}:{pattern}" if pattern[:1].isupper() else f"{addon}:.{pattern}"


def personal(log):
    """Return the lines of a log that hold an address of the tests' mail, each as number and text."""
    with open(log, errors="replace") as lines:
        return [f"{number}: {line.rstrip()[:300]}" for number, line in enumerate(lines, 1) if PLANTED.search(line)]


def outcome(log):
    """Return the counts that an Odoo log tells, and its records of WARNING and above with their tracebacks."""
    text = Path(log).read_text(errors="replace")
    problems, keep = [], False
    for line in text.splitlines():
        record = RECORD.match(line)
        if record:
            keep = record[1] in ("WARNING", "ERROR", "CRITICAL")
        if keep:
            problems.append(line)
    found = SUMMARY.findall(text)
    if not found:
        return Count(), problems
    failed, errors, run = map(int, found[-1])
    skipped = len(re.findall(r" INFO .* skipped .* : ", text))
    failed += errors
    return Count(max(0, run - failed - skipped), failed, skipped), problems
