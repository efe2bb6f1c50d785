"""What a measure says: figures with their floor and limit, and the one table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

COLUMNS = ("", "measured", "floor", "ratio", "limit", "")


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table. `holds` is None for what is only shown."""

    what: str
    measured: str
    floor: str = ""
    ratio: float | None = None
    limit: str = ""
    holds: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        verdict = "" if self.holds is None else "ok" if self.holds else "FAILS"
        return self.what, self.measured, self.floor, "" if self.ratio is None else f"{self.ratio:.2f}", self.limit, verdict


@dataclass(frozen=True, slots=True)
class Measure:
    """A group of figures: what it is called on the command line and in the table."""

    name: str
    title: str
    run: Callable[[], Sequence[Figure]]


def times_floor(what: str, measured: float, floor: float, unit: str, most: float | None = None) -> Figure:
    """A cost beside its floor, limited as a ratio if `most` is given."""
    ratio = measured / floor
    shown = (f"{measured:.3g} {unit}", f"{floor:.3g} {unit}")
    if most is None:
        return Figure(what, *shown, ratio)
    return Figure(what, *shown, ratio, f"<= {most:g} x floor", ratio <= most)


def counted(what: str, measured: float, most: float | None = None) -> Figure:
    """A number, limited if `most` is given."""
    if most is None:
        return Figure(what, f"{measured:g}")
    return Figure(what, f"{measured:g}", limit=f"<= {most:g}", holds=measured <= most)


def all_hold(figures: Iterable[Figure]) -> bool:
    """Whether no limit is broken."""
    return all(figure.holds is not False for figure in figures)


def table(groups: Mapping[str, Sequence[Figure]]) -> str:
    """All figures as text, one block a measure, the columns aligned over all blocks."""
    rows = [figure.cells for figures in groups.values() for figure in figures]
    widths = [max(len(row[place]) for row in (COLUMNS, *rows)) for place in range(len(COLUMNS))]
    lines = [_line(COLUMNS, widths)]
    for title, figures in groups.items():
        lines += ["", title, *(_line(figure.cells, widths) for figure in figures)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(("  " + first.strip().ljust(widths[0]), *others)).rstrip()


def interleaved(rounds: int, runs: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """What each run gave, round by round. A round does each once, so that what disturbs the machine disturbs all of them."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            taken[name].append(run())
    return taken
