"""What commands print: tables for people, one JSON document for programs, and what is said on the side."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

T = TypeVar("T")

WIDE_FILE = 140
"""Columns of output that goes into a file or a pipe."""


@dataclass(frozen=True)
class Answer:
    """What a command came to: `data` is what --json prints, `shown` what people see. `wrong`: something is not as it should
    be, and the exit code says so."""

    data: Any
    shown: Sequence[RenderableType] = field(default=())
    wrong: bool = False


def show(answer: Answer, as_json: bool) -> None:
    """Print an answer on stdout."""
    if as_json:
        sys.stdout.write(json.dumps(answer.data, ensure_ascii=False, indent=2, default=str) + "\n")
        return
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE_FILE, highlight=False)
    for part in answer.shown:
        console.print(part, markup=False, soft_wrap=isinstance(part, str))


def tell(words: str, style: str = "") -> None:
    """Say something on stderr."""
    Console(file=sys.stderr, highlight=False).print(words, style=style, markup=False, soft_wrap=True)


def tracked(items: Iterable[T], words: str, total: int | None = None) -> Iterator[T]:
    """The items, with a bar on stderr while they are worked on, where somebody can see it."""
    if not sys.stderr.isatty():
        yield from items
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        yield from progress.track(items, total=total, description=words)


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Rows below a heading; None is empty, True and False are words."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column == "call")
    for row in rows:
        made.add_row(*(Text(in_words(cell)) for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, Any]]) -> Table:
    """Names and values; what has no value is left out."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", [], ()):
            made.add_row(name, Text(in_words(value)))
    return made


def calls_in_words(count: int) -> str:
    """So many calls."""
    return "1 call" if count == 1 else f"{count} calls"


def in_words(value: Any) -> str:
    """A value as it stands in a table."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, default=str)
