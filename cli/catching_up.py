"""`patchcord reconcile`: taking in what the telephony lists and the journal lacks, now and for a period of one's own."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.connection import Connection
from cli.failures import usage
from cli.frame import Session, command
from cli.output import Answer, facts
from patchcord.service.accept import Service
from patchcord.service.call_lists import TIME_OUT, CallList, MangoList, RingostatList
from patchcord.service.clock import no_deadline
from patchcord.service.observe import Observer
from patchcord.service.reconcile import Reconciler
from patchcord.service.ringostat_apis import RingostatApis
from patchcord.service.wishes import Wish

LOGGED_AS = "patchcord-cli"


def reconcile(
    session: Session,
    since: Annotated[str | None, typer.Option(help="from when on, ISO; the last run by default", show_default=False)] = None,
    until: Annotated[str | None, typer.Option(help="until when, ISO; now by default", show_default=False)] = None,
    resend: Annotated[
        bool | None, typer.Option("--resend/--no-resend", help="also what came while the integration was off", show_default=False)
    ] = None,
) -> Answer:
    """Take in the calls that the telephony lists and the journal lacks. Exit code 1 when it could not be done as a whole."""
    name = session.project.name
    wish = Wish(name, time_of("--since", since), time_of("--until", until), resend)
    if wish.since and wish.until and wish.since >= wish.until:
        raise usage("--since must be before --until")
    with redirect_stdout(io.StringIO()):  # the functions' log: what it says is in the answer too
        told: dict[str, Any] = reconciler(session.connection).run(wish, no_deadline())["projects"][name]
    return Answer({"project": name, **told}, (facts(told.items()),), told["status"] != "done" or bool(told["cut"]))


def time_of(option: str, text: str | None) -> datetime | None:
    """A time as it is typed; without a zone it is UTC."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise usage(f"{option} is no time", "Such as 2026-03-05T09:00:00+02:00; without a zone it is UTC.") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def reconciler(connection: Connection) -> Reconciler:
    """Who catches up, as service/bootstrap.py makes it for the function."""
    observer = Observer(service=LOGGED_AS)
    service = Service(connection.projects, connection.performer, connection.queue, connection.clock, observer)
    lists: dict[str, CallList] = {
        "ringostat": RingostatList(RingostatApis(connection.secrets, TIME_OUT), connection.clock),
        "mango": MangoList(connection.providers.mango, connection.providers.roster, connection.store, connection.clock),
    }
    return Reconciler(
        service, connection.store, lambda project: lists[project.settings.telephony.provider], connection.base or ""
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "reconcile")(reconcile)
