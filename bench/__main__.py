"""`python -m bench`: every measure in one run, one table, exit status 0 only if every limit holds (docs/performance.md)."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from bench.figures import Measure, all_hold, table


def measures() -> dict[str, Measure]:
    """The measures by name, in the order in which they are run and printed."""
    from bench import answering, cpu, crm_requests, deciding, round_trips, routing, startup

    found = (
        Measure("startup", "1  start-up: processor time of a fresh process beside boto3 with a DynamoDB client", startup.measure),
        Measure("decide", "2  deciding: webhooks a second", deciding.measure),
        Measure("aws", "3  AWS round trips of one event (Pipedrive)", round_trips.measure),
        Measure("crm", "4  CRM requests of one call, beside the least the vendor's interface allows", crm_requests.measure),
        Measure("cpu", "5  processor time of one event in a warm handler, beside parsing and one put", cpu.measure),
        Measure(
            "routing",
            "6  routing: answers for a known client in delays of 150 ms, p50 / p99 (one request after another)",
            routing.measure,
        ),
        Measure("answers", "7  routing: what an answer costs, and whether it is given in time", answering.measure),
    )
    return {measure.name: measure for measure in found}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; the exit status."""
    known = measures()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="measure", help=f"only these: {', '.join(known)}")
    parser.add_argument("--profile", action="store_true", help="also say where the time of an event goes")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    begun = time.monotonic()
    groups = {known[name].title: known[name].run() for name in known if not asked.names or name in asked.names}
    print(table(groups))
    if asked.profile:
        from bench.cpu import profile

        print(f"\nwhere the time goes: a new client's event with its AWS requests\n{profile()}")
    holds = all_hold(figure for figures in groups.values() for figure in figures)
    print(f"\n{'every limit holds' if holds else 'a limit does not hold'} ({time.monotonic() - begun:.0f} s)")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
