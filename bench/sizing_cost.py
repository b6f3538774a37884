"""What a message costs, as sizing needs it: read from what was measured, so that new figures make a new table."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from tools import checkout

RESULTS = checkout.ROOT / "bench" / "RESULTS.md"
DATABASE = checkout.ROOT / "bench" / "database_cost.json"
# Connections at once of one worker that sends: models/spp_email_sending.py.
THREADS = 4
# bench/large.py and bench/outbound.py.
LARGE_MB = 25
SLOW_REPLY = 0.020


@dataclass(frozen=True)
class Cost:
    """What one message costs.

    Attributes:
        seconds: for which it keeps a cron worker, as measured, with a mail server that answers at once.
        odoo: seconds of processor time of Odoo's process.
        database: seconds of processor time of PostgreSQL.
        megabyte: seconds more for each MB of the message, of the worker and of Odoo's processor.
        replies: for how many answers of a mail server a thread waits; 0 where the server is not waited for.
        log_kb: write-ahead log.
        kept_kb: room that its rows take in the database, without its content.
    """

    seconds: float
    odoo: float
    database: float
    megabyte: float = 0.0
    replies: float = 0.0
    log_kb: float = 0.0
    kept_kb: float = 0.0

    def worker_seconds(self, size_mb: float, reply_seconds: float, factor: float = 1.0) -> float:
        """Return for how long a message keeps a worker. Of several threads one computes while the others wait."""
        alone = self.seconds * factor + size_mb * self.megabyte
        return max(alone, (alone + self.replies * reply_seconds) / THREADS) if self.replies else alone

    def odoo_seconds(self, size_mb: float, factor: float = 1.0) -> float:
        return self.odoo * factor + size_mb * self.megabyte

    def database_seconds(self, factor: float = 1.0) -> float:
        return self.database * factor


def read_costs(results: str | None = None, database: dict | None = None) -> tuple[Cost, Cost]:
    """Return the Costs of an incoming and of an outgoing message.

    Args:
        results: text of bench/RESULTS.md; None for the file.
        database: content of bench/database_cost.json; None for the file.

    Raises:
        KeyError: a workload is missing.
    """
    results = RESULTS.read_text(encoding="utf-8") if results is None else results
    database = json.loads(DATABASE.read_text(encoding="utf-8")) if database is None else database
    speed, processor = read_speeds(results), _processor(results)
    kilobytes = {name: (row["log_kb"], row["grown_kb"]) for name, row in database.items()}
    megabyte = 1 / speed["large"] / LARGE_MB
    # What the slow server added, for THREADS connections at once, tells how many answers are waited for.
    waiting = THREADS / speed["outbound-20ms"] - 1 / speed["outbound"]
    return (
        Cost(
            1 / speed["inbound-durable"],
            processor["inbound-durable"],
            database["inbound"]["database_cpu_ms"] / 1000,
            megabyte,
            0.0,
            *kilobytes["inbound"],
        ),
        Cost(
            1 / speed["outbound"],
            processor["outbound"],
            database["outbound"]["database_cpu_ms"] / 1000,
            megabyte,
            max(0.1, waiting / SLOW_REPLY),
            *kilobytes["outbound"],
        ),
    )


def _rows(results: str, heading: str) -> list[list[str]]:
    part = results.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def read_speeds(results: str | None = None) -> dict[str, float]:
    """Return the gateway's messages a second of each workload."""
    results = RESULTS.read_text(encoding="utf-8") if results is None else results
    return {row[0]: float(row[4]) for row in _rows(results, "Speed") if re.fullmatch(r"[\d.]+", row[4])}


def _processor(results: str) -> dict[str, float]:
    """Return seconds of processor time of Odoo's process for each message, of each workload."""
    rows = _rows(results, "Cost of a message")
    return {row[0]: float(row[2]) / 1000 for row in rows if row[1] == "gateway"}
