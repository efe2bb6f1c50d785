"""Runs checks in copies of the tree, with and without a fault."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory

from tests.mutation.faults import Fault, applied

SIMULATION = "simulation"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "build")
"""What is not copied: environments, caches, artefacts."""
PYTEST = ("-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--color=no", "--hypothesis-seed=0")
"""Properties try the same examples each time, so that what was caught once is caught again."""
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.+?)(?: - .*)?$", re.MULTILINE)
LONGEST = 120.0
"""Seconds after which checks count as hung: all of them together take far less than that without a fault."""


class Verdict(Enum):
    """What became of a fault. BROKEN: the checks could not be run, which proves nothing."""

    CAUGHT = "caught"
    HUNG = "hung"
    MISSED = "not caught"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Seen:
    """What checks came to: by whom the tree was found faulty, and for BROKEN what was printed last."""

    verdict: Verdict
    by: str = ""

    @property
    def is_caught(self) -> bool:
        return self.verdict in {Verdict.CAUGHT, Verdict.HUNG}


@dataclass(frozen=True, slots=True)
class Result:
    """A fault, what its checks came to, and the seconds that they took."""

    fault: Fault
    seen: Seen
    seconds: float


class Trees:
    """Copies of the tree, each for one user at a time."""

    def __init__(self, source: Path, folder: Path, count: int) -> None:
        self._free: Queue[Path] = Queue()
        for number in range(count):
            self._free.put(shutil.copytree(source, folder / str(number), ignore=LEFT_OUT))

    @contextmanager
    def one(self) -> Iterator[Path]:
        """A copy that nobody else uses meanwhile."""
        tree = self._free.get()
        try:
            yield tree
        finally:
            self._free.put(tree)


def run(checks: Sequence[str], tree: Path, longest: float = LONGEST) -> Seen:
    """Run checks in a tree until the first that fails."""
    tests = [check for check in checks if not check.startswith(SIMULATION)]
    simulations = [check for check in checks if check.startswith(SIMULATION)]
    commands = [(*PYTEST, *tests)] if tests else []
    commands += [("-m", f"tests.{name}", *more) for name, *more in map(str.split, simulations)]
    for command, name in zip(commands, (["tests"] if tests else []) + simulations, strict=True):
        seen = _one(command, name, tree, longest)
        if seen.verdict is not Verdict.MISSED:
            return seen
    return Seen(Verdict.MISSED)


def _one(command: Sequence[str], name: str, tree: Path, longest: float) -> Seen:
    """What one command came to: status 1 is what pytest and the simulation say of a failure."""
    status, told = _ended(command, tree, longest)
    if status is None:
        return Seen(Verdict.HUNG, name)
    if status == 0:
        return Seen(Verdict.MISSED)
    if status == 1:
        failed = FAILED.search(told)
        return Seen(Verdict.CAUGHT, failed[1] if failed else name)
    return Seen(Verdict.BROKEN, f"{name}: {_last_line(told)}")


def _ended(command: Sequence[str], tree: Path, longest: float) -> tuple[int | None, str]:
    """A Python command's exit status in a tree, None if it had to be ended, and what it printed."""
    paths = os.pathsep.join(str(tree / part) for part in ("layers/patchcord", "."))
    # no compiled files: Python takes one for good by its source's size and second, and a fault can have both
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    shutil.rmtree(tree / ".hypothesis", ignore_errors=True)  # what another fault has taught the properties
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            told, _ = process.communicate(timeout=longest)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return None, ""
    return process.returncode, told


def _last_line(told: str) -> str:
    return next((line for line in reversed(told.splitlines()) if line.strip()), "nothing was printed")


def tried(fault: Fault, trees: Trees, longest: float = LONGEST) -> Result:
    """Whether a fault's checks notice it. Raises Stale."""
    with trees.one() as tree, applied(fault, tree):
        begun = time.monotonic()
        return Result(fault, run(fault.checks, tree, longest), time.monotonic() - begun)


def sound(faults: Sequence[Fault], trees: Trees, jobs: int) -> list[Seen]:
    """What the faults' checks find in the tree as it is: nothing, or everything they would say later is worthless."""
    checks = list(dict.fromkeys(check for fault in faults for check in fault.checks))
    parts = [part for start in range(jobs) if (part := checks[start::jobs])]

    def looked(part: Sequence[str]) -> Seen:
        with trees.one() as tree:
            return run(part, tree, longest=10 * LONGEST)

    with ThreadPoolExecutor(jobs) as pool:
        return [seen for seen in pool.map(looked, parts) if seen.verdict is not Verdict.MISSED]


def each(faults: Sequence[Fault], trees: Trees, jobs: int) -> Iterator[Result]:
    """Each fault tried, `jobs` side by side, in the order of the list."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda fault: tried(fault, trees), faults)


@contextmanager
def copies(source: Path, count: int) -> Iterator[Trees]:
    """So many copies of the tree, for as long as they are needed."""
    with TemporaryDirectory(prefix="patchcord-mutation-") as folder:
        yield Trees(source, Path(folder), count)
