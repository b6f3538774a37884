"""Rounds of a workload on both sides, and the figures that come of them."""

import statistics
import sys

from bench.side import Side
from bench.workload import Lost
from tools import postgresql
from tools.report import Failure


class Comparison:
    """What was measured of one workload.

    Attributes:
        workload: the `bench.workload.Workload`.
        samples: a list of `bench.meter.Sample` for each side, in the order of the rounds.
        failure: why there are no (more) figures, or None.
        settings: PostgreSQL's settings that matter, as text.
    """

    def __init__(self, workload):
        self.workload = workload
        self.samples = {kind: [] for kind in workload.kinds}
        self.failure = None
        self.settings = ""

    @property
    def ratios(self):
        """Time of stock Odoo divided by the gateway's, round by round: above 1 the gateway is faster."""
        if len(self.samples) < 2:
            return []
        return [stock.seconds / gateway.seconds for stock, gateway in zip(*self.samples.values(), strict=False)]

    @property
    def waits(self):
        """Seconds from arrival to record, of each message of all rounds; empty where that is not measured."""
        return [seconds for samples in self.samples.values() for sample in samples for seconds in sample.waits]

    def median(self, kind, figure):
        """Return the median over the rounds of a function of a Sample."""
        return statistics.median(map(figure, self.samples[kind]))

    def run(self, rounds):
        """Measure. A side that fails or loses mail ends it, and the reason is kept."""
        cluster = postgresql.demonstration_cluster() if self.workload.durable else postgresql.main_cluster()
        was_running = cluster.port is not None
        sides = []
        try:
            cluster.start()
            self.workload.start()
            for kind in self.workload.kinds:
                self._say(f"{kind}: making the database")
                sides.append(Side(kind, self.workload.name, cluster))
                sides[-1].beside = {"PostgreSQL": cluster.pid, **self.workload.beside()}
                self._attempt(sides[-1], self.workload.set_up)
            names = "fsync, synchronous_commit, full_page_writes"
            values = [sides[0].rows(f"SHOW {name}")[0][0] for name in names.split(", ")]
            self.settings = ", ".join(map(" ".join, zip(names.split(", "), values, strict=True)))
            for number in range(1, rounds + 1):
                for side in sides:
                    side.round = number
                    self._measure(side, f"round {number} of {rounds}, {side.kind}")
        except Failure as failure:
            self.failure = str(failure)
            self._say(self.failure)
        finally:
            for side in sides:
                side.drop()
            self.workload.stop()
            if not was_running:
                cluster.stop()

    def _measure(self, side, words):
        self._attempt(side, self.workload.prepare)
        sample = self._attempt(side, self.workload.run)
        self._attempt(side, self.workload.verify)
        self.samples[side.kind].append(sample)
        self._say(f"{words}: {sample.count} messages in {sample.seconds:.2f} s")

    def _attempt(self, side, step):
        try:
            return step(side)
        except Exception as error:  # whatever it was, the other workloads are measured all the same
            words = str(error) if isinstance(error, Failure | Lost) else f"{type(error).__name__}: {error}"
            raise Failure(f"{side.kind} failed in {step.__name__}, round {side.round}: {words}") from error

    def _say(self, text):
        print(f"{self.workload.name}: {text}", file=sys.stderr, flush=True)
