"""`make mutate`: put one deliberate fault after another into a copy of the tree, and see whether the checks notice."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.mutation.faults import Fault, Stale, load
from tests.mutation.runner import Result, Seen, Verdict, copies, each, sound

ROOT = Path(__file__).resolve().parents[2]
LAYER = "layers/patchcord/patchcord/"


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the faults that were asked for; 0 if every one of them was caught, 1 if not, 2 if that could not be told."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("words", nargs="*", help="only faults with one of these words in their name")
    parser.add_argument("--list", action="store_true", help="say what the faults are, and try none")
    parser.add_argument("--jobs", type=int, default=2, help="how many are tried side by side (default: 2)")
    asked = parser.parse_args(arguments)
    faults = [fault for fault in load() if not asked.words or any(word in fault.name for word in asked.words)]
    console = Console(width=None if sys.stdout.isatty() else 170)
    if not faults:
        console.print("there is no such fault; --list names them all")
        return 2
    if asked.list:
        console.print(listed(faults))
        return 0
    return check(faults, max(1, asked.jobs), console)


def check(faults: Sequence[Fault], jobs: int, console: Console) -> int:
    """Try the faults and print what came of it."""
    begun = time.monotonic()
    with copies(ROOT, jobs) as trees:
        if faulty := sound(faults, trees, jobs):
            console.print("The checks fail without any fault:", *(f"{seen.by} ({seen.verdict.value})" for seen in faulty))
            return 2
        try:
            tries = each(faults, trees, jobs)
            results = list(track(tries, "faults", total=len(faults), console=console, transient=True))
        except Stale as stale:
            console.print(f"{stale}. Put the list right: tests/mutation/faults")
            return 2
    caught = sum(result.seen.is_caught for result in results)
    console.print(table(results))
    console.print(f"{caught} of {len(results)} faults caught ({time.monotonic() - begun:.0f} s)", highlight=False)
    return 0 if caught == len(results) else 1


def table(results: Sequence[Result]) -> Table:
    """One line a fault."""
    shown = Table("fault", "where", "caught by", "s", title="Mutation check", box=None, pad_edge=False)
    promise = ""
    for result in results:
        if result.fault.promise != promise:
            promise = result.fault.promise
            shown.add_row(f"[bold]{promise}[/bold]")
        where = result.fault.file.removeprefix(LAYER)
        shown.add_row(f"  {result.fault.name}", where, _by(result.seen), f"{result.seconds:.1f}")
    return shown


def _by(seen: Seen) -> str:
    by = seen.by.replace("[", r"\[").removeprefix("tests/")
    return by if seen.verdict is Verdict.CAUGHT else f"[bold]{seen.verdict.value}[/bold] {by}".rstrip()


def listed(faults: Sequence[Fault]) -> Table:
    """What each fault would do to a user."""
    shown = Table("fault", "what a user would come to feel", box=None, pad_edge=False)
    for fault in faults:
        shown.add_row(fault.name, fault.harm)
    return shown


if __name__ == "__main__":
    sys.exit(main())
