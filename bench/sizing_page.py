"""The tables of docs/sizing.md, simulated from what was measured: `python -m bench.sizing_page` writes them anew."""

from __future__ import annotations

import math
import re

from bench.sizing import (
    CAMPAIGN,
    DATABASE,
    INCOMING,
    LANE_LIMIT,
    ODOO,
    OUTGOING,
    WORKERS,
    Load,
    Setup,
    drained,
    simulate,
)
from bench.sizing_cost import SLOW_REPLY, Cost, read_costs, read_speeds
from bench.table import _table
from tools import checkout

PAGE = checkout.ROOT / "docs" / "sizing.md"
SETUPS = (
    Setup("A. one machine, 2 cores, 1 cron worker"),
    Setup("B. one machine, 4 cores, 2 cron workers", cores=4, workers=2),
    Setup("C. one machine, 8 cores, 4 cron workers", cores=8, workers=4),
    Setup("D. two hosts of 4 cores with 2 cron workers each; PostgreSQL on 4 cores", 2, 4, 2, 4),
    Setup("E. four hosts of 4 cores with 2 cron workers each; PostgreSQL on 8 cores", 4, 4, 2, 8),
)
VOLUMES = (10_000, 100_000, 300_000, 1_000_000)
# Enough for a person who waits for an answer on the screen of a telephone.
PROMPT = 60
LEAST, MOST = 10_000, 10_000_000
CURES = {
    WORKERS: "another cron worker, or another host",
    LANE_LIMIT: "nothing by machines: all four lanes of one direction are at work",
    ODOO: "more cores, or another host",
    DATABASE: "more cores for PostgreSQL",
}


def tables(costs: tuple[Cost, Cost] | None = None) -> dict[str, str]:
    """Return {name of the place in the page: table}."""
    costs = costs or read_costs()
    return {
        "costs": _costs(costs),
        "limits": _limits(costs),
        "days": _days(costs),
        "room": _room(costs),
        "checks": _checks(costs),
    }


def _costs(costs):
    load, rows = Load(0), []
    for name, cost in zip(("incoming", "outgoing"), costs, strict=True):
        factor = load.factor if name == "incoming" else 1.0
        worker = cost.worker_seconds(load.size_mb, load.reply_seconds, factor)
        rows.append(
            (
                name,
                f"{1000 * worker:.0f}",
                f"{1000 * cost.odoo_seconds(load.size_mb, factor):.0f}",
                f"{1000 * cost.database_seconds(factor):.1f}",
                f"{1 / worker:.0f}",
            )
        )
    return _table(("message", "a worker's ms", "Odoo's CPU ms", "PostgreSQL's CPU ms", "a second by one worker"), rows)


def _days(costs):
    rows = []
    for setup in SETUPS:
        for volume in VOLUMES:
            day = simulate(setup, Load(volume), costs)
            fall = simulate(setup, Load(volume, standstill=(9, 11)), costs)
            name = day.busiest
            rows.append(
                (
                    setup.name[:1],
                    f"{volume:,}",
                    _time(day.within(0.95, INCOMING, OUTGOING)),
                    _time(day.within(0.999, INCOMING, OUTGOING)),
                    _time(day.within(0.999, CAMPAIGN)),
                    f"{100 * day.use[name]:.0f} % of {name}",
                    "not that day" if fall.over is None else _clock(fall.over),
                )
            )
    waits = ("95 % within", "99.9 % within", "campaign out within")
    return _table(("", "mails a day", *waits, "busiest hour takes", "caught up by"), rows)


def _limits(costs):
    rows = []
    for setup in SETUPS:
        most = largest(setup, costs)
        name = simulate(setup, Load(most), costs).busiest
        rows.append((setup.name, f"{most:,}", name, CURES[name]))
    return _table(("machines", "mails a day", "what is full first", "what to do then"), rows)


def checks(costs: tuple[Cost, Cost]) -> dict[str, tuple[float, float]]:
    """Return {workload: (measured, simulated)} messages a second, of workloads that no cost was taken from.

    Two workers on the two processors of the machine that was measured, small messages, nothing else to do.
    """
    measured = read_speeds()
    cases = {
        "two-lanes": (1.0, 0.0),
        "outbound-two-lanes": (0.0, 0.0),
        "outbound-20ms-two-lanes": (0.0, SLOW_REPLY),
    }
    found = {}
    for name, (incoming, reply) in cases.items():
        load = Load(0, incoming, 0.0, size_mb=0.0, reply_seconds=reply, factor=1.0, for_people=0.0)
        found[name] = measured[name], drained(Setup("", workers=2), load, costs)
    return found


def _checks(costs):
    rows = [(name, f"{was:.0f}", f"{is_:.0f}", f"{is_ / was:.2f}") for name, (was, is_) in checks(costs).items()]
    return _table(("workload", "measured a second", "simulated", "ratio"), rows)


def is_well(setup: Setup, volume: int, costs: tuple[Cost, Cost]) -> bool:
    """Return whether nearly everybody's mail goes within a minute, and the campaign the same day."""
    day = simulate(setup, Load(volume), costs)
    return day.within(0.95, INCOMING, OUTGOING) <= PROMPT and math.isfinite(day.within(0.999, CAMPAIGN))


def largest(setup: Setup, costs: tuple[Cost, Cost]) -> int:
    """Return the most mails a day, to two figures, that a set-up does well."""
    low, high = LEAST, MOST
    while high / low > 1.04:
        middle = int(math.sqrt(low * high))
        low, high = (middle, high) if is_well(setup, middle, costs) else (low, middle)
    digits = 10 ** (len(str(low)) - 2)
    return low // digits * digits


def _room(costs):
    incoming, outgoing = costs
    load, rows = Load(0), []
    for volume in VOLUMES:
        taken, sent = volume * load.incoming, volume * (1 - load.incoming)
        content = taken * load.size_mb / 1000
        copies = sent * (1 - load.campaign) * load.size_mb / 1000
        written = (taken * (incoming.kept_kb) + sent * outgoing.kept_kb) / 1e6
        log = (taken * incoming.log_kb + sent * outgoing.log_kb) / 1e6 + content + copies
        kept = 365 * (content + taken * incoming.kept_kb / 1e6) + 30 * copies + 180 * sent * outgoing.kept_kb / 1e6
        rows.append((f"{volume:,}", _gb(written), _gb(content), _gb(copies), _gb(log), _gb(kept)))
    heads = ("mails a day", "rows", "content in", "copies as sent", "write-ahead log", "kept after a year")
    return _table(heads, rows)


def _gb(value: float) -> str:
    return f"{value:,.1f} GB" if value < 100 else f"{value:,.0f} GB"


def _time(seconds: float) -> str:
    if math.isinf(seconds):
        return "not that day"
    if seconds < 120:
        return f"{max(10, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _clock(hour: float) -> str:
    minutes = math.ceil(hour * 60 - 1e-9)
    return f"{minutes // 60}:{minutes % 60:02}"


def filled(text: str, made: dict[str, str]) -> str:
    """Return a page with its tables put in: each between `<!-- NAME -->` and `<!-- /NAME -->`."""
    for name, table in made.items():
        text, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda match, table=table: f"{match[1]}\n{table}\n\n{match[2]}",
            text,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"the page has {count} places for the table “{name}”")
    return text


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), tables()), encoding="utf-8")
    print(f"{PAGE.name} is written.")
