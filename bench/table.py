"""The figures as tables, for a terminal and as Markdown: the same text serves both."""

import math
import statistics

RATIO_HEADS = ("workload", "messages", "rounds", "stock/s", "gateway/s", "min", "median", "max")
WAIT_HEADS = ("workload", "messages", "min", "median", "95 % within", "max")
COST_HEADS = ("workload", "side", "CPU ms", "CPU share", "PostgreSQL ms", "server ms", "queries", "commits", "peak MiB")


def ratios(comparisons):
    """Return the table of speeds and of stock ÷ gateway times."""
    rows = []
    for comparison in _compared(comparisons):
        found = sorted(comparison.ratios)
        if comparison.failure or not found:
            rows.append((comparison.workload.name, "", "", "failed", "", "", "", ""))
            continue
        speeds = [
            f"{comparison.median(kind, lambda sample: sample.count / sample.seconds):.1f}"
            for kind in ("stock", "gateway")
        ]
        middle = (found[(len(found) - 1) // 2] + found[len(found) // 2]) / 2
        marks = [f"{value:.2f}" for value in (found[0], middle, found[-1])]
        rows.append((comparison.workload.name, comparison.workload.count, len(found), *speeds, *marks))
    return _table(RATIO_HEADS, rows)


def costs(comparisons):
    """Return the table of what a message costs each side, medians over the rounds."""
    rows = []
    for comparison in _compared(comparisons):
        for kind, samples in comparison.samples.items():
            if not samples:
                continue
            figures = (
                f"{comparison.median(kind, lambda sample: 1000 * sample.cpu_seconds / sample.count):.1f}",
                f"{comparison.median(kind, lambda sample: 100 * sample.cpu_seconds / sample.seconds):.0f} %",
                *(_beside(comparison, kind, name) for name in ("PostgreSQL", "mail server")),
                f"{comparison.median(kind, lambda sample: sample.queries / sample.count):.1f}",
                f"{comparison.median(kind, lambda sample: sample.commits / sample.count):.2f}",
                f"{comparison.median(kind, lambda sample: sample.peak_mib):.0f}",
            )
            rows.append((comparison.workload.name, kind, *figures))
    return _table(COST_HEADS, rows)


def _beside(comparison, kind, name):
    if any(name not in sample.beside_seconds for sample in comparison.samples[kind]):
        return ""
    return f"{comparison.median(kind, lambda sample: 1000 * sample.beside_seconds[name] / sample.count):.1f}"


def waits(comparisons):
    """Return the table of seconds from a message's arrival to its record."""
    rows = []
    for comparison in comparisons:
        if "stock" in comparison.workload.kinds:
            continue
        found = sorted(comparison.waits)
        if comparison.failure or not found:
            rows.append((comparison.workload.name, "", "", "failed", "", ""))
            continue
        marks = (found[0], statistics.median(found), found[math.ceil(0.95 * len(found)) - 1], found[-1])
        rows.append((comparison.workload.name, len(found), *(f"{seconds:.2f}" for seconds in marks)))
    return _table(WAIT_HEADS, rows) if rows else ""


def _compared(comparisons):
    return [comparison for comparison in comparisons if "stock" in comparison.workload.kinds]


def _table(heads, rows):
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    words = [not any(row[column][:1].isdigit() for row in rows) for column in range(len(heads))]
    rule = ["-" * width if word else "-" * (width - 1) + ":" for width, word in zip(widths, words, strict=True)]
    return "\n".join(_line(row, widths, words) for row in (heads, rule, *rows))


def _line(cells, widths, words):
    padded = (
        cell.ljust(width) if word else cell.rjust(width) for cell, width, word in zip(cells, widths, words, strict=True)
    )
    return f"| {' | '.join(padded)} |"
