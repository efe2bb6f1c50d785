"""`patchcord calls`: the journal, filtered."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Annotated

import typer

from cli.failures import usage
from cli.frame import Session, command
from cli.journal import Line, calls_of, days, line_of
from cli.output import Answer, calls_in_words, table

STATUSES = ("open", "failed", "ignored", "done")
Numbers = Annotated[bool, typer.Option("--numbers", help="show clients' numbers in full")]


def calls(
    session: Session,
    day: Annotated[str | None, typer.Option(help="one day, YYYY-MM-DD (UTC)", show_default="today")] = None,
    since: Annotated[str | None, typer.Option(help="from a day on, YYYY-MM-DD, or so many days back", show_default=False)] = None,
    status: Annotated[str | None, typer.Option(help=", ".join(STATUSES), show_default=False)] = None,
    situation: Annotated[str | None, typer.Option(help="or its beginning, such as in_missed", show_default=False)] = None,
    employee: Annotated[str | None, typer.Option(help="key of an employee, or a direction", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, help="how many at the most")] = 100,
    numbers: Numbers = False,
) -> Answer:
    """List calls, the newest first."""
    if status is not None and status not in STATUSES:
        raise usage(f"there is no status {status!r}", f"One of: {', '.join(STATUSES)}.")
    directory, connection = session.settings.directory, session.connection
    wanted = span(day, since, connection.clock.now().date())
    entries = calls_of(connection.store, session.project.name, session.tracked(wanted, "reading the journal", len(wanted)))
    lines = (line_of(entry, directory, numbers=numbers) for entry in entries)
    found = list(islice((line for line in lines if _fits(line, status, situation, employee)), limit))
    columns = ("heard (UTC)", "call", "client", "situation", "status", "employees", "written")
    rows = [(it.heard, it.call, it.client, _situation(it), it.status, it.employees, it.written) for it in found]
    words = calls_in_words(len(found)) + ("; --limit shows more" if len(found) == limit else "")
    return Answer([asdict(line) for line in found], (table(columns, rows), words))


def span(day: str | None, since: str | None, today: date) -> list[str]:
    """The days that are asked for, the latest first."""
    if day is not None and since is not None:
        raise usage("--day and --since exclude each other")
    if since is not None:
        return days(min(_day(since, today), today), today)
    one = today if day is None else _day(day, today)
    return days(one, one)


def _day(text: str, today: date) -> date:
    if text.isdecimal() and len(text) <= 4:
        return today - timedelta(days=int(text))
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise usage(f"{text!r} is no day", "Days are written 2026-03-05, or as a number of days back.") from None


def _fits(line: Line, status: str | None, situation: str | None, employee: str | None) -> bool:
    return (
        (status is None or line.status == status)
        and (situation is None or line.situation.startswith(situation))
        and (employee is None or employee in line.employees)
    )


def _situation(line: Line) -> str:
    return ": ".join(filter(None, (line.situation, line.reason)))


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "calls")(calls)
