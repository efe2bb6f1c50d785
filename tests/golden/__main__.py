"""`make golden`: run the golden rows and print one line a row."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tests.golden import decision, twin
from tests.golden.rows import SHARED, Row, load


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make golden", description="Run golden rows against the product.")
    parser.add_argument("--file", type=Path, default=SHARED, help="the golden file (default: the shared one)")
    parser.add_argument("--only", default="", metavar="START", help="only rows whose id begins so, such as KM")
    parser.add_argument("--level", choices=("decision", "twin"), default="decision")
    chosen = parser.parse_args(arguments)
    if not chosen.file.is_file():
        print(f"no golden file at {chosen.file}: name one with FILE=path")
        return 2
    return report([row for row in load(chosen.file) if row.id.startswith(chosen.only)], chosen.level)


def report(rows: list[Row], level: str) -> int:
    """Print a line for each row and the sums; 0 when nothing failed."""
    skip, run = runner(level)
    passed = failed = skipped = 0
    for row in rows:
        reason = skip(row)
        if reason is not None:
            skipped += 1
            print(f"{row.id} skipped: {reason}")
            continue
        problems = _outcome(run, row)
        passed, failed = passed + (not problems), failed + bool(problems)
        print(f"{row.id} FAIL {'; '.join(problems)}" if problems else f"{row.id} ok")
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


def _outcome(run: Callable[[Row], list[str]], row: Row) -> list[str]:
    """A row that breaks down has failed; the others still run."""
    try:
        return run(row)
    except Exception as error:  # the outermost edge: whatever a row does, the report goes on and says so
        return [f"broke down: {type(error).__name__}: {error}"]


def runner(level: str) -> tuple[Callable[[Row], str | None], Callable[[Row], list[str]]]:
    """Why a row is skipped at a level, and how it is run there."""
    if level == "twin":
        return twin.skipped, twin.run
    return lambda row: decision.LATER.get(row.kind), decision.run


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
