"""What a workload is."""


class Lost(Exception):
    """A side did not do its work: something is missing, or there twice. Its time counts for nothing."""


class Workload:
    """One kind of work that both sides are given.

    A subclass sets the attributes and writes `set_up`, `prepare`, `run` and `verify`. What runs inside Odoo's process
    is a function of the module, called by `side.call(function, ...)` with `env` before its arguments.

    Attributes:
        name: as given to `./dev bench`.
        description: what is done, how it is measured, and what is not.
        limit: what the time goes into, in a sentence, as far as it does not show in the figures.
        count: messages in a round.
        rounds: how often each side does it.
        durable: on a PostgreSQL that waits for the disk at every commit, instead of the tests' one.
        kinds: who does it: only the gateway, where stock Odoo has nothing to compare with.
    """

    name = description = limit = ""
    count = 200
    rounds = 3
    durable = False
    kinds = ("stock", "gateway")

    def start(self):
        """Start what both sides share, such as mail servers."""

    def stop(self):
        """Stop it."""

    def beside(self):
        """Return {name: id} of the processes beside Odoo's and PostgreSQL's whose CPU time is of interest."""
        return {}

    def set_up(self, side):
        """Make what a side needs once, in a fresh database."""

    def prepare(self, side):
        """Lay out the work of `side.round`. Not measured."""

    def run(self, side):
        """Do the work and return the sample of a `bench.meter.Meter`."""
        raise NotImplementedError

    def verify(self, side):
        """Count what came of it.

        Raises:
            Lost: the side lost or doubled something.
        """
        raise NotImplementedError


def expect_once(what, wanted, found):
    """Compare names with a Counter of names that were found.

    Raises:
        Lost: says how many of them are missing, or are there more than once.
    """
    missing = sum(not found[name] for name in wanted)
    doubled = sum(found[name] > 1 for name in wanted)
    if missing or doubled:
        raise Lost(f"{what}: {missing} of {len(wanted)} missing, {doubled} more than once")
