"""CPU time of the processes that work for Odoo: PostgreSQL's, and the mail server of a workload."""

import json
import os
from pathlib import Path

# {name: process id}, as JSON: how the measured process learns of the others.
VARIABLE = "BENCH_BESIDE"


def variable(processes):
    """Return the environment variable that names ``processes``, {name: id}, to a `bench.meter.Meter`."""
    return {VARIABLE: json.dumps(processes)}


def beside_seconds():
    """Return {name: CPU seconds so far} of the processes that the environment names, with all of their children."""
    return {name: tree_seconds(pid) for name, pid in json.loads(os.environ.get(VARIABLE, "{}")).items()}


def tree_seconds(pid):
    """Return the CPU seconds of a process and of its children, also of those that have ended."""
    children = [found for found in map(_stat, _ids()) if found and found[0] == pid]
    return sum(seconds for _parent, seconds in (_stat(pid) or (0, 0.0), *children))


def _ids():
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _stat(pid):
    """Return (parent's id, CPU seconds with those of children that have ended) of a process; None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # proc(5): field 4 is the parent, 14 to 17 are times; counted behind the name, which may hold anything.
    fields = stat.rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
