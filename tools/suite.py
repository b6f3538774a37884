"""Run a folder of plain unittest files without Odoo: `python -m tools.suite tests/engine [-k PATTERN] [--result FILE]`.

The checkout is a package whose `__init__.py` imports odoo, which a usual test runner would execute. Here the checkout
and its `tests` are mounted as bare packages, so that `from ...engine import address` means the same with Odoo and
without.
"""

import argparse
import importlib
import json
import sys
import time
import types
import unittest
from pathlib import Path

from tools import checkout


class Result(unittest.TextTestResult):
    """Counts tests, not sub-tests, and says what each slow test took."""

    SLOW = 1.0

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.failed = set()
        self.broken = 0
        self._began = 0.0

    def startTest(self, test):
        self._began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        took = time.monotonic() - self._began
        if took >= self.SLOW:
            self.stream.writeln(f"  {took:6.1f} s  {test.id().partition('.tests.')[2]}")
            self.stream.flush()
        super().stopTest(test)

    def addFailure(self, test, err):
        self._note(test)
        super().addFailure(test, err)

    def addError(self, test, err):
        self._note(test)
        super().addError(test, err)

    def addSubTest(self, test, subtest, err):
        if err:
            self._note(test)
        super().addSubTest(test, subtest, err)

    def addUnexpectedSuccess(self, test):
        self._note(test)
        super().addUnexpectedSuccess(test)

    def _note(self, test):
        if isinstance(test, unittest.TestCase):
            self.failed.add(test.id())
        else:  # setUpClass, setUpModule: no test was counted for it
            self.broken += 1

    def counts(self):
        failed = len(self.failed) + self.broken
        skipped = len(self.skipped)
        return {"passed": max(0, self.testsRun - len(self.failed) - skipped), "failed": failed, "skipped": skipped}


def mount():
    """Make the checkout importable as `spp_email_gateway` without running its `__init__.py`."""
    for name, path in ((checkout.ADDON, checkout.ROOT), (f"{checkout.ADDON}.tests", checkout.ROOT / "tests")):
        module = types.ModuleType(name)
        module.__path__ = [str(path)]
        sys.modules[name] = module


def load(directory, pattern=None):
    """Return the tests of every `test_*.py` below a directory of the checkout."""
    loader = unittest.TestLoader()
    if pattern:
        loader.testNamePatterns = [pattern if "*" in pattern else f"*{pattern}*"]
    suite = unittest.TestSuite()
    for file in sorted((checkout.ROOT / directory).glob("test_*.py")):
        name = ".".join([checkout.ADDON, *Path(directory).parts, file.stem])
        try:
            suite.addTests(loader.loadTestsFromModule(importlib.import_module(name)))
        except Exception as error:
            suite.addTest(_unloadable(name, error))
    return suite


def _unloadable(name, error):
    """Return a test that fails with the error of importing its file."""

    def fail():
        raise error

    return unittest.FunctionTestCase(fail, description=f"import of {name}")


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("directory")
    parser.add_argument("-k", dest="pattern")
    parser.add_argument("--result", help="file for the counts, as JSON")
    options = parser.parse_args(arguments)
    mount()
    suite = load(options.directory, options.pattern)
    runner = unittest.TextTestRunner(resultclass=Result, verbosity=0, stream=sys.stderr)
    result = runner.run(suite)
    if options.result:
        Path(options.result).write_text(json.dumps(result.counts()))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
