"""A day of mail, simulated: a queue of incoming mail, one of outgoing mail and one of campaigns, and who works on them.

Mail arrives at random (Poisson) along a profile of the day. In each slot the cron workers share their time among the
queues as the lanes do, and what they ask of processors is cut where there is no more. Nothing here is measured: the
costs are `bench.sizing_cost`'s, and all else is said by whoever calls.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from bench.sizing_cost import Cost

DAY = 86_400
SLOT = 10  # seconds
# models/spp_email_lane.py, models/spp_email_sending.py: so many workers process, and so many send, at most.
LANES = 4
INCOMING, OUTGOING, CAMPAIGN = "incoming", "outgoing", "campaign"
KINDS = (INCOMING, OUTGOING, CAMPAIGN)
# Share of a day's mail by hour: offices from eight to five, the peak at ten.
PROFILE = (5, 4, 3, 3, 4, 8, 20, 50, 90, 120, 110, 90, 70, 80, 90, 80, 60, 40, 30, 20, 15, 10, 8, 6)
# What saturates, in the words of the page.
WORKERS, LANE_LIMIT, ODOO, DATABASE = "cron workers", "lanes", "processors", "processors of PostgreSQL"


@dataclass(frozen=True)
class Setup:
    """The machines.

    Attributes:
        hosts: that run Odoo.
        cores: of each.
        workers: cron workers of each.
        database_cores: of PostgreSQL's own machine; 0: it runs on the only host and shares its processors.
    """

    name: str
    hosts: int = 1
    cores: int = 2
    workers: int = 1
    database_cores: int = 0


@dataclass(frozen=True)
class Load:
    """A day's mail.

    Attributes:
        mails: in and out together.
        incoming: share that comes in.
        campaign: share of what goes out that is one campaign, queued at `campaign_hour`.
        size_mb: of a message, on average.
        reply_seconds: that the next mail server takes for an answer.
        factor: how much dearer a record is than the lead that was measured (approvals, audit, followers).
        for_people: share of processors and of cron workers' time that is not the gateway's.
        standstill: (from, until) in hours, when nothing works; () for none.
    """

    mails: int
    incoming: float = 0.5
    campaign: float = 0.1
    campaign_hour: int = 10
    size_mb: float = 0.1
    reply_seconds: float = 0.05
    factor: float = 2.0
    for_people: float = 0.5
    standstill: tuple[float, ...] = ()


@dataclass
class Outcome:
    """What came of a day.

    Attributes:
        waits: {kind: [(seconds, messages)]}, how long they waited before they were worked on, to a slot.
        left: {kind: messages} that waited at midnight.
        use: {resource: share of it that the busiest hour asked for; over 1: more than there is}.
        over: hour of the day at which the last queue was empty again for the first time after `standstill`.
    """

    waits: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    left: dict[str, float] = field(default_factory=dict)
    use: dict[str, float] = field(default_factory=dict)
    over: float | None = None

    def within(self, share: float, *kinds: str) -> float:
        """Return the seconds within which that share of messages was worked on; infinity where they were not."""
        rows = sorted(row for kind in kinds for row in self.waits[kind])
        goal = share * (sum(count for _wait, count in rows) + sum(self.left[kind] for kind in kinds))
        for wait, count in rows:
            goal -= count
            if goal <= 1e-9:
                return wait
        return math.inf

    @property
    def busiest(self) -> str:
        return max(self.use, key=self.use.get)


def simulate(setup: Setup, load: Load, costs: tuple[Cost, Cost], seed: int = 7) -> Outcome:
    """Return the Outcome of a day; the same arguments give the same day."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    worker, odoo, database = _seconds_of_each(load, costs)
    capacity = _capacity(setup, load)
    expected = _expected(load)
    queues = {kind: _Queue() for kind in KINDS}
    outcome = Outcome()
    for slot in range(DAY // SLOT):
        hour = slot * SLOT / 3600
        for kind in KINDS:
            queues[kind].arrive(slot, _arrivals(chance, expected[kind], hour, load, kind))
        still = bool(load.standstill) and load.standstill[0] <= hour < load.standstill[1]
        work = {} if still else _work(queues, worker, capacity)
        shrink = _shrink(work, odoo, database, capacity)
        for kind, count in work.items():
            queues[kind].serve(slot, count * shrink)
        if load.standstill and hour >= load.standstill[1] and outcome.over is None:
            outcome.over = hour if sum(queue.length for queue in queues.values()) < 1 else None
    for kind, queue in queues.items():
        outcome.waits[kind] = queue.waits
        outcome.left[kind] = queue.length
    hours = [_asked(hour, expected, worker, odoo, database, capacity, load) for hour in range(24)]
    outcome.use = {name: max(asked[name] for asked in hours) for name in hours[0]}
    return outcome


def drained(setup: Setup, load: Load, costs: tuple[Cost, Cost]) -> float:
    """Return how many messages a second are done while the queue of each direction that has a share is never empty."""
    worker, odoo, database = _seconds_of_each(load, costs)
    capacity = _capacity(setup, load)
    queues = {kind: _Queue() for kind in KINDS}
    queues[INCOMING].arrive(0, 1e9 * load.incoming)
    queues[OUTGOING].arrive(0, 1e9 * (1 - load.incoming))
    work = _work(queues, worker, capacity)
    return sum(work.values()) * _shrink(work, odoo, database, capacity) / SLOT


def _seconds_of_each(load: Load, costs: tuple[Cost, Cost]) -> tuple[dict[str, float], ...]:
    """Return what a message of each kind takes of a worker, of Odoo's processors and of PostgreSQL's."""
    incoming, outgoing = costs
    worker = outgoing.worker_seconds(load.size_mb, load.reply_seconds)
    odoo, database = outgoing.odoo_seconds(load.size_mb), outgoing.database_seconds()
    return (
        {INCOMING: incoming.worker_seconds(load.size_mb, 0, load.factor), OUTGOING: worker, CAMPAIGN: worker},
        {INCOMING: incoming.odoo_seconds(load.size_mb, load.factor), OUTGOING: odoo, CAMPAIGN: odoo},
        {INCOMING: incoming.database_seconds(load.factor), OUTGOING: database, CAMPAIGN: database},
    )


class _Queue:
    """First come, first served."""

    def __init__(self):
        self._waiting: list[list[float]] = []
        self._first = 0
        self.length = 0.0
        self.waits: list[tuple[float, float]] = []

    def arrive(self, slot: int, count: float):
        if count:
            self._waiting.append([slot, count])
            self.length += count

    def serve(self, slot: int, count: float):
        while count > 1e-9 and self._first < len(self._waiting):
            row = self._waiting[self._first]
            taken = min(count, row[1])
            self.waits.append(((slot - row[0]) * SLOT, taken))
            self.length, count, row[1] = self.length - taken, count - taken, row[1] - taken
            if row[1] > 1e-9:
                return
            self._first += 1


def _capacity(setup: Setup, load: Load) -> dict:
    """Return seconds that there are in a second: of workers, of one kind of lane, of each pool of processors."""
    free = 1 - load.for_people
    workers = setup.hosts * setup.workers * free
    processors = {ODOO: setup.hosts * setup.cores * free}
    if setup.database_cores:
        processors[DATABASE] = setup.database_cores * free
    return {"workers": workers, "lane": min(workers, LANES * free), "processors": processors}


def _expected(load: Load) -> dict[str, tuple[float, ...] | float]:
    """Return how many messages of a kind arrive in a slot of each hour; of the campaign, how many at once."""
    going = load.mails * (1 - load.incoming)
    slots = 3600 / SLOT
    shares = [weight / sum(PROFILE) for weight in PROFILE]
    return {
        INCOMING: tuple(load.mails * load.incoming * share / slots for share in shares),
        OUTGOING: tuple(going * (1 - load.campaign) * share / slots for share in shares),
        CAMPAIGN: going * load.campaign,
    }


def _arrivals(chance: random.Random, expected, hour: float, load: Load, kind: str) -> int:
    if kind == CAMPAIGN:
        return round(expected) if abs(hour - load.campaign_hour) < 1e-9 else 0
    return _poisson(chance, expected[int(hour)])


def _poisson(chance: random.Random, mean: float) -> int:
    if mean > 30:
        # Near enough to Poisson from here on, and one draw instead of many.
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        count += 1
        product *= chance.random()
    return count


def _work(queues: dict[str, _Queue], worker: dict[str, float], capacity: dict) -> dict[str, float]:
    """Return how many messages of each kind the workers would take in a slot.

    Lanes of both directions take turns on the workers, so neither starves; what one does not need is the other's. A
    person's mail goes before a campaign.
    """
    wanted_in = queues[INCOMING].length * worker[INCOMING]
    wanted_out = (queues[OUTGOING].length + queues[CAMPAIGN].length) * worker[OUTGOING]
    lane, workers = capacity["lane"] * SLOT, capacity["workers"] * SLOT
    wanted_in, wanted_out = min(wanted_in, lane), min(wanted_out, lane)
    given_in = min(wanted_in, max(workers / 2, workers - wanted_out))
    given_out = min(wanted_out, workers - given_in)
    going = given_out / worker[OUTGOING]
    pressing = min(going, queues[OUTGOING].length)
    return {INCOMING: given_in / worker[INCOMING], OUTGOING: pressing, CAMPAIGN: going - pressing}


def _shrink(work: dict, odoo: dict, database: dict, capacity: dict) -> float:
    """Return by what the work of a slot is slower, where processors do not suffice for it: 1 where they do."""
    needs = _pools(work, odoo, database, capacity)
    pools = capacity["processors"]
    return min([1.0, *(pools[name] * SLOT / need for name, need in needs.items() if need > 0)])


def _asked(hour, expected, worker, odoo, database, capacity, load) -> dict[str, float]:
    """Return what the mail of an hour asks of each resource, as a share of what the hour has of it."""
    rates = {kind: expected[kind][hour] / SLOT for kind in (INCOMING, OUTGOING)}
    rates[CAMPAIGN] = expected[CAMPAIGN] / 3600 if hour == load.campaign_hour else 0.0
    needs = {kind: rate * worker[kind] for kind, rate in rates.items()}
    going = needs[OUTGOING] + needs[CAMPAIGN]
    found = {
        WORKERS: (needs[INCOMING] + going) / capacity["workers"],
        LANE_LIMIT: max(needs[INCOMING], going) / (LANES * (1 - load.for_people)),
    }
    for name, need in _pools(rates, odoo, database, capacity).items():
        found[name] = need / capacity["processors"][name]
    return found


def _pools(counts: dict[str, float], odoo: dict, database: dict, capacity: dict) -> dict[str, float]:
    """Return what so many messages ask of each pool of processors; on one machine there is one pool for all."""
    own = sum(count * odoo[kind] for kind, count in counts.items())
    other = sum(count * database[kind] for kind, count in counts.items())
    return {ODOO: own, DATABASE: other} if DATABASE in capacity["processors"] else {ODOO: own + other}
