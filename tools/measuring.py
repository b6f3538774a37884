"""`./dev bench`: hand over to `bench/`, with all that a measurement needs in place.

`bench.main(names)` runs in the virtual environment, and makes its own databases and servers.
"""

import subprocess

from tools import checkout, environment, odoo_home, process, sandbox
from tools.database import Databases
from tools.report import Failure, Steps
from tools.testing import postgresql_ready


def bench(names):
    """Run the measurements of these names, all without a name; return the exit code."""
    if not (checkout.ROOT / "bench" / "__init__.py").exists():
        raise Failure("There are no measurements: bench/__init__.py with main(names) is missing.")
    steps = Steps(4)
    steps.next("Odoo 19")
    steps.done(odoo_home.find(steps).origin)
    steps.next("Python packages")
    environment.ensure(steps)
    steps.done()
    steps.next("PostgreSQL and databases")
    postgresql_ready(steps)
    Databases().template("gateway", steps)
    steps.done()
    steps.next("mail servers")
    sandbox.install(steps)
    steps.done()
    code = "import sys, bench; sys.exit(bench.main(sys.argv[1:]))"
    variables = {"PYTHONPATH": checkout.ROOT, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [environment.python(), "-c", code, *names]
    return subprocess.run(command, cwd=checkout.ROOT, env=process.environment(variables), check=False).returncode

