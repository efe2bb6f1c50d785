"""The deliberate faults: what they change, and which checks are to notice (docs/mutation.md)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LISTS = Path(__file__).parent / "faults"
"""One list for each promise of the README, and one for doing what the rules say."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One change of one file. `harm` is what a user would come to feel, `checks` are what is to notice it: pytest's files and
    node ids, and `simulation …` with the simulation's own arguments. `promise` is the list that it stands in."""

    name: str
    promise: str
    harm: str
    file: str
    old: str
    new: str
    checks: tuple[str, ...]


@dataclass(eq=False)
class Stale(Exception):
    """The code has changed: the text that a fault replaces does not stand in its file exactly once."""

    fault: str
    file: str
    found: int

    def __str__(self) -> str:
        return f"{self.fault}: its text is {self.found} times in {self.file}, not once"


def load(lists: Path = LISTS) -> tuple[Fault, ...]:
    """All faults, list after list. Raises KeyError or TypeError for one that is not complete."""
    return tuple(
        Fault(promise=path.stem[2:].replace("_", " "), **{**told, "checks": tuple(told["checks"])})
        for path in sorted(lists.glob("*.toml"))
        for told in tomllib.loads(path.read_text(encoding="utf-8"))["fault"]
    )


def changed(fault: Fault, root: Path) -> str:
    """The fault's file with the fault in it. Raises Stale."""
    text = (root / fault.file).read_text(encoding="utf-8")
    found = text.count(fault.old)
    if found != 1:
        raise Stale(fault.name, fault.file, found)
    return text.replace(fault.old, fault.new)


@contextmanager
def applied(fault: Fault, root: Path) -> Iterator[None]:
    """The tree with the fault in it, and without it afterwards. Raises Stale."""
    file = root / fault.file
    whole, text = file.read_bytes(), changed(fault, root)
    file.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        file.write_bytes(whole)
