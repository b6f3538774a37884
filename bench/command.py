"""`./dev bench [NAME…]`: choose, measure, show."""

import argparse
import time

from bench import machine, results, table
from bench.comparison import Comparison
from bench.inbound import Inbound, InboundDurable
from bench.lanes import TwoLanes
from bench.large import Large
from bench.loops import FewLoopChecks, ManyLoopChecks
from bench.mailboxes import Mailboxes, MailboxesFree, MailboxHangs
from bench.outbound import Outbound, OutboundSlow
from bench.outbound_lanes import OutboundTwoLanes, OutboundTwoLanesFar, OutboundTwoLanesSlow
from bench.overview import Overview
from bench.pressing_send import PressingSend, PressingSendWithoutMail
from bench.push import Push
from bench.scale import FewRecords, ManyRecords

WORKLOADS = (
    Inbound,
    InboundDurable,
    TwoLanes,
    Mailboxes,
    MailboxesFree,
    MailboxHangs,
    Large,
    FewRecords,
    ManyRecords,
    FewLoopChecks,
    ManyLoopChecks,
    Push,
    Outbound,
    OutboundSlow,
    OutboundTwoLanes,
    OutboundTwoLanesSlow,
    OutboundTwoLanesFar,
    PressingSend,
    PressingSendWithoutMail,
    Overview,
)


def main(arguments):
    names = [workload.name for workload in WORKLOADS]
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measure stock Odoo and the gateway side by side.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="workloads, all without a name: " + ", ".join(names))
    parser.add_argument("--count", type=int, help="messages in a round")
    parser.add_argument("--rounds", type=int, help="how often each side does the work")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(names):
        parser.error(f"there is no workload {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if any(value is not None and value < 1 for value in (options.count, options.rounds)):
        parser.error("--count and --rounds need at least 1")
    began, facts = time.monotonic(), machine.facts()
    comparisons = []
    for kind in WORKLOADS:
        if options.names and kind.name not in options.names:
            continue
        workload = kind()
        workload.count = options.count or workload.count
        comparisons.append(Comparison(workload))
        comparisons[-1].run(options.rounds or workload.rounds)
    return _show(comparisons, facts, time.monotonic() - began, is_whole=not options.names and not options.count)


def _show(comparisons, facts, seconds, *, is_whole):
    if any("stock" in found.workload.kinds for found in comparisons):
        print("Messages a second, and stock ÷ gateway time (above 1 the gateway is faster):\n")
        print(table.ratios(comparisons), end="\n\n")
        print("Cost of a message:\n")
        print(table.costs(comparisons), end="\n\n")
    if waits := table.waits(comparisons):
        print("Seconds until a message is a record, or a page's figures are there:\n")
        print(waits, end="\n\n")
    failures = [f"{found.workload.name}: {found.failure}" for found in comparisons if found.failure]
    print("\n".join(failures) if failures else "Every message was counted on all sides.")
    if is_whole and not failures:
        print(f"Written to {results.write(comparisons, facts, seconds).name}.")
    else:
        print(f"{results.FILE.name} is left as it was: it is written by a run of all workloads without failures.")
    return 1 if failures else 0
