"""`bench/RESULTS.md`: the figures with all that is needed to judge and to repeat them."""

import datetime

from bench import table
from tools import checkout

FILE = checkout.ROOT / "bench" / "RESULTS.md"

HEAD = """\
# Measurements against stock Odoo

Repeat with `{command}` on a machine that does nothing else (about {minutes:.0f} minutes; everything it needs is fetched
and started by itself), or measure one workload by its name. Stock Odoo and the gateway take turns, round by round, with
the same messages, in two databases on one PostgreSQL; a side that loses or doubles a message gets no figure. The time
is taken inside Odoo's process, after a warm-up. This file is written by the command; no test asserts a time.
"""


def write(comparisons, facts, seconds):
    """Write the file and return its path."""
    lines = [HEAD.format(command="./dev bench", minutes=max(1, seconds / 60))]
    lines += [f"Measured on {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}:", ""]
    lines += [f"- {name}: {value}" for name, value in facts]
    lines += [f"- PostgreSQL for {names}: {settings}" for settings, names in _settings(comparisons).items()]
    lines += ["", "## Speed", ""]
    lines += ["Messages a second, and stock ÷ gateway time in each round: **above 1 the gateway is faster**.", ""]
    lines += [table.ratios(comparisons), ""]
    lines += ["## Waiting", "", "Seconds until a message is a record (push), or a page's figures are there (overview)."]
    lines += ["", table.waits(comparisons), ""]
    lines += ["## Cost of a message", ""]
    words = "Medians of Odoo's processes. CPU share is CPU time ÷ elapsed time; the rest is waiting. "
    lines += [words + "PostgreSQL's and the mail server's CPU stand beside it.", ""]
    lines += [table.costs(comparisons), "", "## Workloads, and what limits them", ""]
    for comparison in comparisons:
        workload = comparison.workload
        lines += [f"**{workload.name}.** {workload.description}", "", f"Limited by: {workload.limit}", ""]
        if comparison.failure:
            lines += [f"Failed: {comparison.failure}", ""]
    FILE.write_text("\n".join(lines))
    return FILE


def _settings(comparisons):
    """Return the names of the workloads by the settings of their PostgreSQL."""
    found = {}
    for comparison in comparisons:
        if comparison.settings:
            found.setdefault(comparison.settings, []).append(comparison.workload.name)
    return {settings: ", ".join(names) for settings, names in found.items()}
