"""`python -m tests.simulation --n 10000 --seed 1`: random histories until something breaks (`make simulate N=… SEED=…`).

Exit status 1 when an invariant does not hold; the shrunk history is printed as a script, to be kept in `regressions/`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import Pool, Queue
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.simulation.history import History, history_of
from tests.simulation.invariants import check
from tests.simulation.play import Player, play
from tests.simulation.strategies import histories

PORTION = 250
"""Histories that are drawn with one seed: so that all cores have work until the end, and it can be told how far it is."""


WORDS = ("deliveries", "requests", "writes in the CRMs", "looks at deadlines", "dead letters sent again")


@dataclass
class Tally:
    """What a number of histories came to. `failure` is the first that broke something, as words and script."""

    counts: Counter[str] = field(default_factory=Counter)
    vendors: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    failure: tuple[str, str] | None = None

    def add(self, player: Player) -> None:
        stage = player.stage
        self.counts.update(
            {
                "histories": 1,
                "deliveries": len(player.told),
                "requests": stage.hands.count,
                "writes": sum(len(place.twin.ledger) for place in stage.places),
                "deadlines": len(player.looks),
                "sent again": player.redriven,
            }
        )
        self.vendors.update({place.office.vendor for place in stage.places})
        self.troubles.update(stage.hands.struck)
        for place in stage.places:
            self.troubles.update({f"CRM: {sort}": count for sort, count in place.refused.items()})

    def merge(self, other: Tally) -> None:
        self.counts += other.counts
        self.vendors += other.vendors
        self.troubles += other.troubles
        self.failure = self.failure or other.failure


def tried(count: int, number: int) -> Tally:
    """Draw and play so many histories; the failing one is shrunk."""
    tally = Tally()
    last: list[tuple[str, str]] = []

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories)
    def whatever_happens(history: History) -> None:
        try:
            player = play(history)
            check(player)
        except Exception as error:
            last[:] = [(f"{type(error).__name__}: {error}", history.script())]
            raise
        if not last:
            tally.add(player)

    try:
        whatever_happens()
    except Exception as error:  # whatever it was: it is told with its history
        tally.failure = last[-1] if last else (repr(error), "")
    return tally


def _stay(cores: Queue[int]) -> None:
    """A process stays on its core: its workers hand their turns over far more quickly there."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cores.get()})


def _cores(workers: int) -> Queue[int]:
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    cores: Queue[int] = Queue()
    for number in range(workers):
        cores.put(usable[number % len(usable)])
    return cores


def tried_side_by_side(count: int, number: int, workers: int) -> Tally:
    """The same with several processes, portion by portion, until one fails."""
    whole, begun = Tally(), time.monotonic()
    portions = [min(PORTION, count - done) for done in range(0, count, PORTION)]
    seeds = (number * 100_000 + place for place in range(len(portions)))
    with Pool(workers, _stay, (_cores(workers),)) as pool:
        for ended, tally in enumerate(pool.imap_unordered(_tried, zip(portions, seeds, strict=True)), 1):
            whole.merge(tally)
            seconds = time.monotonic() - begun
            print(f"{whole.counts['histories']:>7} histories, {ended} of {len(portions)} portions, {seconds:.0f} s", flush=True)
            if whole.failure is not None:
                break
    return whole


def _tried(portion: tuple[int, int]) -> Tally:
    return tried(*portion)


def told(tally: Tally, seconds: float) -> str:
    """The closing figures."""
    names = ("deliveries", "requests", "writes", "deadlines", "sent again")
    counted = ", ".join(f"{tally.counts[name]} {words}" for name, words in zip(names, WORDS, strict=True))
    lines = [
        f"{tally.counts['histories']} histories in {seconds:.0f} s: {counted}",
        "CRMs: " + ", ".join(f"{name} {count}" for name, count in sorted(tally.vendors.items())),
        "what went wrong: " + ", ".join(f"{name} {count}" for name, count in sorted(tally.troubles.items())),
    ]
    if tally.failure is None:
        return "\n".join([*lines, "every invariant holds in every history"])
    words, script = tally.failure
    return "\n".join([*lines, "", f"AN INVARIANT DOES NOT HOLD: {words}", "", script])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--n", type=int, default=1_000, help="how many histories")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--script", type=Path, help="play this one history")
    asked = parser.parse_args()
    if asked.script is not None:
        check(play(history_of(json.loads(asked.script.read_text("utf-8")))))
        print("every invariant holds")
        return 0
    begun = time.monotonic()
    tally = tried_side_by_side(asked.n, asked.seed, asked.workers)
    print(told(tally, time.monotonic() - begun))
    return 0 if tally.failure is None else 1


if __name__ == "__main__":
    sys.exit(main())
